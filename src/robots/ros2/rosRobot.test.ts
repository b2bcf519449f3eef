import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeGraph } from '../../../test/support/fakeGraph.js';
import { FAKE_CONTRACT } from '../../../test/support/fakeRobot.js';
import type { RobotContract } from '../../contract/contract.js';
import type { Frame, JointState, Outcome } from '../robot.js';
import { RosRobot } from './rosRobot.js';
import type { Notice } from './source.js';

const IMAGE = 'sensor_msgs/msg/Image';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';
const JOINT_STATE = 'sensor_msgs/msg/JointState';
const POSE = { pan: 0.5, lift: -0.5, gripper: 0.03 };

let graph: FakeGraph;
let robot: RosRobot;
let frames: Frame[];
let states: JointState[];
let outcomes: Outcome[];
let notices: Notice[];

/** The robot of the contract, its drivers up and running. */
function setUp(change: Partial<RobotContract> = {}): void {
  graph = new FakeGraph();
  graph.time = 1_000_000_000_000n;
  graph.offer('/wrist/image_raw', IMAGE, '/wrist_camera');
  graph.offer('/head/image_raw', IMAGE, '/head_camera');
  graph.heard.add('/joint_commands');
  notices = [];
  const onNotice = (notice: Notice) => notices.push(notice);
  robot = new RosRobot({ graph, contract: { ...FAKE_CONTRACT, ...change }, simTime: false, onNotice });
  [frames, states, outcomes] = [[], [], []];
  robot.frames.subscribe((frame) => frames.push(frame));
  robot.joints.subscribe((state) => states.push(state));
  robot.outcomes.subscribe((outcome) => outcomes.push(outcome));
}

/** ROS time and the machine's go on together. */
async function pass(ms: number, every = (_n: number) => {}): Promise<void> {
  for (let n = 0; n < ms; n++) {
    graph.time += 1_000_000n;
    every(n);
    await vi.advanceTimersByTimeAsync(1);
  }
}

/** Everything sends, at 50 Hz. */
const drivers = (n: number) => {
  if (n % 20 !== 0) return;
  graph.image('/wrist/image_raw', 8, 6, n % 256);
  graph.image('/head/image_raw', 12, 8, n % 256);
  graph.joints('/joint_states', POSE);
};

async function reset(every = drivers, seed = 7): Promise<unknown> {
  const done = robot.reset({ seed }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  await pass(3000, every);
  return done;
}

const status = (source: string) => robot.status().sources.find((each) => each.source === source);

beforeEach(() => {
  vi.useFakeTimers();
  setUp();
});
afterEach(async () => {
  await robot.close();
  vi.useRealTimers();
});

describe('RosRobot', () => {
  it('gives frames, joints in contract order, and the time they were stamped with', async () => {
    graph.image('/head/image_raw', 12, 8, 9);
    graph.joints('/joint_states', { gripper: 0.03, wheel: 4, lift: -0.5, pan: 0.5 });
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatchObject({ camera: 'head', time: 1000, width: 12, height: 8 });
    expect(frames[0].data).toEqual(new Uint8Array(12 * 8 * 3).fill(9));
    expect(states).toEqual([{ time: 1000, positions: Float32Array.of(0.5, -0.5, 0.03) }]);
    expect(robot.status().sources.map(({ source, state }) => [source, state])).toEqual([
      ['camera wrist', 'waiting'],
      ['camera head', 'ok'],
      ['joint states', 'ok'],
      ['reward', 'waiting'],
    ]);
  });

  it('does not copy the pixels of an rgb8 image, and converts others when they are looked at', () => {
    const cdr = graph.image('/head/image_raw', 12, 8, 9);
    expect(frames[0].data.buffer).toBe(cdr.buffer);
    expect(frames[0].raw).toBeUndefined();
    graph.publish(IMAGE, '/wrist/image_raw', {
      header: graph.header(),
      height: 6,
      width: 8,
      encoding: 'bgra8',
      is_bigendian: 0,
      step: 32,
      data: Uint8Array.from({ length: 192 }, (_, i) => i % 4),
    });
    expect(frames[1].raw).toMatchObject({ layout: { encoding: 'bgra8', step: 32, bigEndian: false } });
    expect([...frames[1].data.subarray(0, 6)]).toEqual([2, 1, 0, 2, 1, 0]);
    expect(frames[1].data).toBe(frames[1].data);
  });

  it('lets the pixels of a message be moved, unless there is more in its buffer', () => {
    const cdr = graph.image('/nobody/listens', 12, 8, 9);
    const shared = new Uint8Array(cdr.length + 8).subarray(8);
    shared.set(cdr);
    graph.deliver(IMAGE, '/head/image_raw', shared);
    graph.time += 1_000_000n;
    graph.image('/head/image_raw', 12, 8, 9);
    expect(frames.map(({ movable }) => movable)).toEqual([false, true]);
  });

  it('subscribes to a camera that comes up later, compressed on its own topic', async () => {
    graph.others.delete('/wrist/image_raw');
    await robot.close();
    robot = new RosRobot({ graph, contract: FAKE_CONTRACT, simTime: false });
    robot.frames.subscribe((frame) => frames.push(frame));
    expect(graph.subscribed).not.toContain('/wrist/image_raw');
    graph.offer('/wrist/image_raw/compressed', COMPRESSED);
    await pass(600);
    const create = { width: 8, height: 6, channels: 3 as const, background: 'red' };
    vi.useRealTimers();
    const data = await sharp({ create }).png().toBuffer();
    const send = (bytes: Uint8Array) =>
      graph.publish(COMPRESSED, '/wrist/image_raw/compressed', {
        header: graph.header(),
        format: 'png',
        data: bytes,
      });
    send(data);
    await vi.waitFor(() => expect(frames).toHaveLength(1));
    expect([...frames[0].data.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect(status('camera wrist')).toMatchObject({ topic: '/wrist/image_raw/compressed', state: 'ok' });

    // Truncated: said, and the next one is taken again.
    send(data.subarray(0, data.length / 2));
    await vi.waitFor(() => expect(status('camera wrist')?.state).toBe('faulty'));
    graph.time += 10_000_000n;
    // Of several that come while one is decoded, the newest is next.
    for (let n = 0; n < 4; n++) {
      graph.time += 1_000_000n;
      send(data);
    }
    await vi.waitFor(() => expect(frames).toHaveLength(3));
    expect(frames.slice(1).map(({ time }) => time)).toEqual([1000.611, 1000.614]);
    expect(status('camera wrist')).toMatchObject({ state: 'ok', dropped: 2, faulty: 1 });
  });

  it('resets by its service, with the seed, and passes on only what is of the new episode', async () => {
    await robot.close();
    setUp({ reset: { service: '/sim/reset', type: 'saccade/srv/ResetEpisode', timeoutS: 5 } });
    graph.services.set('/sim/reset', async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { success: true, message: '' };
    });
    graph.offer('/reward', 'std_msgs/msg/Float32');
    await pass(600);
    const before = frames.length;
    const began = Number(graph.time) / 1e9;
    const done = robot.reset({ seed: 7 });
    await pass(400, (n) => {
      drivers(n);
      graph.publish('std_msgs/msg/Float32', '/reward', { data: n < 150 ? 4 : 1 });
    });
    await done;
    expect(graph.calls).toEqual([{ name: '/sim/reset', request: { seed: 7 } }]);
    // The service took 0.1 s, and a control period passed after it.
    for (const { time } of [...frames.slice(before), ...states]) expect(time).toBeGreaterThan(began + 0.149);
    expect(frames.length).toBeGreaterThan(before);
    expect(outcomes.map(({ reward }) => reward)).not.toContain(4);
    expect(outcomes.at(-1)?.reward).toBe(1);
  });

  it('says why the robot was not reset', async () => {
    await robot.close();
    setUp({ reset: { service: '/reset', type: 'std_srvs/srv/Trigger', timeoutS: 5 } });
    graph.services.set('/reset', () => ({ success: false, message: 'the door is open' }));
    expect(await reset()).toBe('the robot was not reset by /reset: the door is open');
  });

  it('does not wait for a reset that nobody waits for', async () => {
    await robot.close();
    setUp({ reset: { service: '/reset', type: 'std_srvs/srv/Trigger', timeoutS: 30 } });
    graph.services.set('/reset', () => new Promise<object>(() => {}));
    const stop = new AbortController();
    let done = false;
    const waiting = robot.reset({ seed: 1, signal: stop.signal }).then(() => {
      done = true;
    });
    await pass(500, drivers);
    expect([graph.calls.length, done]).toEqual([1, false]);
    stop.abort();
    await pass(1, drivers);
    await waiting;
    graph.services.set('/reset', () => ({ success: true, message: '' }));
    expect(await reset()).toBeUndefined();
  });

  it('refuses joint states that lack joints of the contract, naming them', async () => {
    const message = await reset((n) => {
      if (n % 20 === 0) graph.joints('/joint_states', { pan: 0.1, gripper: 0.01 });
    });
    expect(message).toMatch(
      /^joint states on \/joint_states cannot be used, there is no joint lift among pan, gripper; correct the names/,
    );
  });

  it('names the joints that none of several messages has', async () => {
    await robot.close();
    setUp({ jointStates: { topics: ['/joint_states'], partial: true } });
    const message = await reset((n) => {
      if (n % 20 === 0) graph.joints('/joint_states', { pan: 0.1 });
      if (n % 20 === 10) graph.joints('/joint_states', { gripper: 0.01 });
    });
    expect(message).toMatch(/no message names lift/);
    expect(states).toEqual([]);
  });

  it('puts joints of several publishers together, whatever their stamps', async () => {
    await robot.close();
    setUp({ jointStates: { topics: ['/joint_states', '/gripper/joint_states'], partial: true } });
    graph.joints('/joint_states', { pan: 0.1, lift: 0.2 }, 999_990_000_000n);
    graph.joints('/gripper/joint_states', { gripper: 0.01 }, 999_980_000_000n);
    expect(states).toEqual([{ time: 999.98, positions: Float32Array.of(0.1, 0.2, 0.01) }]);
  });

  it('is not driven beside somebody else', async () => {
    graph.offer('/joint_commands', JOINT_STATE, '/teleop');
    expect(await reset()).toMatch(/somebody else commands this robot: \/teleop on \/joint_commands; stop it/);
    expect(robot.status().rivals).toEqual(['/teleop on /joint_commands']);
    expect(notices.filter(({ source }) => source === 'commands')).toHaveLength(1);
  });

  it('notices that its own node was started twice', async () => {
    graph.offer('/joint_commands', JOINT_STATE, graph.name);
    expect(await reset()).toMatch(/somebody else commands this robot: \/saccade on \/joint_commands/);
  });

  it('warns of a controller that does not listen', async () => {
    graph.heard.clear();
    await reset();
    expect(notices.map(({ message }) => message)).toContain(
      'nobody listens on /joint_commands: is its controller loaded and active?',
    );
  });

  it('says once that a camera has stopped, and once that it is back', async () => {
    await reset();
    await pass(1500, (n) => {
      if (n % 20 === 0) graph.image('/wrist/image_raw', 8, 6, 0);
      if (n % 20 === 0) graph.joints('/joint_states', POSE);
    });
    expect(status('camera head')).toMatchObject({
      state: 'stale',
      problem: expect.stringMatching(/nothing for 1\.\d s/),
    });
    await pass(700, drivers);
    expect(notices.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      expect.stringMatching(/^warn: camera head \(\/head\/image_raw\): nothing for \d\.\d s$/),
      'info: camera head (/head/image_raw): is back',
    ]);
  });

  it('does not go on and on about a camera that is well and unwell by turns', async () => {
    await reset();
    notices.length = 0;
    // Two publishers, the clock of one of which is an hour behind.
    await pass(12_000, (n) => {
      if (n % 20 === 0) drivers(n);
      if (n % 20 === 10)
        graph.image('/head/image_raw', 12, 8, 0, graph.time - (n % 40 === 10 ? 3_600_000_000_000n : 0n));
    });
    expect(notices.slice(0, 2).map(({ level }) => level)).toEqual(['warn', 'info']);
    expect(notices.filter(({ level }) => level === 'warn')).toHaveLength(6);
  });

  it('explains a camera that cannot be heard', () => {
    graph.others.set('/head/image_raw', [{ node: '/x', type: 'std_msgs/msg/String', reliable: true }]);
    expect(status('camera head')?.problem).toMatch(
      /\/x publishes \/head\/image_raw as std_msgs\/msg\/String/,
    );
    graph.others.delete('/head/image_raw');
    expect(status('camera head')?.problem).toBe('nothing has come: nobody publishes /head/image_raw');
  });

  it.each([
    [
      'another size',
      () => void graph.image('/head/image_raw', 6, 4, 1),
      /its images are 6×4, in the robot contract 12×8/,
    ],
    [
      'an encoding that is no colour',
      () =>
        graph.publish(IMAGE, '/head/image_raw', {
          header: graph.header(),
          height: 8,
          width: 12,
          encoding: '32FC1',
          is_bigendian: 0,
          step: 48,
          data: new Uint8Array(384),
        }),
      /has the encoding "32FC1"/,
    ],
    [
      'CDR that is cut off',
      () => {
        const cdr = graph.image('/wrist/image_raw', 12, 8, 1).subarray(0, 80);
        graph.deliver(IMAGE, '/head/image_raw', cdr);
      },
      /cannot be read/,
    ],
    ['no CDR at all', () => graph.deliver(IMAGE, '/head/image_raw', Uint8Array.of(1)), /cannot be read/],
  ])('survives an image of %s, says so once, and takes the next', async (_, send, problem) => {
    await reset();
    const before = frames.filter(({ camera }) => camera === 'head').length;
    for (let n = 0; n < 3; n++) send();
    expect(frames.filter(({ camera }) => camera === 'head')).toHaveLength(before);
    expect(status('camera head')).toMatchObject({ state: 'faulty', faulty: 3 });
    expect(notices.filter(({ source }) => source === 'camera head')).toEqual([
      { level: 'warn', source: 'camera head', message: expect.stringMatching(problem) },
    ]);
    await pass(40, drivers);
    expect(status('camera head')?.state).toBe('ok');
    expect(notices.at(-1)).toMatchObject({ level: 'info', message: expect.stringContaining('is back') });
  });

  it('survives joint states that are none', async () => {
    await reset();
    graph.deliver(JOINT_STATE, '/joint_states', Uint8Array.of(0, 1, 0, 0, 9));
    graph.joints('/joint_states', { ...POSE, lift: Number.NaN });
    expect(status('joint states')).toMatchObject({
      state: 'faulty',
      faulty: 2,
      problem: 'the position of lift is NaN',
    });
  });

  it('takes rewards and success as they come, and the word of who watches', async () => {
    await robot.close();
    setUp({ success: { topic: '/success' } });
    graph.offer('/reward', 'std_msgs/msg/Float32');
    graph.offer('/success', 'std_msgs/msg/Bool');
    await reset();
    const reward = (data: number) => graph.publish('std_msgs/msg/Float32', '/reward', { data });
    reward(2);
    graph.publish('std_msgs/msg/Bool', '/success', { data: true });
    reward(3);
    expect(outcomes.map((outcome) => outcome.reward)).toEqual([2, 4, 4]);
    await reset();
    outcomes.length = 0;
    reward(1);
    robot.mark('failure', 'it fell off the table');
    expect(outcomes).toMatchObject([{ reward: 1 }, { reward: 1, failure: 'it fell off the table' }]);
    robot.mark('success');
    expect(outcomes.at(-1)?.reward).toBe(4);
  });

  it('refuses rewards of another type, and goes on without', async () => {
    graph.offer('/reward', 'std_msgs/msg/Int32', '/judge');
    await reset();
    expect(status('reward')).toMatchObject({
      state: 'faulty',
      problem: '/judge publishes it as std_msgs/msg/Int32, not as std_msgs/msg/Float32',
    });
  });

  it('sends every controller its joints', async () => {
    await robot.close();
    setUp({
      commands: [
        { topic: '/arm', type: 'trajectory_msgs/msg/JointTrajectory', joints: ['lift', 'pan'] },
        { topic: '/hand', type: 'std_msgs/msg/Float64MultiArray', joints: ['gripper'] },
      ],
    });
    expect(robot.wantsHorizon).toBe(true);
    const positions = Float32Array.of(0.5, 0.25, 0.015625);
    const ahead = Float32Array.of(0.75, 0.25, 0.015625);
    robot.command({ time: 1000, positions, horizon: { dt: 0.05, positions: [ahead, ahead] } });
    const [arm] = graph.commands('trajectory_msgs/msg/JointTrajectory', '/arm');
    expect(arm.joint_names).toEqual(['lift', 'pan']);
    expect(arm.points.map((point) => [...point.positions])).toEqual([
      [0.25, 0.5],
      [0.25, 0.75],
      [0.25, 0.75],
    ]);
    expect(arm.points.map((point) => [...point.velocities])).toEqual([
      [0, 2.5],
      [0, 2.5],
      [0, 0],
    ]);
    const [hand] = graph.commands('std_msgs/msg/Float64MultiArray', '/hand');
    expect([...hand.data]).toEqual([0.015625]);
  });

  it('closes what it opened', async () => {
    await robot.close();
    expect(graph.subscribed).toEqual([]);
    expect(graph.publishers('/joint_commands')).toEqual([]);
  });
});

describe('RosRobot on simulated time', () => {
  it('says once that several nodes publish the time', async () => {
    await robot.close();
    const onNotice = (notice: Notice) => notices.push(notice);
    robot = new RosRobot({ graph, contract: FAKE_CONTRACT, simTime: true, onNotice });
    graph.offer('/clock', 'rosgraph_msgs/msg/Clock', '/sim');
    await pass(1000);
    expect(robot.status().clocks).toEqual([]);
    graph.offer('/clock', 'rosgraph_msgs/msg/Clock', '/player');
    await pass(2000);
    expect(robot.status().clocks).toEqual(['/sim', '/player']);
    expect(notices).toEqual([
      { level: 'warn', source: 'clock', message: 'several nodes publish /clock: /sim, /player' },
    ]);
  });

  it('says when nobody publishes a clock', async () => {
    await robot.close();
    robot = new RosRobot({ graph, contract: FAKE_CONTRACT, simTime: true });
    const done = robot.reset({ seed: 1 }).catch((error: Error) => error.message);
    await pass(5200);
    expect(await done).toMatch(/use_sim_time is set, but nothing has come on \/clock for 5 s/);
  });

  it('is at home in a time that starts anew with every reset', async () => {
    await robot.close();
    const reset = { service: '/reset', type: 'std_srvs/srv/Empty', timeoutS: 5 } as const;
    robot = new RosRobot({ graph, contract: { ...FAKE_CONTRACT, reset }, simTime: true });
    robot.frames.subscribe((frame) => frames.push(frame));
    graph.services.set('/reset', () => {
      graph.time = 0n;
      graph.clock();
      return {};
    });
    const sim = (n: number) => {
      if (n % 10 === 0) graph.clock();
      drivers(n);
    };
    await pass(100, sim);
    frames.length = 0;
    const done = robot.reset({ seed: 1 });
    await pass(500, sim);
    await done;
    expect(frames.length).toBeGreaterThan(5);
    for (const { time } of frames) expect(time).toBeLessThan(1);
    const sleep = robot.clock.sleepUntil(robot.clock.now + 0.05);
    await pass(100, sim);
    await sleep;
  });
});
