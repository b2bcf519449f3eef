/**
 * A robot in real time, but for the wall clock: cameras, joint states, inferences and the loop's own wake-ups are
 * events on one line of virtual time, so that a test knows to the bit what is due when.
 */
import { Subject } from 'rxjs';
import type { RobotContract } from '../../src/contract/contract.js';
import type { PolicyBundle } from '../../src/infer/bundle.js';
import type { Inference } from '../../src/infer/policy.js';
import type { Inferrer } from '../../src/latestInference.js';
import type { Observation } from '../../src/observe/observation.js';
import type { Clock, Frame, JointCommand, JointState, Outcome, Robot } from '../../src/robots/robot.js';
import { FAKE_CONTRACT, fakeBundle } from './fakeRobot.js';

interface Event {
  readonly time: number;
  readonly happen: () => void;
}

export class VirtualTime {
  #now = 0;
  readonly #events: Event[] = [];

  /** s */
  get now(): number {
    return this.#now;
  }

  /** Events of one time happen in the order in which they were announced. */
  at(time: number, happen: () => void): void {
    const before = this.#events.findIndex((event) => event.time > time);
    this.#events.splice(before < 0 ? this.#events.length : before, 0, { time, happen });
  }

  /** Runs until `promise` is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await turn();
    while (!settled) {
      const event = this.#events.shift();
      if (!event) throw new Error(`nothing is going to happen after ${this.#now} s`);
      this.#now = Math.max(this.#now, event.time);
      event.happen();
      await turn();
    }
    return promise;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

export interface TimedCamera {
  readonly rateHz: number;
  /** Of its first image, s. */
  readonly phaseS?: number;
  /** From an image's stamp to its arrival, s; by number. */
  readonly lagS?: (n: number) => number;
  /** It sends nothing from then on, s. */
  readonly stopsAt?: number;
}

export interface TimedRobotOptions {
  readonly time: VirtualTime;
  readonly contract: RobotContract;
  /** One for each of the contract's. */
  readonly cameras: readonly TimedCamera[];
  /** How late (s) the loop wakes up; by number of the sleep. 0 when absent. */
  readonly wakesLateS?: (sleep: number) => number;
}

export class TimedRobot implements Robot {
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly maxReward = 1;
  readonly contract: RobotContract;
  readonly clock: Clock;
  /** Commands, and when they came. */
  readonly commands: (JointCommand & { readonly at: number })[] = [];
  readonly #options: TimedRobotOptions;
  #pose: Float32Array;
  #sleeps = 0;

  constructor(options: TimedRobotOptions) {
    const { time, contract, wakesLateS } = options;
    this.#options = options;
    this.contract = contract;
    this.#pose = Float32Array.from(contract.joints, ({ min, max }) => (min + max) / 2);
    this.clock = {
      lockstep: false,
      get now() {
        return time.now;
      },
      sleepUntil: (until) => {
        const late = wakesLateS?.(this.#sleeps++) ?? 0;
        return new Promise((resolve) => time.at(until + late, resolve));
      },
    };
    contract.cameras.forEach((_, c) => {
      this.#shoot(c, 0);
    });
    this.#feel(0);
  }

  async reset(): Promise<void> {}

  command(command: JointCommand): void {
    this.commands.push({ ...command, at: this.clock.now });
    this.#pose = command.positions;
  }

  async close(): Promise<void> {}

  #shoot(c: number, n: number): void {
    const { name } = this.contract.cameras[c];
    const { rateHz, phaseS = 0, lagS, stopsAt = Number.POSITIVE_INFINITY } = this.#options.cameras[c];
    const stamp = phaseS + n / rateHz;
    if (stamp >= stopsAt) return;
    this.#options.time.at(stamp + (lagS?.(n) ?? 0), () => {
      this.frames.next({ camera: name, time: stamp, width: 1, height: 1, data: new Uint8Array(3) });
      this.#shoot(c, n + 1);
    });
  }

  /** 200 joint states a second. */
  #feel(n: number): void {
    this.#options.time.at(n / 200, () => {
      this.joints.next({ time: n / 200, positions: this.#pose.slice() });
      this.#feel(n + 1);
    });
  }
}

/** A policy that takes its time. Keeps what it was shown, and when. */
export class TimedPolicy implements Inferrer {
  readonly bundle: PolicyBundle;
  readonly seen: { readonly observation: Observation; readonly at: number }[] = [];
  readonly foreseen: Frame[][] = [];

  /**
   * @param latencyS of inference n
   * @param act position of joint j (bundle order) that is meant for a time
   */
  constructor(
    private readonly time: VirtualTime,
    contract: RobotContract,
    readonly chunk: number,
    private readonly latencyS: (n: number) => number,
    private readonly act: (time: number, joint: number, observation: Observation) => number,
  ) {
    this.bundle = fakeBundle(contract, chunk);
  }

  foresee(camera: number, frame: Frame): void {
    const frames = this.foreseen[camera] ?? [];
    this.foreseen[camera] = frames;
    frames.push(frame);
  }

  async infer(observation: Observation): Promise<Inference> {
    const n = this.seen.push({ observation, at: this.time.now }) - 1;
    await new Promise<void>((resolve) => this.time.at(this.time.now + this.latencyS(n), resolve));
    const width = this.bundle.joints.length;
    const dt = 1 / this.bundle.rateHz;
    const actions = Float32Array.from({ length: this.chunk * width }, (_, i) =>
      this.act(observation.time + Math.floor(i / width) * dt, i % width, observation),
    );
    const chunk = { time: observation.time, dt, length: this.chunk, width, actions };
    return { chunk, runMs: 0, resizeMs: 0, views: new Map() };
  }
}

/** The fake contract at other rates. */
export function timedContract(rateHz: number, commandRateHz: number): RobotContract {
  return { ...FAKE_CONTRACT, rateHz, commandRateHz, sync: { toleranceS: 0.5 / rateHz, maxSkewS: 0.2 } };
}
