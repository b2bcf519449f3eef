/**
 * A robot in real time for measuring: cameras whose pictures were made beforehand, textured and noisy as real ones
 * are, and joints that swing. Everything comes when it is due, however late the thread is. Every image is copied into
 * a buffer of its own, as rclnodejs does with the middleware's.
 */
import { Subject } from 'rxjs';
import type { CameraSpec, RobotContract } from '../../src/contract/contract.js';
import { Random } from '../../src/random.js';
import type { Frame, JointState, Outcome, Robot } from '../../src/robots/robot.js';
import { sleepUntil } from '../../src/sleep.js';
import { FAKE_CONTRACT } from './fakeRobot.js';

/** Of each camera, shown over and over. */
const PICTURES = 8;

const CAMERAS = (['wrist_detail', 'wrist_context', 'global_overview'] as const).map(
  (role): CameraSpec => ({
    ...{ name: role, role, width: 0, height: 0, maxAgeS: 1 },
    ...{ topic: `/${role}/image_raw`, qos: 'sensor_data' },
  }),
);

export interface CameraRobotOptions {
  /** Whose joints, rates and cameras (their size apart) it has; three cameras and the fake robot's joints when absent. */
  readonly contract?: RobotContract;
  readonly width: number;
  readonly height: number;
  readonly cameraHz: number;
  readonly jointsHz: number;
}

export class CameraRobot implements Robot {
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly maxReward = 1;
  readonly contract: RobotContract;
  readonly clock;
  /** What copying images has taken so far, ms. */
  copyMs = 0;
  readonly #pictures: readonly Uint8Array[][];
  #began = performance.now();
  #timers: NodeJS.Timeout[] = [];

  constructor({ contract, width, height, cameraHz, jointsHz }: CameraRobotOptions) {
    const base = contract ?? {
      ...FAKE_CONTRACT,
      rateHz: cameraHz,
      commandRateHz: cameraHz,
      cameras: CAMERAS,
    };
    this.contract = {
      ...base,
      // The loop must not hold because this machine is busy: how long things take is what is measured.
      cameras: base.cameras.map((camera) => ({ ...camera, width, height, maxAgeS: 1 })),
      safety: { rampInS: 0, jointsMaxAgeS: 1 },
    };
    this.#pictures = this.contract.cameras.map((_, camera) =>
      Array.from({ length: PICTURES }, (_, n) => picture(width, height, camera * PICTURES + n)),
    );
    const now = () => (performance.now() - this.#began) / 1000;
    this.clock = {
      lockstep: false,
      get now() {
        return now();
      },
      sleepUntil: (time: number) => sleepUntil(now, time),
    };
    this.#every(cameraHz, (n, time) => {
      this.contract.cameras.forEach(({ name }, camera) => {
        const began = performance.now();
        const { buffer } = Buffer.from(this.#pictures[camera]?.[n % PICTURES] as Uint8Array);
        this.copyMs += performance.now() - began;
        this.frames.next({ camera: name, time, width, height, data: new Uint8Array(buffer), movable: true });
      });
    });
    this.#every(jointsHz, (_, time) => {
      const positions = this.contract.joints.map(
        ({ min, max }, j) => (min + max) / 2 + ((max - min) / 3) * Math.sin(time / 3 + j),
      );
      this.joints.next({ time, positions: Float32Array.from(positions) });
    });
  }

  /** The clock goes on, as a robot's does. */
  async reset(): Promise<void> {
    this.outcomes.next({ time: this.clock.now, reward: 0 });
  }

  command(): void {}

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }

  /** Calls `emit` at n/hz s, with that time, for every n; all that are due at once where the thread was held up. */
  #every(hz: number, emit: (n: number, time: number) => void): void {
    const slot = this.#timers.push(setTimeout(() => {}, 0)) - 1;
    const wait = (n: number) => {
      const ms = Math.max(0, (n / hz - this.clock.now) * 1000);
      this.#timers[slot] = setTimeout(() => {
        let next = n;
        do emit(next, next / hz);
        while (++next / hz <= this.clock.now);
        wait(next);
      }, ms);
    };
    wait(1);
  }
}

/** rgb8: gradients, edges, fine texture, and a sensor's noise of some 2 %. */
function picture(width: number, height: number, seed: number): Uint8Array {
  const random = new Random(seed);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const edge = ((x + seed * 11) >> 6) & 1 ? 30 : 0;
      const light =
        110 + edge + 50 * Math.sin(x / 90 + seed) + 20 * Math.sin(y / 31) + 8 * Math.sin((x * y) / 500);
      for (let c = 0; c < 3; c++) data[at++] = light * (0.8 + 0.1 * c) + random.uniform(-5, 5);
    }
  }
  return data;
}
