import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT, FakePolicy, FakeRobot } from '../../test/support/fakeRobot.js';
import { createStrategy } from '../act/strategy.js';
import type { Inferrer } from '../latestInference.js';
import { runEpisode } from '../loop.js';
import type { Frame } from '../robots/robot.js';
import { blankCameras, CommandLog, Replay } from './controls.js';

const width = FAKE_CONTRACT.joints.length;
const dt = 1 / FAKE_CONTRACT.rateHz;
const joints = FAKE_CONTRACT.joints.map(({ name }) => name);

/** Steers by what it sees: every target depends on the brightness of the images and on the time. */
const seeing = () =>
  new FakePolicy(FAKE_CONTRACT, 1, ({ cameras, time }) => {
    const sum = cameras.reduce((s, { current }) => s + current.data.reduce((a, b) => a + b, 0), 0);
    return Float32Array.from({ length: width }, (_, j) => 0.01 + 0.005 * Math.sin(sum / 1000 + 3 * time + j));
  });

const episode = (robot: FakeRobot, policy: Inferrer, seed: number, tap?: CommandLog) =>
  runEpisode({
    robot,
    policy,
    strategy: createStrategy({ name: 'latest' }, { length: 1, width }),
    seed,
    timeLimitS: 1,
    ...(tap ? { tap } : {}),
  });

describe('blankCameras', () => {
  it('shows black frames that are otherwise the robot’s, and leaves the robot’s own alone', async () => {
    const robot = new FakeRobot();
    const blind = blankCameras(robot);
    const [real, seen]: [Frame[], Frame[]] = [[], []];
    robot.frames.subscribe((frame) => real.push(frame));
    blind.frames.subscribe((frame) => seen.push(frame));
    await blind.reset({ seed: 1 });
    expect(seen).toHaveLength(FAKE_CONTRACT.cameras.length);
    expect(seen).toEqual(real.map((frame) => ({ ...frame, data: new Uint8Array(frame.data.length) })));
    expect(real.every(({ data }) => data.some((value) => value > 0))).toBe(true);
  });

  it('passes commands, joints, outcomes and time through', async () => {
    const robot = new FakeRobot({ outcome: (tick) => ({ reward: tick >= 3 ? 4 : 0 }) });
    const policy = new FakePolicy(FAKE_CONTRACT, 1, ({ state }) => state.slice());
    const { result } = await runEpisode({
      robot: blankCameras(robot),
      policy,
      strategy: createStrategy({ name: 'latest' }, { length: 1, width }),
      seed: 2,
      timeLimitS: 1,
    });
    expect(result).toMatchObject({ success: true, steps: 3 });
    expect(robot.commands.length).toBeGreaterThanOrEqual(3);
    expect(
      policy.seen.every(({ cameras }) => cameras.every(({ current }) => current.data.every((v) => v === 0))),
    ).toBe(true);
  });
});

describe('Replay', () => {
  it('gives on the same seed exactly the commands that were recorded', async () => {
    const robot = new FakeRobot();
    const log = new CommandLog();
    const policy = seeing();
    await episode(robot, policy, 3, log);
    expect(log.commands).toHaveLength(20);
    const changes = log.commands.filter(
      (row, i) => i > 0 && row.some((v, j) => v !== log.commands[i - 1]?.[j]),
    );
    expect(changes.length).toBeGreaterThan(10);

    const again = new CommandLog();
    await episode(robot, new Replay(policy.bundle, log.commands, { joints, dt }), 3, again);
    expect(again.commands).toEqual(log.commands);
  });

  it('starts anew with every episode, and looks at nothing', async () => {
    const robot = new FakeRobot();
    const log = new CommandLog();
    const policy = seeing();
    await episode(robot, policy, 3, log);
    const replay = new Replay(policy.bundle, log.commands, { joints, dt });
    const seen = policy.seen.length;
    const [first, second] = [new CommandLog(), new CommandLog()];
    await episode(robot, replay, 4, first);
    await episode(robot, replay, 4, second);
    expect(second.commands).toEqual(first.commands);
    expect(policy.seen.length).toBe(seen);
    // Another start pose is approached within the limits; from then on the commands are the recorded ones.
    expect(first.commands.at(-1)).toEqual(log.commands.at(-1));
  });

  it('stays at the last command past the end', async () => {
    const robot = new FakeRobot();
    const rows = [Float32Array.of(0.1, 0.2, 0.01), Float32Array.of(0.11, 0.21, 0.011)];
    const replay = new Replay(seeing().bundle, rows, { joints, dt });
    await episode(robot, replay, 1);
    expect([...robot.pose]).toEqual([...(rows[1] as Float32Array)]);
  });

  it('ends as aborted when there is nothing to replay', async () => {
    const { result } = await episode(new FakeRobot(), new Replay(seeing().bundle, [], { joints, dt }), 1);
    expect(result).toMatchObject({ success: false, stop: 'aborted' });
    expect(result.reason).toContain('no commands were recorded');
  });
});
