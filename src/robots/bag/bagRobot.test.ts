import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT, FakePolicy, FakeRobot } from '../../../test/support/fakeRobot.js';
import { fakeInfo, frameEvent, MemoryBag, MemoryRecording } from '../../../test/support/memoryBag.js';
import { createStrategy } from '../../act/strategy.js';
import type { RobotContract } from '../../contract/contract.js';
import { runEpisode } from '../../loop.js';
import type { EpisodeEvent } from '../../record/episode.js';
import type { Robot } from '../robot.js';
import { BagRobot } from './bagRobot.js';

/** Of a rate whose period nanoseconds cannot hold. */
const CONTRACT: RobotContract = { ...FAKE_CONTRACT, rateHz: 30, commandRateHz: 30 };
const CAMERAS = CONTRACT.cameras.map(({ name }) => name);

/** Everything a robot says, as text, in order. */
function listen(robot: Robot): string[] {
  const heard: string[] = [];
  robot.frames.subscribe(({ camera, time, width, height, data }) =>
    heard.push(`${camera} ${time} ${width}×${height} ${data.join()}`),
  );
  robot.joints.subscribe(({ time, positions }) => heard.push(`joints ${time} ${positions.join()}`));
  robot.outcomes.subscribe(({ time, reward }) => heard.push(`reward ${time} ${reward}`));
  return heard;
}

/** An episode of 20 ticks: its recording, and what the live robot said. */
async function recorded() {
  const robot = new FakeRobot({ contract: CONTRACT, outcome: (tick) => ({ reward: tick % 3 }) });
  const policy = new FakePolicy(CONTRACT, 4, ({ time }) =>
    Float32Array.from({ length: 12 }, (_, i) => 0.01 * ((i % 3) + 1) + 0.002 * Math.sin(9 * time)),
  );
  const recording = new MemoryRecording(robot, policy.bundle.joints);
  const live = listen(robot);
  const strategy = createStrategy({ name: 'latest' }, { length: 4, width: 3 });
  await runEpisode({ robot, policy, strategy, seed: 2, timeLimitS: 20 / 30, tap: recording });
  return { bag: recording.bag(), live, commands: robot.commands };
}

/** Events of another recorder: joints at 50 Hz, cameras at 10 Hz, `head` from 0.25 s on, commands at 5 Hz. */
function foreignEvents(offset: number): EpisodeEvent[] {
  const events: EpisodeEvent[] = [];
  for (let i = 0; i < 60; i++) {
    const at = offset + i / 50;
    events.push({ kind: 'joints', at, time: at - 0.001, positions: Float32Array.of(i, 0, 0) });
    if (i % 10 === 0) events.push({ kind: 'command', at, time: at, positions: Float32Array.of(i, 1, 2) });
    if (i % 5 !== 0) continue;
    for (const { name, width, height } of FAKE_CONTRACT.cameras) {
      if (name === 'head' && i / 50 < 0.25) continue;
      const data = new Uint8Array(width * height * 3).fill(i);
      events.push(frameEvent({ camera: name, time: at - 0.02, width, height, data }, at));
    }
  }
  return events;
}

describe('BagRobot', () => {
  it('says again what the robot said, bit for bit and at the same times', async () => {
    const { bag, live } = await recorded();
    const robot = await BagRobot.open(bag);
    expect(robot.timeline).toMatchObject({ start: 0, ticks: 20, end: 20 / 30 });
    const heard = listen(robot);
    await robot.reset();
    for (let n = 0; n < 20; n++) await robot.clock.sleepUntil((n + 1) / 30);
    expect(heard).toEqual(live.slice(0, heard.length));
    expect(heard.filter((line) => line.startsWith('joints'))).toHaveLength(21);
  });

  it('knows what was wanted and sent on each tick', async () => {
    const { bag, commands } = await recorded();
    const { timeline } = await BagRobot.open(bag);
    for (let n = 0; n < 20; n++) expect(timeline.commandAt(n)).toEqual(commands[n]?.positions);
    const wanted = bag.all.filter(({ kind }) => kind === 'action');
    expect(wanted).toHaveLength(20);
    expect(wanted.map((_, n) => timeline.actionAt(n))).toEqual(
      wanted.map((event) => 'positions' in event && event.positions),
    );
    expect(timeline.actionAt(20)).toBeUndefined();
  });

  it('lets time pass in sleepUntil only, and never says anything before its time', async () => {
    const { bag } = await recorded();
    const robot = await BagRobot.open(bag);
    const times: number[] = [];
    robot.joints.subscribe(({ time }) => times.push(time));
    await robot.reset();
    expect([robot.clock.now, times]).toEqual([0, [0]]);
    await robot.clock.sleepUntil(2.5 / 30);
    expect([robot.clock.now, times]).toEqual([2.5 / 30, [0, 1 / 30, 2 / 30]]);
    await robot.clock.sleepUntil(1 / 30);
    expect(robot.clock.now).toBe(2.5 / 30);
    await robot.clock.sleepUntil(9);
    expect(robot.clock.now).toBe(9);
  });

  it('rewinds, from anywhere', async () => {
    const { bag } = await recorded();
    const robot = await BagRobot.open(bag);
    const heard = listen(robot);
    await robot.reset();
    await robot.clock.sleepUntil(0.3);
    const before = heard.splice(0);
    await robot.reset();
    expect(robot.clock.now).toBe(0);
    await robot.clock.sleepUntil(0.3);
    expect(heard).toEqual(before);
    await robot.close();
    expect(bag).toMatchObject({ closed: true, open: 0 });
  });

  it('reads ahead by one event, and leaves images alone that nobody looks at', async () => {
    const { bag } = await recorded();
    const robot = await BagRobot.open(bag);
    robot.joints.subscribe();
    bag.given = 0;
    await robot.reset();
    expect(bag.given).toBe(3); // The joints and the reward of the start, and the first of the next tick.
    expect(bag.asked.at(-1)).not.toContain('frame');
  });

  it('names bag and camera of an image that cannot be read', async () => {
    const { bag } = await recorded();
    const broken = bag.all.map((event) =>
      event.kind === 'frame' && event.at > 0
        ? { ...event, image: { ...event.image, data: event.image.data.subarray(0, 40) } }
        : event,
    );
    const robot = await BagRobot.open(new MemoryBag(CONTRACT, broken, bag));
    listen(robot);
    await robot.reset();
    await expect(robot.clock.sleepUntil(1)).rejects.toThrow(
      /^bag \/fake\/bags\/episode_000002, camera wrist at 0\.033 s: /,
    );
  });
});

describe('a bag of another recorder', () => {
  // 2026 in seconds since 1970: float64 holds it to a quarter of a microsecond.
  for (const offset of [0, 1_790_000_000]) {
    it(`starts when everything has come and ends with the first sensor (at ${offset} s)`, async () => {
      const robot = await BagRobot.open(new MemoryBag(FAKE_CONTRACT, foreignEvents(offset)));
      const { timeline } = robot;
      expect(timeline.start - offset).toBeCloseTo(0.3, 6);
      // The last images are at 1.1 s: ticks at 0.3, 0.35 … 1.1 s.
      expect(timeline.ticks).toBe(17);
      const heard = listen(robot);
      await robot.reset();
      for (const name of CAMERAS) expect(heard.some((line) => line.startsWith(name))).toBe(true);
      expect(heard.at(-1)).toMatch(/^head/);
      // A robot follows the newest command: those at 0.2, 0.4 … s.
      expect(Array.from({ length: 5 }, (_, n) => timeline.actionAt(n)?.[0])).toEqual([10, 10, 20, 20, 20]);
      expect(timeline.commandAt(0)).toEqual(timeline.actionAt(0));
    });
  }

  it('is read so when a human was recorded by Saccade', async () => {
    const info = fakeInfo(FAKE_CONTRACT, { source: 'record', lockstep: false });
    const bag = new MemoryBag(FAKE_CONTRACT, foreignEvents(0), { info, start: 0.013 });
    const { timeline } = await BagRobot.open(bag);
    expect([timeline.start, timeline.ticks]).toEqual([0.3, 17]);
  });

  it('has no action before the first command', async () => {
    const late = foreignEvents(0).filter(({ kind, at }) => kind !== 'command' || at > 0.35);
    const { timeline } = await BagRobot.open(new MemoryBag(FAKE_CONTRACT, late));
    expect([timeline.actionAt(1), timeline.actionAt(2)?.[0]]).toEqual([undefined, 20]);
  });

  it('needs every sensor, all at one time', async () => {
    const without = foreignEvents(0).filter((event) => event.kind !== 'frame' || event.camera !== 'head');
    await expect(BagRobot.open(new MemoryBag(FAKE_CONTRACT, without))).rejects.toThrow(
      'has no message of camera head: there is no episode in it',
    );
    const apart = foreignEvents(0).filter(({ kind, at }) => kind !== 'joints' || at < 0.1);
    await expect(BagRobot.open(new MemoryBag(FAKE_CONTRACT, apart))).rejects.toThrow(
      'has no instant at which all of joints, camera wrist, camera head were recorded',
    );
  });
});

describe('a damaged or empty bag of ours', () => {
  it('of an attempt without a tick is refused', async () => {
    const { bag } = await recorded();
    const { info } = bag;
    await expect(BagRobot.open(new MemoryBag(CONTRACT, bag.all, { info }))).rejects.toThrow(
      'has no command: the attempt ended before its first tick',
    );
  });

  it('does not take a stamp that jumps for time that passed', async () => {
    const { bag } = await recorded();
    const mad = [1e9, -5, Number.NaN].map(
      (time): EpisodeEvent => ({ kind: 'command', at: 0.7, time, positions: Float32Array.of(9, 9, 9) }),
    );
    const robot = await BagRobot.open(
      new MemoryBag(CONTRACT, [...bag.all, ...mad], { info: fakeInfo(CONTRACT), start: 0 }),
    );
    expect(robot.timeline.ticks).toBe(20);
  });
});
