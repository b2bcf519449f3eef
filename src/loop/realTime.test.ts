import { describe, expect, it } from 'vitest';
import {
  type TimedCamera,
  TimedPolicy,
  TimedRobot,
  type TimedRobotOptions,
  timedContract,
  VirtualTime,
} from '../../test/support/timedRobot.js';
import { createStrategy } from '../act/strategy.js';
import type { StrategySpec } from '../contract/strategy.js';
import { type EpisodeOptions, runEpisode } from '../loop.js';
import type { Observation } from '../observe/observation.js';
import { Random } from '../random.js';
import type { Tick } from '../tap.js';

/** Bundle order: gripper, lift, pan. */
const A = 3;
const K = 30;

/** Slow enough for every limit. */
const swing = (time: number, joint: number) =>
  joint === 0 ? 0.02 + 0.003 * Math.sin(2 * time) : 0.3 * Math.sin(1.5 * time + joint);

interface Setup {
  readonly rateHz?: number;
  readonly commandRateHz?: number;
  readonly cameras?: readonly [TimedCamera, TimedCamera];
  readonly wakesLateS?: TimedRobotOptions['wakesLateS'];
  readonly latencyS?: (n: number) => number;
  readonly act?: (time: number, joint: number, observation: Observation) => number;
  readonly strategy?: StrategySpec;
}

function setup({
  rateHz = 30,
  commandRateHz = 240,
  cameras = [{ rateHz: 30 }, { rateHz: 30 }],
  wakesLateS,
  latencyS = () => 0.02,
  act = swing,
  strategy: spec = { name: 'latest' },
}: Setup = {}) {
  const time = new VirtualTime();
  const contract = timedContract(rateHz, commandRateHz);
  const robot = new TimedRobot({ time, contract, cameras, ...(wakesLateS && { wakesLateS }) });
  const policy = new TimedPolicy(time, contract, K, latencyS, act);
  const strategy = createStrategy(spec, { length: K, width: A });
  const ticks: Tick[] = [];
  const run = (options: Partial<EpisodeOptions> = {}) =>
    time.until(
      runEpisode({
        robot,
        policy,
        strategy,
        seed: 1,
        timeLimitS: 3,
        tap: { onTick: (tick) => ticks.push(tick) },
        ...options,
      }),
    );
  return { time, robot, policy, strategy, ticks, run };
}

const pan = (command: { readonly positions: Float32Array } | undefined) => command?.positions[0] as number;

describe('commands', () => {
  it('go out on a grid that does not drift, whenever the loop wakes up', async () => {
    const random = new Random(1);
    const { robot, ticks, run } = setup({ wakesLateS: () => random.uniform(0, 0.002) });
    const { result } = await run({ timeLimitS: 10 });
    const start = robot.commands[0]?.time as number;
    // Whatever brakes the arm in the end is on no grid.
    const commands = robot.commands.slice(0, 2400);
    expect(commands.map(({ time }) => time)).toEqual(commands.map((_, n) => start + n / 240));
    for (const { time, at } of commands.slice(1)) expect(at - time).toBeLessThan(0.002 + 1e-9);
    expect(result).toMatchObject({ steps: 300, wall: { missed_ticks: 0, missed_commands: 0 } });
    expect(ticks).toHaveLength(300);
    ticks.forEach(({ index, time, command, between }, n) => {
      expect([index, time]).toEqual([n, start + (8 * n) / 240]);
      expect([command, ...between].map(({ positions }) => positions)).toEqual(
        commands.slice(8 * n, 8 * n + 8).map(({ positions }) => positions),
      );
    });
  });

  it('are left out where the loop was held up, and counted', async () => {
    const stalls = new Map([
      [101, 10.5 / 240],
      [300, 30.5 / 240],
    ]);
    const { robot, ticks, run } = setup({ wakesLateS: (sleep) => stalls.get(sleep) ?? 0 });
    const { result } = await run();
    const start = robot.commands[0]?.time as number;
    for (const { time } of robot.commands.slice(0, 600))
      expect((time - start) * 240).toBeCloseTo(Math.round((time - start) * 240), 6);
    expect(result.wall.missed_commands).toBe(40);
    expect(result.wall.missed_ticks).toBe(90 - ticks.length);
    expect(ticks.reduce((sum, { missedCommands }) => sum + missedCommands, 0)).toBe(40);
    expect(ticks.reduce((sum, { between }) => sum + 1 + between.length, 0)).toBe(3 * 240 - 40);
  });

  it('use a chunk from the first one after its arrival, its rows where they belong in time', async () => {
    const { robot, ticks, run } = setup({
      latencyS: () => 0.111,
      strategy: { name: 'latest', interpolation: 'linear' },
    });
    const { result } = await run();
    const wanted = (time: number) => swing(time, 2);
    const held = robot.commands.findIndex((command) => pan(command) !== pan(robot.commands[0]));
    // The first observation is made at the start.
    const arrival = (robot.commands[0]?.time as number) + 0.111;
    expect(robot.commands[held - 1]?.time).toBeLessThan(arrival);
    expect(robot.commands[held]?.time).toBeGreaterThan(arrival);
    expect(robot.commands[held]?.time).toBeLessThan(arrival + 1 / 240);
    // Linear between rows of a sine: as near as that comes, and no later than the limits let it catch up.
    for (const command of robot.commands.slice(240, 700))
      expect(Math.abs(pan(command) - wanted(command.time))).toBeLessThan(2e-4);
    // Reaction: to the next of 240 commands a second.
    for (const { reactionMs } of ticks.slice(10))
      if (reactionMs !== undefined) {
        expect(reactionMs).toBeGreaterThanOrEqual(111 - 1e-6);
        expect(reactionMs).toBeLessThan(111 + 34 + 1000 / 240);
      }
    expect(result.wall.reaction_ms?.p50).toBeGreaterThan(111);
    expect(result.wall.spent_chunks).toBe(0);
  });

  it('hold from the very instant at which a sensor is stale', async () => {
    const { robot, run } = setup({ cameras: [{ rateHz: 30, stopsAt: 1.005 }, { rateHz: 30 }] });
    const { result } = await run({ timeLimitS: 2 });
    // Its last image is of 1.0 s, and may be 0.2 s old.
    const moves = robot.commands.map((command, n) => pan(command) - pan(robot.commands[n - 1] ?? command));
    const stale = robot.commands.findIndex(({ time }) => time > 1.2 + 1e-9);
    expect(stale % 8).not.toBe(0);
    // From there on it brakes.
    const speed = moves.map(Math.abs);
    expect(speed[stale - 1]).toBeGreaterThan(1e-5);
    expect(speed.slice(stale + 10).every((step) => step === 0)).toBe(true);
    for (let n = stale; n < stale + 10; n++)
      expect(speed[n]).toBeLessThanOrEqual((speed[n - 1] as number) + 1e-6);
    const end = (robot.commands[0]?.time as number) + 2;
    expect(result.safety.hold_stale).toBe(Math.round((end - 1.2) * 30));
    expect(result.safety.hold_no_action).toBeLessThan(3);
  });

  it('wait for the chunk under way as long as they may, once a gap', async () => {
    // The first chunk takes 37 ms of virtual time; the budget is wall time, of which none passes here.
    const latencyS = (n: number) => (n === 0 ? 0.037 : 0.02);
    const patient = setup({ latencyS });
    await patient.run({ timeLimitS: 0.5, lateWaitS: () => 5 });
    const [first, second] = patient.robot.commands;
    expect((first?.at as number) - (first?.time as number)).toBeCloseTo(0.037, 9);
    expect((second?.time as number) - (first?.time as number)).toBeCloseTo(8 / 240, 9);

    const impatient = setup({ latencyS });
    await impatient.run({ timeLimitS: 0.5 });
    expect(impatient.robot.commands[0]?.at).toBe(impatient.robot.commands[0]?.time);
  });
});

describe('observations', () => {
  const times = (policy: TimedPolicy) => policy.seen.map(({ observation }) => observation.time);
  const gaps = (values: readonly number[]) =>
    values.slice(1).map((value, i) => value - (values[i] as number));

  it('are made when the last camera’s image arrives, not when the tick comes', async () => {
    const lag = (s: number) => () => s;
    const { policy, run } = setup({
      cameras: [
        { rateHz: 30, phaseS: 0.007, lagS: lag(0.002) },
        { rateHz: 30, phaseS: 0.007, lagS: lag(0.004) },
      ],
      latencyS: () => 0.006,
    });
    await run({ timeLimitS: 2 });
    // The loop starts a tick after the first images came, for nothing had come at its first look.
    for (const { observation, at } of policy.seen.slice(1))
      expect(at - observation.time).toBeCloseTo(0.004, 9);
    for (const gap of gaps(times(policy))) expect(gap).toBeCloseTo(1 / 30, 9);
  });

  it('show a policy at rest images that it has foreseen as they came, and hardly another', async () => {
    for (const rateHz of [30, 60]) {
      const cameras = [{ rateHz }, { rateHz, lagS: () => 0.004 }] as const;
      const { policy, run } = setup({ cameras, latencyS: () => 0.005 });
      await run();
      expect(policy.seen.length).toBeGreaterThan(80);
      for (const c of [0, 1]) {
        const shown = policy.seen.map(({ observation }) => observation.cameras[c]?.current);
        const foreseen = policy.foreseen[c] ?? [];
        // The first ones were there before the episode began.
        expect(shown.slice(2).every((frame) => frame && foreseen.includes(frame))).toBe(true);
        expect(foreseen.length - shown.length).toBeLessThanOrEqual(1);
      }
    }
  });

  it('of cameras at 60 Hz show a 30 Hz policy pairs a period apart', async () => {
    const { policy, run } = setup({
      cameras: [
        { rateHz: 60, phaseS: 0.001 },
        { rateHz: 60, phaseS: 0.001, lagS: (n) => 0.001 * (n % 3) },
      ],
      latencyS: () => 0.006,
    });
    await run({ timeLimitS: 2 });
    expect(policy.seen.length).toBeGreaterThan(57);
    for (const { observation } of policy.seen.slice(1))
      for (const { current, previous } of observation.cameras)
        expect(current.time - previous.time).toBeCloseTo(1 / 30, 6);
  });

  it('of cameras that run apart, at 25 and 30 Hz, pair what belongs together', async () => {
    const { policy, ticks, run } = setup({
      cameras: [
        { rateHz: 25, phaseS: 0.003 },
        { rateHz: 30, phaseS: 0.011, lagS: () => 0.005 },
      ],
      latencyS: () => 0.006,
    });
    const { result } = await run({ timeLimitS: 4 });
    const seen = policy.seen.map(({ observation }) => observation);
    expect(seen.length).toBeGreaterThanOrEqual(4 * 25 - 3);
    expect(seen.length).toBeLessThanOrEqual(4 * 30);
    for (const [i, { cameras, time }] of seen.entries()) {
      const stamps = cameras.map(({ current }) => current.time);
      expect(time).toBe(Math.max(...stamps));
      const before = seen[i - 1];
      if (!before) continue;
      expect(time - before.time).toBeGreaterThanOrEqual(0.5 / 30);
      cameras.forEach(({ current, previous }, c) => {
        // What was current is now the one before, and nothing goes back in time.
        expect(previous).toBe(before.cameras[c]?.current);
        expect(current.time).toBeGreaterThanOrEqual(previous.time);
      });
    }
    expect(result.max_camera_skew_s).toBeLessThanOrEqual(0.04);
    expect(result.safety.hold_stale).toBe(0);
    expect(ticks.filter(({ observation }) => observation).length).toBeGreaterThan(95);
  });

  it('are made at the tick where a camera lost an image, and go on', async () => {
    const { policy, run } = setup({
      cameras: [{ rateHz: 30 }, { rateHz: 10 }],
      latencyS: () => 0.006,
    });
    const { result } = await run({ timeLimitS: 2 });
    expect(policy.seen.length).toBeGreaterThan(18);
    expect(result.safety).toMatchObject({ hold_stale: 0 });
    for (const gap of gaps(times(policy))) expect(gap).toBeGreaterThan(0.5 / 30);
  });

  it('are inferred back to back, the newest first, by a policy slower than the cameras', async () => {
    const { policy, run } = setup({ latencyS: () => 0.05 });
    const { result } = await run({ timeLimitS: 3 });
    for (const gap of gaps(policy.seen.map(({ at }) => at))) expect(gap).toBeCloseTo(0.05, 2);
    for (const { observation, at } of policy.seen) expect(at - observation.time).toBeLessThan(1 / 30 + 1e-9);
    expect(result.wall.dropped_observations).toBeGreaterThan(20);
    // What it sees before is the frame of a period ago, not that of its last inference.
    for (const { observation } of policy.seen.slice(1))
      for (const { current, previous } of observation.cameras)
        expect(current.time - previous.time).toBeCloseTo(1 / 30, 9);
  });
});

describe('limits', () => {
  const SPECS: readonly StrategySpec[] = [
    { name: 'ensemble', m: 0.01 },
    { name: 'ensemble', m: -0.2 },
    { name: 'receding', steps: 10 },
    { name: 'latest' },
    { name: 'latest', interpolation: 'linear', late_extrapolate_s: 0 },
    { name: 'blend', fade_s: 0.2 },
  ];

  it('hold between any two commands, whatever the latencies, rates and chunks', async () => {
    const random = new Random(11);
    for (let run = 0; run < 24; run++) {
      const spec = SPECS[run % SPECS.length] as StrategySpec;
      const commandRateHz = [20, 40, 100, 240][Math.floor(random.uniform(0, 4))] as number;
      const slow = random.uniform(0, 1);
      // Each chunk wants to be somewhere else, and jumps.
      const wild = (time: number, joint: number, { time: seen }: Observation) =>
        (joint === 0 ? 0.02 : 0.6) *
        (1 + Math.sin(7 * time + 40 * seen + joint) * (Math.floor(time * 3) % 2 === 0 ? 1 : -1));
      const { robot, run: episode } = setup({
        rateHz: 20,
        commandRateHz,
        cameras: [{ rateHz: 30 }, { rateHz: 20, phaseS: 0.01 }],
        latencyS: () => random.uniform(0, slow),
        wakesLateS: () => (random.next() < 0.02 ? random.uniform(0, 0.2) : 0),
        act: wild,
        strategy: spec,
      });
      await episode({ timeLimitS: 2, speedScale: () => random.uniform(0.25, 2) });
      const { joints } = robot.contract;
      const start = joints.map(({ min, max }) => Math.fround((min + max) / 2));
      let before: ArrayLike<number> = start;
      let moved = 0;
      for (const { positions } of robot.commands) {
        joints.forEach(({ min, max, velocity }, j) => {
          const step = Math.abs((positions[j] as number) - (before[j] as number));
          moved += step;
          expect(step).toBeLessThanOrEqual((velocity / commandRateHz) * (1 + 1e-5));
          expect(positions[j]).toBeGreaterThanOrEqual(min - 1e-6);
          expect(positions[j]).toBeLessThanOrEqual(max + 1e-6);
        });
        before = positions;
      }
      expect(moved).toBeGreaterThan(0.1);
    }
  });
});
