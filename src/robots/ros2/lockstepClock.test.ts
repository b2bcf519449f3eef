import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeGraph } from '../../../test/support/fakeGraph.js';
import { FAKE_CONTRACT } from '../../../test/support/fakeRobot.js';
import { nsToSeconds } from '../../messages/time.js';
import type { Frame, JointState, Outcome } from '../robot.js';
import { RosRobot } from './rosRobot.js';

const CONTROL = '/world/w/control';
const POSE = { pan: 0.5, lift: -0.5, gripper: 0.03 };
const PERIOD_MS = Math.round(1000 / FAKE_CONTRACT.rateHz);
/** Wall time (ms) that a simulated one takes. */
const SLOW = 5;

type Part = 'wrist' | 'head' | 'joints' | 'reward' | 'clock';

/** A simulator that moves when it is told to, and shows what there is to see when it gets round to it. */
class World {
  readonly graph = new FakeGraph();
  /** ms */
  phase = 13;
  readonly missing = new Set<Part>();
  running = false;
  steps: number[] = [];
  #left = 0;

  constructor() {
    const { graph } = this;
    graph.time = 3_000_000_000n;
    graph.offer('/wrist/image_raw', 'sensor_msgs/msg/Image', '/bridge');
    graph.offer('/head/image_raw', 'sensor_msgs/msg/Image', '/bridge');
    graph.offer('/reward', 'std_msgs/msg/Float32', '/peer');
    graph.services.set(CONTROL, (request) => {
      const { world_control: control } = request as { world_control: { pause: boolean; multi_step: number } };
      this.running = !control.pause;
      this.#left = control.multi_step;
      if (control.multi_step > 0) this.steps.push(control.multi_step);
      return { success: true };
    });
  }

  /** Lets `ms` of wall time pass. */
  async pass(ms: number): Promise<void> {
    for (let n = 0; n < ms; n++) {
      await vi.advanceTimersByTimeAsync(1);
      if (n % SLOW === 0) this.#go();
      // A paused simulator goes on saying what time it is.
      if (n % 20 === 0 && !this.missing.has('clock')) this.graph.clock();
    }
  }

  #go(): void {
    if (this.#left <= 0 && !this.running) return;
    this.#left--;
    this.graph.time += 1_000_000n;
    const { graph, missing } = this;
    const stamp = graph.time;
    if (!missing.has('clock')) graph.clock();
    if (!missing.has('joints')) graph.joints('/joint_states', POSE);
    if ((Number(stamp / 1_000_000n) - this.phase) % PERIOD_MS !== 0) return;
    // Images take a while to be drawn.
    setTimeout(() => {
      if (!missing.has('wrist')) graph.image('/wrist/image_raw', 8, 6, 1, stamp);
    }, 40);
    setTimeout(() => {
      if (!missing.has('head')) graph.image('/head/image_raw', 12, 8, 1, stamp);
      if (!missing.has('reward')) graph.publish('std_msgs/msg/Float32', '/reward', { data: 2 });
    }, 120);
  }
}

let world: World;
let robot: RosRobot;
let frames: Frame[];
let states: JointState[];
let outcomes: Outcome[];

beforeEach(async () => {
  vi.useFakeTimers();
  world = new World();
  robot = new RosRobot({
    graph: world.graph,
    contract: { ...FAKE_CONTRACT, lockstep: { service: CONTROL, stepS: 0.001, reward: true } },
    simTime: true,
    lockstep: true,
  });
  [frames, states, outcomes] = [[], [], []];
  robot.frames.subscribe((frame) => frames.push(frame));
  robot.joints.subscribe((state) => states.push(state));
  robot.outcomes.subscribe((outcome) => outcomes.push(outcome));
  // What is published is looked for twice a second.
  await world.pass(600);
});
afterEach(async () => {
  await robot.close();
  vi.useRealTimers();
});

/** What becomes of it within `ms` of wall time. */
async function within(ms: number, promise: Promise<void>): Promise<string> {
  let outcome = 'pending';
  promise.then(
    () => {
      outcome = 'done';
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  for (let n = 0; n < ms && outcome === 'pending'; n += 20) await world.pass(20);
  return outcome;
}

const reset = () => within(30_000, robot.reset({ seed: 1 }));
const sleep = (seconds: number) => within(30_000, robot.clock.sleepUntil(robot.clock.now + seconds));

describe('a robot in lockstep', () => {
  it('begins when its cameras see something', async () => {
    expect(await reset()).toBe('done');
    expect(robot.clock.lockstep).toBe(true);
    const { now } = robot.clock;
    expect((Math.round(1000 * now) - world.phase) % PERIOD_MS).toBe(0);
    expect(frames.filter(({ time }) => time === now).map(({ camera }) => camera)).toEqual(['wrist', 'head']);
    expect(states.at(-1)?.time).toBe(now);
  });

  it('stands still while nobody sleeps', async () => {
    await reset();
    const { now } = robot.clock;
    await world.pass(1000);
    expect(robot.clock.now).toBe(now);
    expect(nsToSeconds(world.graph.time)).toBe(now);
  });

  it('has at each tick what is seen then, however long it takes to arrive', async () => {
    await reset();
    for (let tick = 0; tick < 5; tick++) {
      [frames, states, outcomes] = [[], [], []];
      world.steps = [];
      const began = robot.clock.now;
      expect(await sleep(PERIOD_MS / 1000)).toBe('done');
      const { now } = robot.clock;
      expect(now).toBeCloseTo(began + PERIOD_MS / 1000, 9);
      expect(world.steps).toEqual([PERIOD_MS]);
      expect(frames.map(({ camera, time }) => [camera, time])).toEqual([
        ['wrist', now],
        ['head', now],
      ]);
      expect(states.at(-1)?.time).toBe(now);
      expect(outcomes.map(({ reward }) => reward)).toEqual([2]);
    }
  });

  it('does not wait for images between ticks', async () => {
    await reset();
    frames.length = 0;
    expect(await sleep(0.004)).toBe('done');
    expect(frames).toEqual([]);
    expect(states.at(-1)?.time).toBe(robot.clock.now);
    expect(await sleep(PERIOD_MS / 1000 - 0.004)).toBe('done');
    expect(frames).toHaveLength(2);
  });

  it('stops a world that runs by itself', async () => {
    world.running = true;
    expect(await reset()).toBe('done');
    expect(world.running).toBe(false);
  });

  it.each([
    ['head', 'camera head'],
    ['joints', 'joint states'],
    ['reward', 'reward'],
  ] as const)('says that what is missing is %s', async (part, name) => {
    await reset();
    world.missing.add(part);
    expect(await sleep(PERIOD_MS / 1000)).toMatch(
      new RegExp(`^/clock is at 3\\.\\d{3} s, and of that time nothing has come from ${name} for 15 s$`),
    );
  });

  it('says that the world does not go on', async () => {
    await reset();
    world.missing.add('clock');
    expect(await sleep(PERIOD_MS / 1000)).toMatch(
      /^the world was to go on to 3\.\d{3} s and is at 3\.\d{3} s: nothing has come on \/clock for 15\.\d s$/,
    );
  });

  it('says that the world is not to be stepped', async () => {
    await reset();
    world.graph.services.delete(CONTROL);
    expect(await sleep(PERIOD_MS / 1000)).toBe(
      `the world cannot be stepped: nobody offers the service ${CONTROL}`,
    );
    world.graph.services.set(CONTROL, () => ({ success: false }));
    expect(await sleep(PERIOD_MS / 1000)).toBe(`the world cannot be stepped: ${CONTROL} refuses`);
    world.graph.services.set(CONTROL, () => new Promise(() => {}));
    expect(await sleep(PERIOD_MS / 1000)).toMatch(/did not answer within 15 s$/);
  });

  it('refuses a camera that sees nothing in a control period', async () => {
    world.missing.add('wrist');
    expect(await reset()).toMatch(
      /in a control period of [\d.]+ s nothing came from camera wrist: in lockstep/,
    );
  });
});

describe('a robot', () => {
  it('is not stepped where its contract does not say how, or its time is the machine’s', () => {
    const { graph } = world;
    const lockstep = { service: CONTROL, stepS: 0.001, reward: false };
    expect(() => new RosRobot({ graph, contract: FAKE_CONTRACT, simTime: true, lockstep: true })).toThrow(
      /has no lockstep section: it does not say how the robot's time is stepped/,
    );
    expect(
      () => new RosRobot({ graph, contract: { ...FAKE_CONTRACT, lockstep }, simTime: false, lockstep: true }),
    ).toThrow('lockstep needs the time of a simulator: set use_sim_time');
  });
});
