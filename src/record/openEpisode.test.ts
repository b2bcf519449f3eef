import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.js';
import { FAKE_CONTRACT, fakeImage } from '../../test/support/fakeRobot.js';
import { noInterventions } from '../act/interventions.js';
import type { EpisodeResult } from '../episode/episode.js';
import { UserError } from '../errors.js';
import { encode } from '../messages/cdr.js';
import { decodeImage } from '../messages/image.js';
import { secondsToNs, toStamp } from '../messages/time.js';
import type { Messages, MessageType } from '../messages/types.js';
import type { BagMessage } from './bag.js';
import { type EpisodeEvent, type EpisodeInfo, INFO_RECORD, TOPICS } from './episode.js';
import { encodeInfo } from './info.js';
import { openEpisode } from './openEpisode.js';
import { BagWriter } from './writer.js';

const root = temporaryFolder();
let count = 0;
const none = new Float64Array();

const CONTRACT_TEXT = `
name: fake
rate_hz: 20
joints:
  - { name: pan, min: -2, max: 2, velocity: 3, acceleration: 30 }
  - { name: lift, min: -1, max: 1.5, velocity: 3, acceleration: 30 }
  - { name: gripper, min: 0, max: 0.04, velocity: 0.2, acceleration: 4 }
cameras:
  - { name: wrist, role: wrist_detail, width: 8, height: 6, max_age_s: 0.2 }
  - { name: head, role: global_overview, width: 12, height: 8, max_age_s: 0.2 }
reward: { max: 4 }
safety: { ramp_in_s: 0, joints_max_age_s: 0.1 }
`;

const INFO: EpisodeInfo = {
  source: 'rollout',
  lockstep: true,
  contract: { file: 'fake.yaml', text: CONTRACT_TEXT },
  task: 'pick_lift',
  seed: 7,
  maxReward: 4,
  policy: {
    name: 'test',
    graphSha256: 'ab'.repeat(32),
    strategy: { name: 'ensemble', m: 0.01 },
    provider: 'cpu',
    timeLimitS: 20,
  },
  images: 'raw',
  software: { saccade: '0.1.0', 'onnxruntime-node': '1.30.0' },
};

const RESULT: EpisodeResult = {
  seed: 7,
  success: true,
  return: 12,
  highest_reward: 4,
  steps: 3,
  duration_s: 0.15,
  stop: 'success',
  safety: noInterventions(),
  max_camera_skew_s: 0,
  wall: {
    seconds: 1,
    latency_ms: null,
    run_ms: null,
    overhead_ms: null,
    reaction_ms: null,
    missed_ticks: 0,
    missed_commands: 0,
    dropped_observations: 0,
    spent_chunks: 0,
  },
};

/** Received at `at`; its header, where it has one, says what `message` says. */
function recorded<T extends MessageType>(
  topic: string,
  type: T,
  at: number,
  message: Messages[T],
): BagMessage {
  const logTime = secondsToNs(at);
  return { topic, type, logTime, publishTime: logTime, data: encode(type, message) };
}

const stamped = (time: number) => ({ stamp: toStamp(time), frame_id: '' });

const joints = (topic: string, at: number, names: string[], values: number[], time = at) =>
  recorded(topic, 'sensor_msgs/msg/JointState', at, {
    header: stamped(time),
    name: names,
    position: Float64Array.from(values),
    velocity: none,
    effort: none,
  });

const image = (camera: string, at: number, time = at) => {
  const spec = FAKE_CONTRACT.cameras.find(({ name }) => name === camera);
  const { width, height } = spec as { width: number; height: number };
  const data = fakeImage(width, height, new Float32Array(3), camera.length);
  return recorded(`/${camera}/image_raw`, 'sensor_msgs/msg/Image', at, {
    header: stamped(time),
    ...{ width, height, encoding: 'rgb8', is_bigendian: 0, step: 3 * width, data },
  });
};

const scalar = (topic: string, at: number, data: number) =>
  recorded(topic, 'std_msgs/msg/Float32', at, { data });
const text = (topic: string, at: number, data: string) =>
  recorded(topic, 'std_msgs/msg/String', at, { data });

const point = (positions: number[], seconds: number) => ({
  positions: Float64Array.from(positions),
  velocities: none,
  accelerations: none,
  effort: none,
  time_from_start: toStamp(seconds),
});

const trajectory = (
  topic: string,
  at: number,
  names: string[],
  points: ReturnType<typeof point>[],
  time = at,
) =>
  recorded(topic, 'trajectory_msgs/msg/JointTrajectory', at, {
    header: stamped(time),
    joint_names: names,
    points,
  });

const NAMES = ['pan', 'lift', 'gripper'];
const SENSED = [image('wrist', 0), image('head', 0), joints('/joint_states', 0, NAMES, [0, 0.5, 0.01])];

async function write(messages: readonly BagMessage[], info: EpisodeInfo | string | undefined = INFO) {
  const dir = join(root, `episode_${count++}`);
  const json = typeof info === 'object' ? encodeInfo(info) : info;
  const writer = await BagWriter.create(dir, {
    ...(json && json !== 'foreign' && { metadata: new Map([[INFO_RECORD, new Map([['json', json]])]]) }),
  });
  for (const message of messages) await writer.write(message);
  await writer.close();
  return dir;
}
const writeForeign = (messages: readonly BagMessage[]) => write(messages, 'foreign');

async function events(
  dir: string,
  kinds?: EpisodeEvent['kind'][],
  contract = FAKE_CONTRACT,
): Promise<EpisodeEvent[]> {
  const bag = await openEpisode(dir, { contract });
  try {
    const list: EpisodeEvent[] = [];
    for await (const event of bag.events(kinds && new Set(kinds))) list.push(event);
    return list;
  } finally {
    await bag.close();
  }
}

describe('openEpisode on a bag of ours', () => {
  const messages = [
    ...SENSED,
    scalar('/reward', 0, 0),
    scalar(TOPICS.latency, 0, 6.5),
    trajectory(
      TOPICS.chunk,
      0,
      ['lift', 'pan'],
      [point([1, 2], 0), point([3, 4], 1 / 30), point([5, 6], 2 / 30)],
    ),
    joints(TOPICS.action, 0.05, NAMES, [0.1, 0.2, 0.03], 0),
    joints(TOPICS.command, 0.05, NAMES, [0.1, 0.25, 0.03], 0.05),
    text(TOPICS.interventions, 0.05, 'ramp_in,velocity_limit,unheard_of'),
    scalar('/reward', 0.1, 4),
    joints(TOPICS.command, 0.1, NAMES, [0.2, 0.2, 0.03]),
    text(TOPICS.result, 0.15, JSON.stringify(RESULT)),
  ];

  it('knows what it is a recording of, and how it ended', async () => {
    const dir = await write(messages);
    const bag = await openEpisode(dir);
    const { text, file, ...contract } = FAKE_CONTRACT;
    expect(bag).toMatchObject({ path: dir, info: INFO, result: RESULT, damage: undefined, start: 0.05 });
    expect(bag.contract).toMatchObject(contract);
    expect(bag.contract).toMatchObject({ text: CONTRACT_TEXT, file: join(dir, 'fake.yaml') });
    await bag.close();
  });

  it('gives everything in order, joints in contract order', async () => {
    const list = await events(await write(messages));
    const [wrist] = SENSED as [BagMessage];
    expect(list.map(({ kind, at }) => [kind, at])).toEqual([
      ['frame', 0],
      ['frame', 0],
      ['joints', 0],
      ['reward', 0],
      ['latency', 0],
      ['chunk', 0],
      ['action', 0.05],
      ['command', 0.05],
      ['interventions', 0.05],
      ['reward', 0.1],
      ['command', 0.1],
    ]);
    expect(list[0]).toEqual({
      kind: 'frame',
      at: 0,
      time: 0,
      camera: 'wrist',
      image: { type: 'sensor_msgs/msg/Image', data: wrist.data },
    });
    expect(list[2]).toEqual({ kind: 'joints', at: 0, time: 0, positions: Float32Array.from([0, 0.5, 0.01]) });
    expect(list[4]).toEqual({ kind: 'latency', at: 0, ms: 6.5 });
    expect(list[5]).toEqual({
      kind: 'chunk',
      at: 0,
      joints: ['lift', 'pan'],
      chunk: {
        time: 0,
        dt: expect.closeTo(1 / 30, 8),
        length: 3,
        width: 2,
        actions: Float32Array.from([1, 2, 3, 4, 5, 6]),
      },
    });
    // A stamp of 0 is no time: that of receipt stands in.
    expect(list[6]).toMatchObject({ kind: 'action', time: 0.05 });
    expect(list[8]).toEqual({ kind: 'interventions', at: 0.05, kinds: ['ramp_in', 'velocity_limit'] });
    expect(list[9]).toEqual({ kind: 'reward', at: 0.1, reward: 4 });
  });

  it('holds the chunk’s period to the contract’s exactly', async () => {
    const rateHz = 30;
    const dir = await write([
      ...SENSED,
      trajectory(TOPICS.chunk, 0.1, NAMES, [point([1, 2, 3], 0), point([3, 4, 5], 1 / 30)]),
      trajectory(TOPICS.chunk, 0.2, NAMES, [point([1, 2, 3], 0)]),
    ]);
    const chunks = await events(dir, ['chunk'], { ...FAKE_CONTRACT, rateHz, commandRateHz: rateHz });
    expect(chunks.map((event) => event.kind === 'chunk' && event.chunk.dt)).toEqual([1 / 30, 1 / 30]);
  });

  it('leaves out kinds before they are decoded', async () => {
    const broken = { ...scalar('/reward', 0.1, 1), data: Uint8Array.of(0, 1) };
    const dir = await write([...SENSED, broken]);
    expect(await events(dir, ['joints', 'frame'])).toHaveLength(3);
    await expect(events(dir, ['reward'])).rejects.toThrow(
      `${dir}: a message on /reward at 0.1 s is unusable: not a std_msgs/msg/Float32: 2 bytes are too few`,
    );
  });

  it('reads one that was cut short, which has no result', async () => {
    const dir = await write(messages);
    const file = join(dir, `${dir.split('/').at(-1)}_0.mcap`);
    truncateSync(file, readFileSync(file).length - 50);
    const bag = await openEpisode(dir);
    expect(bag.start).toBe(0.05);
    expect(bag.damage).toMatch(/cut short/);
    await bag.close();
    const half = await write(messages.slice(0, 4));
    const without = await openEpisode(half);
    expect(without).toMatchObject({ result: undefined, start: undefined });
    await without.close();
  });

  it.each([
    ['no JSON', '{', /metadata record 'saccade' is not JSON/],
    ['no object', '[]', /has a wrong : /],
    [
      'a wrong value',
      JSON.stringify({ ...JSON.parse(encodeInfo(INFO)), images: 'gif' }),
      /has a wrong images: /,
    ],
    [
      'a wrong contract',
      encodeInfo({ ...INFO, contract: { file: 'a.yaml', text: 'name: 3' } }),
      /episode_\d+\/a\.yaml:1: name is 3/,
    ],
  ])('refuses an info record with %s', async (_, info, sentence) => {
    const dir = await write(SENSED, info);
    await expect(openEpisode(dir)).rejects.toThrow(UserError);
    await expect(openEpisode(dir)).rejects.toThrow(sentence);
  });

  it('refuses a result that is none', async () => {
    const dir = await write([...SENSED, text(TOPICS.result, 1, '{"seed": 1}')]);
    await expect(openEpisode(dir)).rejects.toThrow(/message on \/saccade\/result is unusable: success: /);
  });
});

describe('openEpisode on any bag', () => {
  const commands = (list: EpisodeEvent[]) =>
    list.flatMap((event) =>
      event.kind === 'command' && 'positions' in event ? [[event.time, ...event.positions]] : [],
    );
  const row = (time: number, ...values: number[]) => [time, ...Float32Array.from(values)];

  it('asks for a contract', async () => {
    const dir = await writeForeign(SENSED);
    await expect(openEpisode(dir)).rejects.toThrow(
      /holds no robot contract, for Saccade did not write it; give one with --robot/,
    );
  });

  it('takes images from the compressed topic, and the raw ones where there are both', async () => {
    const data = readFileSync(new URL('../../docs/episode.webp', import.meta.url)).subarray(0, 10);
    const squeezed = recorded('/head/image_raw/compressed', 'sensor_msgs/msg/CompressedImage', 0.1, {
      header: stamped(0.09),
      format: 'jpeg',
      data,
    });
    const wrist = { ...squeezed, topic: '/wrist/image_raw/compressed' };
    const frames = await events(await writeForeign([...SENSED.slice(1), wrist, squeezed]), ['frame']);
    expect(
      frames.map((event) => event.kind === 'frame' && [event.camera, event.time, event.image.type]),
    ).toEqual([
      ['head', 0, 'sensor_msgs/msg/Image'],
      ['wrist', 0.09, 'sensor_msgs/msg/CompressedImage'],
    ]);
  });

  it('gives images that decode to what was sent', async () => {
    const [frame] = await events(await writeForeign(SENSED), ['frame']);
    if (frame?.kind !== 'frame') throw new Error('no frame');
    const { data } = await decodeImage(frame.image.type, frame.image.data);
    expect(data).toEqual(fakeImage(8, 6, new Float32Array(3), 5));
  });

  it('finds joints by name in any order, among others, and passes over messages about others', async () => {
    const dir = await writeForeign([
      ...SENSED.slice(0, 2),
      joints('/joint_states', 0, ['wheel_left'], [3]),
      joints('/joint_states', 0.1, ['gripper', 'wheel_left', 'pan', 'lift'], [0.01, 3, 0.1, 0.2], 0.09),
      joints('/joint_states', 0.2, [], []),
    ]);
    expect(await events(dir, ['joints'])).toEqual([
      { kind: 'joints', at: 0.1, time: 0.09, positions: Float32Array.from([0.1, 0.2, 0.01]) },
    ]);
  });

  it('goes by the clock of a robot in simulated time, not by the recorder’s', async () => {
    const wall = 1_790_000_000;
    const clock = (at: number, time: number) =>
      recorded('/clock', 'rosgraph_msgs/msg/Clock', wall + at, { clock: toStamp(time) });
    const pan = (at: number, value: number, time: number) =>
      joints('/joint_states', wall + at, NAMES, [value, 0, 0], time);
    const dir = await writeForeign([
      ...[image('wrist', wall, 7), image('head', wall, 7)],
      pan(0, 0, 7), // Before it says what time it is.
      clock(0.1, 7.01),
      pan(0.2, 0.1, 7.02),
      clock(0.3, 7.02),
      pan(0.4, 0.2, 7.03),
      joints('/joint_commands', wall + 0.5, NAMES, [1, 0, 0], 7.02),
    ]);
    const at = (await events(dir)).map((event) => [event.kind, event.at, 'time' in event && event.time]);
    expect(at).toEqual([
      ['joints', 7.01, 7.02],
      ['joints', 7.02, 7.03],
      ['command', 7.02, 7.02],
    ]);
    const bag = await openEpisode(dir, { contract: FAKE_CONTRACT });
    expect(bag.start).toBeUndefined();
    await bag.close();
  });

  it('begins each reading anew, also where two topics share the joints', async () => {
    const dir = await writeForeign([
      ...SENSED.slice(0, 2),
      joints('/joint_states', 0.1, ['pan', 'lift'], [0.1, 0.2]),
      joints('/gripper/joint_states', 0.2, ['gripper'], [0.01]),
      joints('/joint_states', 0.3, ['pan', 'lift'], [0.3, 0.4]),
    ]);
    const contract = {
      ...FAKE_CONTRACT,
      jointStates: { topics: ['/joint_states', '/gripper/joint_states'], partial: true },
    };
    const bag = await openEpisode(dir, { contract });
    for (let again = 0; again < 2; again++) {
      const found: [number, ...number[]][] = [];
      for await (const event of bag.events(new Set(['joints'])))
        if (event.kind === 'joints') found.push([event.at, ...event.positions]);
      expect(found).toEqual([row(0.2, 0.1, 0.2, 0.01), row(0.3, 0.3, 0.4, 0.01)]);
    }
    await bag.close();
  });

  it('refuses joint states that lack some of the joints, naming them', async () => {
    const dir = await writeForeign([...SENSED.slice(0, 2), joints('/joint_states', 0, ['pan'], [3])]);
    await expect(events(dir)).rejects.toThrow(
      /on \/joint_states at 0 s is unusable: there is no joint lift, gripper among pan$/,
    );
    const others = await writeForeign([...SENSED.slice(0, 2), joints('/joint_states', 0, ['wheel'], [3])]);
    await expect(events(others)).rejects.toThrow(
      /has nothing of the joints pan, lift, gripper on \/joint_states/,
    );
    const short = await writeForeign([...SENSED.slice(0, 2), joints('/joint_states', 0, NAMES, [3])]);
    await expect(events(short)).rejects.toThrow(/3 joints have 1 positions/);
  });

  it('takes commands from the contract’s topic, whatever of the three types they are', async () => {
    const found = async (message: BagMessage) =>
      commands(await events(await writeForeign([...SENSED, message])));
    const order = ['lift', 'pan', 'gripper'];
    expect(await found(joints('/joint_commands', 0.1, order, [2, 1, 3], 0.08))).toEqual([row(0.08, 1, 2, 3)]);
    // The first point is the one that is due; a stamp of 0 means now.
    const points = [point([2, 1, 3], 0.1), point([9, 9, 9], 0.2)];
    expect(await found(trajectory('/joint_commands', 0.2, order, points, 0))).toEqual([row(0.2, 1, 2, 3)]);
    expect(await found(trajectory('/joint_commands', 0.2, order, []))).toEqual([]);
    const layout = { dim: [], data_offset: 0 };
    const plain = (values: number[]) =>
      recorded('/joint_commands', 'std_msgs/msg/Float64MultiArray', 0.3, {
        layout,
        data: Float64Array.from(values),
      });
    expect(await found(plain([1, 2, 3]))).toEqual([row(0.3, 1, 2, 3)]);
    await expect(events(await writeForeign([...SENSED, plain([1, 2])]))).rejects.toThrow(
      /\/joint_commands at 0.3 s is unusable: 2 positions where there are 3 joints/,
    );
  });

  it('says what a bag lacks, and what it has', async () => {
    const dir = await writeForeign([image('head', 0), scalar('/wrist/image_raw', 0, 1)]);
    await expect(events(dir)).rejects.toThrow(
      `${dir} lacks images of wrist on /wrist/image_raw, joint states on /joint_states; it has /head/image_raw (sensor_msgs/msg/Image), /wrist/image_raw (std_msgs/msg/Float32): correct the contract's topics`,
    );
    const empty = join(root, 'empty.mcap');
    writeFileSync(empty, Uint8Array.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]));
    await expect(events(empty)).rejects.toThrow(/it has no topics/);
  });

  it('names the topic that has a message of another type', async () => {
    const dir = await writeForeign([...SENSED, text('/reward', 0.1, 'four')]);
    await expect(events(dir)).rejects.toThrow(
      /on \/reward at 0.1 s is unusable: it is a std_msgs\/msg\/String where a std_msgs\/msg\/Float32 belongs/,
    );
  });
});
