/**
 * A task that only memory can solve, in the closed loop: a lamp shows in the first second where to go, and is dark
 * when the arm may move. training/tests/memory_task.py trains both bundles; the manifest alone says what is carried.
 */
import path from 'node:path';
import { Subject } from 'rxjs';
import { afterAll, describe, expect, it } from 'vitest';
import { createStrategy } from '../src/act/strategy.js';
import type { RobotContract } from '../src/contract/contract.js';
import { loadBundle } from '../src/infer/load.js';
import { Policy } from '../src/infer/policy.js';
import { runEpisode } from '../src/loop.js';
import type { Clock, Frame, JointCommand, JointState, Outcome, Robot } from '../src/robots/robot.js';
import { FAKE_CONTRACT } from './support/fakeRobot.js';

const BUNDLES = path.join(import.meta.dirname, 'fixtures', 'memory');
/** As in memory_task.py: rows of an episode, those in which the lamp is lit, a frame's side. */
const [RATE_HZ, EPISODE, SHOWN, SIDE] = [5, 14, 5, 16];
const CHUNK = 2;

const CONTRACT: RobotContract = {
  ...FAKE_CONTRACT,
  name: 'lamp',
  rateHz: RATE_HZ,
  commandRateHz: RATE_HZ,
  joints: [{ name: 'slide', min: -2, max: 2, velocity: 100, acceleration: 10_000 }],
  cameras: [
    {
      ...{ name: 'lamp', role: 'global_overview', width: SIDE, height: SIDE, maxAgeS: 1 },
      ...{ topic: '/lamp', qos: 'sensor_data' },
    },
  ],
  commands: [{ topic: '/slide', type: 'sensor_msgs/msg/JointState', joints: ['slide'] }],
  reward: { topic: '/reward', max: 1 },
  safety: { rampInS: 0, jointsMaxAgeS: 1 },
};

/** Odd seeds want it to go left. The joint tells how long the episode has lasted, and nothing of where to go. */
class LampRobot implements Robot {
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly contract = CONTRACT;
  readonly maxReward = 1;
  readonly clock: Clock;
  #tick = 0;
  #target = 0;
  #command = 0;

  constructor() {
    const now = () => this.#tick / RATE_HZ;
    this.clock = {
      lockstep: true,
      get now() {
        return now();
      },
      sleepUntil: async (time) => {
        while (now() < time - 1e-9) {
          this.#tick++;
          this.#sense();
        }
      },
    };
  }

  async reset({ seed }: { seed: number }): Promise<void> {
    this.#tick = 0;
    this.#command = 0;
    this.#target = seed % 2 === 1 ? -1 : 1;
    this.#sense();
  }

  command({ positions }: JointCommand): void {
    this.#command = positions[0] ?? 0;
  }

  async close(): Promise<void> {}

  #sense(): void {
    const time = this.clock.now;
    this.joints.next({ time, positions: Float32Array.of(this.#tick / EPISODE) });
    this.frames.next({ camera: 'lamp', time, width: SIDE, height: SIDE, data: this.#frame() });
    const there = this.#tick === EPISODE && Math.sign(this.#command) === this.#target;
    this.outcomes.next({ time, reward: there ? 1 : 0 });
  }

  #frame(): Uint8Array {
    const data = new Uint8Array(SIDE * SIDE * 3).fill(20);
    if (this.#tick >= SHOWN) return data;
    const left = this.#target < 0 ? 2 : SIDE - 7;
    for (let y = 5; y < 10; y++) {
      for (let x = left; x < left + 5; x++) data.set([250, 220, 80], (y * SIDE + x) * 3);
    }
    return data;
  }
}

const opened: Policy[] = [];
afterAll(() => Promise.all(opened.map((policy) => policy.close())));

/** By seed, of ten episodes one after the other with one policy. */
async function successes(name: string): Promise<boolean[]> {
  const policy = await Policy.load(await loadBundle(path.join(BUNDLES, name)), { provider: 'cpu' });
  opened.push(policy);
  const found: boolean[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    const strategy = createStrategy({ name: 'latest' }, { length: CHUNK, width: 1 });
    const robot = new LampRobot();
    const { result } = await runEpisode({ robot, policy, strategy, seed, timeLimitS: EPISODE / RATE_HZ });
    expect(result.steps).toBe(EPISODE);
    found.push(result.success);
  }
  return found;
}

describe('a target shown in the first second only', () => {
  it('is reached by a policy with memory in every episode, whatever the one before was', async () => {
    expect(await successes('with')).toEqual(Array(10).fill(true));
  });

  it('is missed half the time without: that policy goes one way, whatever it was shown', async () => {
    const found = await successes('without');
    expect(found.filter(Boolean)).toHaveLength(5);
    expect(found.filter((_, i) => i % 2 === 0)).toEqual(Array(5).fill(found[0]));
  });
});
