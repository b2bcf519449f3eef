import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT, FakePolicy, FakeRobot, type FakeRobotOptions } from '../../test/support/fakeRobot.js';
import {
  fakeInfo,
  frameEvent,
  MemoryBag,
  type MemoryBagParts,
  MemoryRecording,
} from '../../test/support/memoryBag.js';
import { createStrategy } from '../act/strategy.js';
import { UserError } from '../errors.js';
import { runEpisode } from '../loop.js';
import { Resizer } from '../observe/resize.js';
import type { EpisodeEvent } from '../record/episode.js';
import type { Frame, JointState } from '../robots/robot.js';
import type { Tick } from '../tap.js';
import { EpisodeRows, type Row } from './rows.js';

const CAMERAS = FAKE_CONTRACT.cameras.map(({ name, width, height }) => ({ name, width, height }));

async function rowsOf(original: MemoryBag, cameras = CAMERAS): Promise<Row[]> {
  const bag = new MemoryBag(original.contract, original.all, original);
  const opened = await EpisodeRows.open(bag, cameras);
  const rows: Row[] = [];
  for await (const row of opened.rows()) rows.push(row);
  expect(rows).toHaveLength(opened.length);
  await opened.close();
  expect(bag).toMatchObject({ closed: true, open: 0 });
  return rows;
}

async function holeOf(bag: MemoryBag): Promise<string | undefined> {
  return (await EpisodeRows.open(bag, CAMERAS)).hole();
}

/** A live episode: what was sensed and done, beside its recording. */
async function live(options: FakeRobotOptions = {}, parts: MemoryBagParts = {}) {
  const robot = new FakeRobot({
    outcome: (tick) => ({ reward: tick >= 9 ? 4 : tick >= 5 ? 1 : 0 }),
    ...options,
  });
  const policy = new FakePolicy(robot.contract, 3, ({ state }) =>
    Float32Array.from({ length: 9 }, (_, i) => (state[i % 3] as number) * 0.9 + 0.001 * i),
  );
  const recording = new MemoryRecording(robot, policy.bundle.joints);
  const frames = new Map<string, Frame>();
  let joints: JointState | undefined;
  robot.frames.subscribe((frame) => frames.set(`${frame.camera} ${frame.time.toFixed(6)}`, frame));
  const poses: Float32Array[] = [];
  robot.joints.subscribe((state) => {
    joints = state;
    poses.push(state.positions);
  });
  const ticks: Tick[] = [];
  await runEpisode({
    robot,
    policy,
    strategy: createStrategy({ name: 'latest' }, { length: 3, width: 3 }),
    seed: 2,
    timeLimitS: 1,
    tap: {
      onTick: (tick) => {
        ticks.push(tick);
        recording.onTick(tick);
      },
    },
  });
  expect(joints).toBeDefined();
  return { bag: recording.bag(parts), ticks, frames, poses };
}

describe('EpisodeRows', () => {
  it('are what was seen, wanted and achieved on each tick of a live episode', async () => {
    const { bag, ticks, frames, poses } = await live();
    const rows = await rowsOf(bag);
    expect(rows).toHaveLength(9);
    for (const [n, row] of rows.entries()) {
      for (const [c, { name }] of CAMERAS.entries())
        expect(row.images[c]).toEqual(frames.get(`${name} ${(n / 20).toFixed(6)}`)?.data);
      expect(row.state).toEqual(poses[n]);
      // The policy's joints are in reverse order.
      expect(row.action).toEqual(ticks[n]?.action?.slice().reverse());
      expect(row.reward).toBe(ticks[n]?.reward);
      expect(row.success).toBe(n === 8);
    }
    expect(rows.some((row, n) => row.action.some((a, j) => a !== ticks[n]?.command.positions[j]))).toBe(true);
  });

  it('have images of the sizes asked for, resized as a policy’s are', async () => {
    const { bag } = await live();
    const full = await rowsOf(bag);
    const small = await rowsOf(
      bag,
      CAMERAS.map(({ name }) => ({ name, width: 4, height: 3 })),
    );
    const [camera] = CAMERAS as [(typeof CAMERAS)[number]];
    const resizer = new Resizer({ width: 4, height: 3 });
    for (const [n, row] of small.entries())
      expect(row.images[0]).toEqual(resizer.resize({ ...camera, data: full[n]?.images[0] as Uint8Array }));
  });

  it('end with success where a person said so, and no reward was recorded', async () => {
    const { bag } = await live({ outcome: () => ({ reward: 0 }) });
    const silent = new MemoryBag(
      bag.contract,
      bag.all.filter(({ kind }) => kind !== 'reward'),
      { ...bag, result: { success: true } as never },
    );
    const rows = await rowsOf(silent);
    expect(rows.map(({ reward }) => reward)).toEqual(rows.map(() => 0));
    expect(rows.map(({ success }) => success)).toEqual(rows.map((_, n) => n === rows.length - 1));
  });

  it('keep the last target on a tick that was missed', async () => {
    const { bag, ticks } = await live({}, {});
    const gone = (event: EpisodeEvent) =>
      (event.kind === 'action' || event.kind === 'command') && Math.round(event.time * 20) === 4;
    const rows = await rowsOf(
      new MemoryBag(
        bag.contract,
        bag.all.filter((event) => !gone(event)),
        bag,
      ),
    );
    expect(rows).toHaveLength(9);
    expect(rows[4]?.action).toEqual(rows[3]?.action);
    expect(rows[5]?.action).toEqual(ticks[5]?.action?.slice().reverse());
  });

  it('begin with the first command of a recording by hand, and need every sensor only from then on', async () => {
    const { bag: ours } = await live();
    const foreign = ours.all.flatMap((event): EpisodeEvent[] => {
      if (event.kind === 'action') return [];
      if (event.kind === 'command' && event.time < 0.19) return [];
      return [event];
    });
    const { info: _, start: __, ...rest } = ours;
    const bag = new MemoryBag(ours.contract, foreign, {
      ...rest,
      info: undefined,
      start: undefined,
    } as never);
    expect(await holeOf(bag)).toBeUndefined();
    const rows = await rowsOf(bag);
    // Without a word of Saccade's, the contract says which reward is success.
    expect(rows.find(({ success }) => success)?.reward).toBe(FAKE_CONTRACT.reward.max);
    const command = ours.all.find((event) => event.kind === 'command' && event.time > 0.19);
    expect(rows[0]?.action).toEqual(command?.kind === 'command' && command.positions);
    expect(rows[0]?.state).toEqual(
      ours.all.flatMap((event) =>
        event.kind === 'joints' && Math.abs(event.time - 0.2) < 1e-6 ? [event.positions] : [],
      )[0],
    );
  });
});

describe('a hole', () => {
  it('is none in a whole episode', async () => {
    expect(await holeOf((await live()).bag)).toBeUndefined();
  });

  it('is where a camera or the joints were silent for longer than the contract allows', async () => {
    const { bag } = await live({ outcome: () => ({ reward: 0 }) });
    const without = (silent: (event: EpisodeEvent) => boolean) =>
      new MemoryBag(
        bag.contract,
        bag.all.filter((event) => !silent(event)),
        bag,
      );
    const between = (event: EpisodeEvent) => event.at > 0.225 && event.at < 0.475;
    // The head was last seen at 0.2 s and may be 0.2 s old: 0.45 s is the first tick at which it is too old.
    expect(
      await holeOf(without((event) => event.kind === 'frame' && event.camera === 'head' && between(event))),
    ).toBe('at 0.450 s camera head is 0.250 s old');
    expect(await holeOf(without((event) => event.kind === 'joints' && between(event)))).toBe(
      'at 0.350 s joints is 0.150 s old',
    );
    expect(
      await holeOf(without((event) => event.kind === 'frame' && event.camera === 'wrist' && event.at > 0.3)),
    ).toMatch(/^at 0\.\d+ s camera wrist is 0\.250 s old$/);
    // As long as it is not too old, the newest picture is shown again, as it was live.
    const brief = without((event) => event.kind === 'frame' && event.at > 0.225 && event.at < 0.375);
    expect(await holeOf(brief)).toBeUndefined();
    const rows = await rowsOf(brief);
    expect(rows[5]?.images[0]).toEqual(rows[4]?.images[0]);
    expect(rows[8]?.images[0]).not.toEqual(rows[4]?.images[0]);
  });

  it('is where a sensor had not sent anything yet', async () => {
    const { bag } = await live();
    const late = new MemoryBag(
      bag.contract,
      bag.all.filter((event) => !(event.kind === 'frame' && event.camera === 'head' && event.at < 0.1)),
      bag,
    );
    expect(await holeOf(late)).toBe('at 0.000 s nothing has come from camera head');
  });

  it('is the whole of an episode in which nothing was wanted', async () => {
    const { bag } = await live();
    const events = bag.all.filter(({ kind }) => kind === 'frame' || kind === 'joints');
    const idle = new MemoryBag(bag.contract, events, { info: undefined, start: undefined } as never);
    expect(await holeOf(idle)).toBe('nothing was commanded');
  });

  it('does not need a picture decoded', async () => {
    const { bag } = await live();
    const events = bag.all.map(
      (event): EpisodeEvent =>
        event.kind === 'frame' ? { ...event, image: { ...event.image, data: new Uint8Array(12) } } : event,
    );
    const broken = new MemoryBag(bag.contract, events, bag);
    expect(await holeOf(broken)).toBeUndefined();
    await expect(rowsOf(broken)).rejects.toThrow(UserError);
  });
});

it('frames of a real-time camera are those that had been received by the tick', async () => {
  const frame = (time: number, fill: number): Frame => ({
    camera: 'wrist',
    time,
    width: 8,
    height: 6,
    data: new Uint8Array(144).fill(fill),
  });
  const head = (time: number): Frame => ({
    ...frame(time, 9),
    camera: 'head',
    width: 12,
    height: 8,
    data: new Uint8Array(288),
  });
  const joints = (time: number): EpisodeEvent => ({
    kind: 'joints',
    at: time,
    time,
    positions: Float32Array.of(time, 0, 0),
  });
  const command = (time: number): EpisodeEvent => ({
    kind: 'command',
    at: time,
    time,
    positions: Float32Array.of(-time, 0, 0),
  });
  const events = [
    frameEvent(frame(99.99, 1), 100),
    frameEvent(head(99.99), 100),
    joints(100),
    command(100.01),
    // Taken before the second tick, received after it.
    joints(100.04),
    frameEvent(head(100.04), 100.05),
    command(100.06),
    frameEvent(frame(100.05, 2), 100.065),
    joints(100.09),
    frameEvent(head(100.09), 100.1),
    command(100.11),
    joints(100.14),
  ];
  const info = fakeInfo(FAKE_CONTRACT, { lockstep: false });
  const bag = new MemoryBag(FAKE_CONTRACT, events, { start: 100.01, info });
  const rows = await rowsOf(bag);
  expect(rows.map(({ images }) => images[0]?.[0])).toEqual([1, 1, 2]);
  // The joints as they were when the images shown were taken, not the newest.
  expect(rows.map(({ state }) => state[0])).toEqual([100, 100, 100.04].map(Math.fround));
  expect(rows.map(({ action }) => action[0])).toEqual([-100.01, -100.06, -100.11].map(Math.fround));
});
