import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAKE_CONTRACT, FakePolicy, FakeRobot, settled } from '../../test/support/fakeRobot.js';
import { createStrategy } from '../act/strategy.js';
import type { CameraSpec, JointSpec, RobotContract } from '../contract/contract.js';
import { UserError } from '../errors.js';
import { runEpisode } from '../loop.js';
import { decode, encode } from '../messages/cdr.js';
import { fromStamp, nsToSeconds, secondsToNs } from '../messages/time.js';
import type { Messages, MessageType } from '../messages/types.js';
import { Random } from '../random.js';
import type { Frame, JointState, Outcome } from '../robots/robot.js';
import type { Tap, Tick } from '../tap.js';
import { workerUrl } from '../workers.js';
import type { BagMessage } from './bag.js';
import { type EpisodeInfo, INFO_RECORD, TOPICS } from './episode.js';
import { decodeInfo } from './info.js';
import { openEpisode } from './openEpisode.js';
import { openBag } from './reader.js';
import { Recorder, type RecordingOptions } from './recorder.js';
import { serveRecorder } from './recording/serve.js';
import { createFile, type Disk } from './write/disk.js';

let root: string;
let bags = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'saccade-recorder-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
const newDir = () => join(root, `episode_${String(bags++).padStart(6, '0')}`);

const INFO: EpisodeInfo = {
  source: 'rollout',
  lockstep: true,
  contract: { file: 'fake.yaml', text: 'name: fäke' },
  seed: 7,
  policy: {
    name: 'fake',
    graphSha256: 'ab',
    strategy: { name: 'latest' },
    provider: 'cpu',
    timeLimitS: 2,
  },
  images: 'raw',
  software: { saccade: '1' },
};
const REAL_TIME: EpisodeInfo = { ...INFO, lockstep: false };

async function read(dir: string): Promise<BagMessage[]> {
  const bag = await openBag(dir);
  try {
    const messages: BagMessage[] = [];
    for await (const message of bag.messages()) messages.push(message);
    return messages;
  } finally {
    await bag.close();
  }
}

function on<T extends MessageType>(messages: readonly BagMessage[], topic: string, type: T) {
  return messages
    .filter((message) => message.topic === topic)
    .map((message) => {
      expect(message.type).toBe(type);
      const at = nsToSeconds(message.logTime);
      return { at, sent: nsToSeconds(message.publishTime), ...(decode(type, message.data) as Messages[T]) };
    });
}

/** An episode of the fake robot, and all that its robot and its loop said. */
async function episode(robot: FakeRobot, tap: Tap | undefined, timeLimitS = 2) {
  const frames: Frame[] = [];
  const joints: JointState[] = [];
  const outcomes: Outcome[] = [];
  const ticks: Tick[] = [];
  robot.frames.subscribe((frame) => frames.push(frame));
  robot.joints.subscribe((state) => joints.push(state));
  robot.outcomes.subscribe((outcome) => outcomes.push(outcome));
  const policy = new FakePolicy(robot.contract, 4, (_, query) => new Float32Array(12).fill(0.01 * query));
  const { result } = await runEpisode({
    robot,
    policy,
    strategy: createStrategy({ name: 'receding', steps: 2 }, { length: 4, width: 3 }),
    seed: 7,
    timeLimitS,
    tap: {
      onTick(tick) {
        ticks.push(tick);
        tap?.onTick(tick);
      },
      settled: () => tap?.settled?.() ?? Promise.resolve(),
    },
  });
  return { frames, joints, outcomes, ticks, result, bundleJoints: policy.bundle.joints };
}

function holdingRobot(): FakeRobot {
  // Two ticks without joint states: the loop holds, and says so.
  return new FakeRobot({
    outcome: (tick) => ({ reward: Math.floor(tick / 12) }),
    sends: (source, tick) => source !== 'joints' || tick < 10 || tick > 14,
  });
}

describe('an episode', () => {
  it('is recorded with every command, those between ticks too', async () => {
    const robot = new FakeRobot({ contract: { ...FAKE_CONTRACT, commandRateHz: 80 } });
    const recorder = await Recorder.start();
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    const { ticks } = await episode(robot, recording, 0.5);
    await recording.finish();
    await recorder.close();
    const sent = ticks.flatMap(({ command, between }) => [command, ...between]);
    expect(sent.length).toBe(40);
    const commands = on(await read(dir), TOPICS.command, 'sensor_msgs/msg/JointState');
    expect(commands.map(({ at, position }) => [at, [...position]])).toEqual(
      sent.map(({ time, positions }) => [time, [...positions]]),
    );
  });

  it('is recorded message for message', async () => {
    const recorder = await Recorder.start();
    const robot = holdingRobot();
    const dir = newDir();
    const bundle = ['gripper', 'lift', 'pan'];
    const recording = await recorder.begin({ dir, info: INFO, robot, joints: bundle });
    const seen = await episode(robot, recording);
    expect(seen.bundleJoints).toEqual(bundle);
    const report = await recording.finish(seen.result);
    await recorder.close();
    const messages = await read(dir);

    expect(report).toEqual({
      dir,
      bytes: expect.any(Number),
      messages: messages.length,
      droppedImages: {},
    });
    for (const { name, topic, width, height } of FAKE_CONTRACT.cameras) {
      const images = on(messages, topic, 'sensor_msgs/msg/Image');
      const sent = seen.frames.filter((frame) => frame.camera === name);
      expect(images.map((image) => image.data)).toEqual(sent.map((frame) => frame.data));
      expect(images.map((image) => fromStamp(image.header.stamp))).toEqual(sent.map((frame) => frame.time));
      for (const image of images) {
        expect(image).toMatchObject({ width, height, encoding: 'rgb8', step: width * 3, is_bigendian: 0 });
        expect(image.header.frame_id).toBe(name);
      }
    }
    const names = FAKE_CONTRACT.joints.map((joint) => joint.name);
    const states = on(messages, '/joint_states', 'sensor_msgs/msg/JointState');
    expect(states.map(({ at, name, position }) => ({ at, name, position: [...position] }))).toEqual(
      seen.joints.map(({ time, positions }) => ({ at: time, name: names, position: [...positions] })),
    );
    expect(on(messages, '/reward', 'std_msgs/msg/Float32').map(({ at, data }) => [at, data])).toEqual(
      seen.outcomes.map(({ time, reward }) => [time, reward]),
    );

    const ticks = seen.ticks;
    const commands = on(messages, TOPICS.command, 'sensor_msgs/msg/JointState');
    expect(commands.map(({ at, sent, name, position }) => [at, sent, name, [...position]])).toEqual(
      ticks.map(({ time, command }) => [time, command.time, names, [...command.positions]]),
    );
    const actions = on(messages, TOPICS.action, 'sensor_msgs/msg/JointState');
    expect(actions.map(({ at, name, position }) => [at, name, [...position]])).toEqual(
      ticks.flatMap(({ time, action }) => (action ? [[time, bundle, [...action]]] : [])),
    );
    expect(actions.length).toBeLessThan(commands.length);
    const held = ticks.filter((tick) => tick.interventions.length > 0);
    expect(held.length).toBeGreaterThan(0);
    expect(
      on(messages, TOPICS.interventions, 'std_msgs/msg/String').map(({ at, data }) => [at, data]),
    ).toEqual(held.map(({ time, interventions }) => [time, interventions.join(',')]));

    const inferred = ticks.filter((tick) => tick.inference);
    expect(inferred.length).toBeGreaterThan(10);
    const chunks = on(messages, TOPICS.chunk, 'trajectory_msgs/msg/JointTrajectory');
    expect(chunks.map(({ at, sent }) => [at, sent])).toEqual(
      inferred.map(({ time, inference }) => [time, inference?.chunk.time]),
    );
    chunks.forEach(({ joint_names, points }, i) => {
      expect(joint_names).toEqual(bundle);
      expect(points.flatMap((point) => [...point.positions])).toEqual([
        ...(inferred[i]?.inference?.chunk.actions ?? []),
      ]);
      expect(points.map((point) => fromStamp(point.time_from_start))).toEqual([0, 0.05, 0.1, 0.15]);
    });
    const latencies = on(messages, TOPICS.latency, 'std_msgs/msg/Float32');
    expect(latencies.map(({ data }) => data)).toEqual(
      inferred.map(({ latencyMs }) => Math.fround(latencyMs as number)),
    );

    const [result] = on(messages, TOPICS.result, 'std_msgs/msg/String');
    expect(JSON.parse(result?.data as string)).toEqual(seen.result);
    expect(messages.at(-1)?.topic).toBe(TOPICS.result);
    const bag = await openBag(dir);
    const info = decodeInfo(dir, bag.metadata.get(INFO_RECORD)?.get('json') as string);
    expect(info).toEqual(INFO);
    await bag.close();
  });

  it('reports its health once a second of the robot’s time', async () => {
    const recorder = await Recorder.start();
    const robot = holdingRobot();
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    await episode(robot, recording, 2.5);
    await recording.finish();
    await recorder.close();
    const reports = on(await read(dir), TOPICS.diagnostics, 'diagnostic_msgs/msg/DiagnosticArray');
    expect(reports.map(({ at }) => at)).toEqual([1, 2]);
    const [loop, disk] = reports[1]?.status ?? [];
    const value = (key: string) => loop?.values.find((pair) => pair.key === key)?.value;
    expect(loop).toMatchObject({ level: 0, name: 'saccade: loop', hardware_id: 'fake' });
    expect(value('tick_rate_hz')).toBe('20.00');
    expect(value('policy')).toBe('fake on cpu');
    expect(Number(value('interventions'))).toBeGreaterThan(0);
    expect(disk).toMatchObject({ level: 0, message: 'ok' });
  });

  it('follows another on the same thread', async () => {
    const recorder = await Recorder.start();
    for (const steps of [0.5, 1]) {
      const robot = new FakeRobot();
      const dir = newDir();
      const recording = await recorder.begin({ dir, info: INFO, robot });
      const seen = await episode(robot, recording, steps);
      await recording.finish(seen.result);
      const recorded = seen.joints.length;
      robot.sense(); // After its end nothing is recorded any more.
      expect(on(await read(dir), '/joint_states', 'sensor_msgs/msg/JointState')).toHaveLength(recorded);
    }
    await recorder.close();
  });

  it('has joint states as the robot itself says them, and is read back in the policy’s units', async () => {
    const [pan, lift, gripper] = FAKE_CONTRACT.joints as [JointSpec, JointSpec, JointSpec];
    const contract: RobotContract = {
      ...FAKE_CONTRACT,
      joints: [
        { ...pan, ros: { name: 'waist', scale: 1, offset: 0, topic: '/left/joint_states' } },
        { ...lift, ros: { name: 'waist', scale: 57.29578, offset: 3, topic: '/right/joint_states' } },
        { ...gripper, ros: { name: 'finger', scale: -25.2781, offset: 0.466127 } },
      ],
      jointStates: { topics: ['/left/joint_states', '/right/joint_states'], partial: true },
    };
    const recorder = await Recorder.start();
    const robot = new FakeRobot({ contract });
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    const seen = await episode(robot, recording);
    await recording.finish(seen.result);
    await recorder.close();

    const messages = await read(dir);
    const [left] = on(messages, '/left/joint_states', 'sensor_msgs/msg/JointState');
    const [right] = on(messages, '/right/joint_states', 'sensor_msgs/msg/JointState');
    expect([left?.name, right?.name]).toEqual([['waist', 'finger'], ['waist']]);
    const [first] = seen.joints;
    expect(right?.position[0]).toBeCloseTo(((first?.positions[1] as number) - 3) / 57.29578, 9);

    const bag = await openEpisode(dir, { contract });
    const states: [number, Float32Array][] = [];
    for await (const event of bag.events(new Set(['joints'])))
      if (event.kind === 'joints') states.push([event.time, event.positions]);
    await bag.close();
    // Each of the two topics' messages makes a state, the second of them that of the robot.
    const whole = states.filter((_, i) => i % 2 === 0);
    expect(whole.map(([time]) => time)).toEqual(seen.joints.map(({ time }) => expect.closeTo(time, 8)));
    expect(whole.map(([, positions]) => positions)).toEqual(seen.joints.map(({ positions }) => positions));
  });

  it('has images as rgb8 that the camera sent otherwise, converted on the recording thread', async () => {
    const recorder = await Recorder.start();
    const robot = new FakeRobot();
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    const { width, height, topic } = FAKE_CONTRACT.cameras[0] as CameraSpec;
    const step = 4 * width + 2;
    const bytes = Uint8Array.from({ length: step * height }, (_, i) => (i % step) % 4);
    robot.frames.next({
      ...{ camera: 'wrist', time: 0.5, width, height },
      raw: { layout: { encoding: 'bgra8', step, bigEndian: false }, bytes },
      get data(): Uint8Array {
        throw new Error('converted on the loop’s thread');
      },
    });
    await recording.finish();
    await recorder.close();
    const [image] = on(await read(dir), topic, 'sensor_msgs/msg/Image');
    expect(image).toMatchObject({ encoding: 'rgb8', width, height, step: 3 * width });
    expect(image?.data).toEqual(Uint8Array.from({ length: 3 * width * height }, (_, i) => 2 - (i % 3)));
  });

  it('that nobody loops is recorded by hand', async () => {
    const recorder = await Recorder.start();
    const robot = new FakeRobot();
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    const reused = Float32Array.of(1, 2, 3);
    recording.action(0.05, reused);
    reused.fill(0.5);
    recording.command(0.05, reused);
    await recording.finish();
    await recorder.close();
    const messages = await read(dir);
    const [action] = on(messages, TOPICS.action, 'sensor_msgs/msg/JointState');
    expect(action).toMatchObject({
      at: 0.05,
      name: ['pan', 'lift', 'gripper'],
      position: Float64Array.of(1, 2, 3),
    });
    const [command] = on(messages, TOPICS.command, 'sensor_msgs/msg/JointState');
    expect(command?.position).toEqual(Float64Array.of(0.5, 0.5, 0.5));
  });
});

describe('JPEG', () => {
  it('is small, on the topic that image_transport uses, and near the pixels', async () => {
    const recorder = await Recorder.start();
    const camera = {
      ...FAKE_CONTRACT.cameras[0],
      width: 64,
      height: 48,
    } as (typeof FAKE_CONTRACT.cameras)[0];
    const robot = new FakeRobot({ contract: { ...FAKE_CONTRACT, cameras: [camera] } });
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: { ...INFO, images: 'jpeg' }, robot });
    const pixels = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => 90 + 60 * Math.sin(i / 900));
    robot.frames.next({ camera: 'wrist', time: 0.5, width: 64, height: 48, data: pixels });
    await recording.finish();
    await recorder.close();
    const images = on(await read(dir), '/wrist/image_raw/compressed', 'sensor_msgs/msg/CompressedImage');
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({
      at: 0.5,
      format: 'rgb8; jpeg compressed bgr8',
      header: { frame_id: 'wrist' },
    });
    const { data } = await sharp(images[0]?.data).raw().toBuffer({ resolveWithObject: true });
    const error =
      data.reduce((sum, value, i) => sum + Math.abs(value - (pixels[i] as number)), 0) / data.length;
    expect(error).toBeLessThan(2);
  });

  it('is made of images as ROS sends them; what is no picture stays as it came', async () => {
    const recorder = await Recorder.start();
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: { ...REAL_TIME, images: 'jpeg' } });
    const header = { stamp: { sec: 3, nanosec: 4 }, frame_id: 'optical' };
    const image = (encoding: string, bytes: number) =>
      encode('sensor_msgs/msg/Image', {
        header,
        width: 16,
        height: 16,
        encoding,
        is_bigendian: 0,
        step: 16 * bytes,
        data: new Uint8Array(16 * 16 * bytes).fill(200),
      });
    const type = 'sensor_msgs/msg/Image';
    recording.image({ topic: '/rgb', type, logTime: 5n, data: image('bgr8', 3) });
    recording.image({ topic: '/depth', type, logTime: 6n, publishTime: 2n, data: image('32FC1', 4) });
    const jpeg = encode('sensor_msgs/msg/CompressedImage', {
      header,
      format: 'jpeg',
      data: Uint8Array.of(1),
    });
    const compressed = 'sensor_msgs/msg/CompressedImage';
    recording.image({ topic: '/other/compressed', type: compressed, logTime: 7n, data: jpeg });
    recording.message({
      topic: '/extra',
      type: 'my_msgs/msg/Thing',
      logTime: 8n,
      data: Uint8Array.of(0, 1, 0, 0),
    });
    await recording.finish();
    await recorder.close();

    const [rgb, depth, other, extra] = await read(dir);
    expect(rgb).toMatchObject({ topic: '/rgb/compressed', type: compressed, logTime: 5n, publishTime: 5n });
    const made = decode(compressed, rgb?.data as Uint8Array);
    expect(made).toMatchObject({ header, format: 'bgr8; jpeg compressed bgr8' });
    expect(await sharp(made.data).metadata()).toMatchObject({ format: 'jpeg', width: 16, height: 16 });
    expect(depth).toMatchObject({
      topic: '/depth',
      type,
      logTime: 6n,
      publishTime: 2n,
      data: image('32FC1', 4),
    });
    expect(other).toMatchObject({ topic: '/other/compressed', data: jpeg });
    expect(extra).toMatchObject({ topic: '/extra', type: 'my_msgs/msg/Thing' });
  });
});

/** A recorder served on this thread, on disks of our own. */
function recorderOn(create: (path: string) => Promise<Disk>, maxBacklogBytes?: number): Recorder {
  const { port1, port2 } = new MessageChannel();
  serveRecorder(port2, { create });
  return Recorder.over(port1, maxBacklogBytes === undefined ? {} : { maxBacklogBytes });
}

/** A disk that takes nothing until `open` is called. */
function stuckDisk() {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let writes = 0;
  const create = async (path: string): Promise<Disk> => {
    const file = await createFile(path);
    return {
      ...file,
      async write(bytes) {
        // The header and the metadata record go through.
        if (++writes > 2) await gate;
        await file.write(bytes);
      },
    };
  };
  return { create, open: () => open() };
}

const BIG = { ...FAKE_CONTRACT.cameras[0], width: 400, height: 300 } as (typeof FAKE_CONTRACT.cameras)[0];
const BIG_CONTRACT = { ...FAKE_CONTRACT, cameras: [BIG] };
const bigFrame = (time: number): Frame => ({
  camera: 'wrist',
  time,
  width: 400,
  height: 300,
  data: new Uint8Array(400 * 300 * 3).fill(time),
});

describe('when the disk cannot keep up', () => {
  it('drops images, counts them by camera, and drops nothing else', async () => {
    const disk = stuckDisk();
    const recorder = recorderOn(disk.create, 2_000_000);
    const robot = new FakeRobot({ contract: BIG_CONTRACT, lockstep: false });
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: REAL_TIME, robot });
    for (let n = 0; n < 30; n++) {
      robot.frames.next(bigFrame(n));
      robot.joints.next({ time: n, positions: Float32Array.of(n, n, n) });
      recording.command(n, Float32Array.of(n, 0, 0));
      await settled();
    }
    disk.open();
    const report = await recording.finish();
    await recorder.close();

    const messages = await read(dir);
    const images = on(messages, BIG.topic, 'sensor_msgs/msg/Image');
    const dropped = report.droppedImages.wrist as number;
    expect(images.length + dropped).toBe(30);
    // 2 MB hold five of the images; the chunk that was open when the disk stuck holds a few more.
    expect(images.length).toBeGreaterThanOrEqual(5);
    expect(images.length).toBeLessThan(15);
    expect(on(messages, '/joint_states', 'sensor_msgs/msg/JointState').map(({ at }) => at)).toEqual(
      Array.from({ length: 30 }, (_, n) => n),
    );
    expect(on(messages, TOPICS.command, 'sensor_msgs/msg/JointState')).toHaveLength(30);
    expect(report.error).toBeUndefined();
  });

  it('makes a lockstep loop wait, and loses nothing', async () => {
    const disk = stuckDisk();
    const recorder = recorderOn(disk.create, 2_000_000);
    const robot = new FakeRobot({ contract: BIG_CONTRACT });
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    let waited = 0;
    for (let n = 0; n < 30; n++) {
      robot.frames.next(bigFrame(n));
      const room = recording.settled();
      const free = await Promise.race([room.then(() => true), settled().then(() => false)]);
      if (!free) {
        waited++;
        disk.open();
        await room;
      }
    }
    const report = await recording.finish();
    await recorder.close();
    expect(waited).toBeGreaterThan(0);
    expect(report.droppedImages).toEqual({});
    expect(on(await read(dir), BIG.topic, 'sensor_msgs/msg/Image').map(({ data }) => data[0])).toEqual(
      Array.from({ length: 30 }, (_, n) => n),
    );
  });
});

describe('a full disk', () => {
  /** An episode of 60 ticks that comes to some 6 MB: noise does not compress. */
  async function untilFull(recorder: Recorder, dir: string) {
    const robot = new FakeRobot();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    const random = new Random(1);
    const seen = await episode(
      robot,
      {
        onTick(tick) {
          recording.onTick(tick);
          const data = Uint8Array.from({ length: 100_000 }, () => random.uniform(0, 256));
          recording.message({ topic: '/noise', type: 'x_msgs/msg/X', logTime: secondsToNs(tick.time), data });
        },
        settled: () => recording.settled(),
      },
      3,
    );
    const report = await recording.finish(seen.result);
    await recorder.close();
    return { seen, report };
  }

  it('ends the recording with one sentence, not the episode, and keeps what was written', async () => {
    const dir = newDir();
    const full = async (path: string): Promise<Disk> => {
      const file = await createFile(path);
      let used = 0;
      return {
        ...file,
        async write(bytes) {
          used += bytes.length;
          if (used > 2_500_000) {
            await file.write(bytes.subarray(0, bytes.length >> 1));
            throw new Error('ENOSPC: no space left on device, write');
          }
          await file.write(bytes);
        },
      };
    };
    const { seen, report } = await untilFull(recorderOn(full), dir);
    expect(seen.result).toMatchObject({ steps: 60, stop: 'timeout' });
    expect(report.error).toBe(`the recording ${dir} is cut short: ENOSPC: no space left on device, write`);
    const messages = await read(dir);
    expect(messages.length).toBe(report.messages);
    expect(messages.length).toBeGreaterThan(20);
    const commands = on(messages, TOPICS.command, 'sensor_msgs/msg/JointState');
    expect(commands.map(({ at }) => at)).toEqual(
      seen.ticks.slice(0, commands.length).map((tick) => tick.time),
    );
  });

  it('that is really full does the same', async ({ skip }) => {
    const mount = join(root, 'small');
    await mkdir(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2500k', 'tmpfs', mount], { stdio: 'pipe' });
    } catch {
      skip('a small file system cannot be mounted here: that needs root');
    }
    try {
      const dir = join(mount, 'episode_000000');
      const { seen, report } = await untilFull(await Recorder.start(), dir);
      expect(seen.result.stop).toBe('timeout');
      expect(report.error).toMatch(/^the recording .* is cut short: ENOSPC: no space left on device/);
      const messages = await read(dir);
      expect(messages.length).toBe(report.messages);
      expect(await readdir(dir)).toEqual(['episode_000000_0.mcap', 'metadata.yaml']);
    } finally {
      execFileSync('umount', ['--lazy', mount]);
    }
  });
});

describe('a recorder', () => {
  it('refuses a bag that is there already, and records the next', async () => {
    const recorder = await Recorder.start();
    const options: RecordingOptions = { dir: newDir(), info: INFO };
    await (await recorder.begin(options)).finish();
    await expect(recorder.begin(options)).rejects.toThrow(UserError);
    await expect(recorder.begin(options)).rejects.toThrow('exists already');
    const next = await recorder.begin({ ...options, dir: newDir() });
    await expect(recorder.begin({ ...options, dir: newDir() })).rejects.toThrow('still being recorded');
    const [report, again] = await Promise.all([next.finish(), next.finish()]);
    expect(again).toBe(report);
    await recorder.close();
    await recorder.close();
  });

  it('that is closed ends what is being recorded', async () => {
    const recorder = await Recorder.start();
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO });
    recording.command(1, new Float32Array());
    await recorder.close();
    expect(await read(dir)).toHaveLength(1);
    expect((await recording.finish()).error).toBeUndefined();
    await expect(recorder.begin({ dir: newDir(), info: INFO })).rejects.toThrow('the recorder is closed');
  });

  it('whose thread dies holds up nobody, and says so', async () => {
    const worker = new Worker(workerUrl('./recording/worker.js', import.meta.url));
    const recorder = Recorder.over(worker, { maxBacklogBytes: 1 });
    const robot = new FakeRobot();
    const dir = newDir();
    const recording = await recorder.begin({ dir, info: INFO, robot });
    robot.sense();
    const waiting = recording.settled();
    await worker.terminate();
    await waiting;
    robot.sense();
    expect((await recording.finish()).error).toBe(
      `the recording ${dir} is cut short: the recording thread ended`,
    );
    await recorder.close();
  });
});
