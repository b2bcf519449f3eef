import { describe, expect, it } from 'vitest';
import {
  FAKE_CONTRACT,
  FakePolicy,
  FakeRobot,
  type FakeRobotOptions,
  fakeImage,
  settled,
} from '../test/support/fakeRobot.js';
import { EmergencyStop } from './act/safety.js';
import { createStrategy, type Strategy } from './act/strategy.js';
import type { StrategySpec } from './contract/strategy.js';
import { type EpisodeOptions, runEpisode } from './loop.js';
import type { Observation } from './observe/observation.js';
import { Resizer } from './observe/resize.js';
import { EpisodeAborted } from './robots/robot.js';
import type { Tick } from './tap.js';

const K = 8;
const A = FAKE_CONTRACT.joints.length;
const DT = 1 / FAKE_CONTRACT.rateHz;
const SHAPE = { length: K, width: A };

/** Every row of the chunk wants the joints (bundle order: gripper, lift, pan) to be there. */
function constant(...positions: number[]): Float32Array {
  return Float32Array.from({ length: K * A }, (_, i) => positions[i % A]);
}

/** Small steps about the measured pose that depend on every input: images now and before, and the state. */
function reactive(
  current: readonly Uint8Array[],
  previous: readonly Uint8Array[],
  state: Float32Array,
): Float32Array {
  const mean = (images: readonly Uint8Array[]) =>
    images.reduce((sum, image) => sum + image[0] + image[5], 0) / 1024;
  const now = mean(current);
  const change = now - mean(previous);
  return Float32Array.from({ length: K * A }, (_, i) => {
    const [k, j] = [Math.floor(i / A), i % A];
    const size = j === 0 ? 0.0005 : 0.01;
    const centre = j === 0 ? 0.02 : 0;
    return state[j] + 0.02 * (centre - state[j]) + size * Math.sin(9 * now + 5 * change + k + j);
  });
}

const react = ({ cameras, state }: Observation) =>
  reactive(
    cameras.map((pair) => pair.current.data),
    cameras.map((pair) => pair.previous.data),
    state,
  );

function setup(
  act: (observation: Observation, query: number) => Float32Array | Promise<Float32Array>,
  {
    spec = { name: 'ensemble', m: 0.01 } as StrategySpec,
    ...robotOptions
  }: FakeRobotOptions & { spec?: StrategySpec } = {},
) {
  const robot = new FakeRobot(robotOptions);
  const policy = new FakePolicy(robot.contract, K, act);
  const strategy = createStrategy(spec, SHAPE);
  const run = (options: Partial<EpisodeOptions> = {}) =>
    runEpisode({ robot, policy, strategy, seed: 2, timeLimitS: 1, ...options });
  return { robot, policy, run };
}

/** ACT's evaluation loop without any of Saccade's parts but the resize: what the robot should be sent. */
function naiveAct(seed: number, ticks: number, m: number): Float32Array[] {
  const robot = new FakeRobot();
  void robot.reset({ seed });
  let pose = robot.pose.slice();
  const cameras = [...FAKE_CONTRACT.cameras].reverse();
  const look = () =>
    cameras.map(({ name, width, height }) =>
      new Resizer({ width: 4, height: 3 }).resize({
        width,
        height,
        data: fakeImage(width, height, pose, name.length),
      }),
    );
  const table: (Float32Array | undefined)[][] = Array.from({ length: ticks }, () => []);
  let previous = look();
  return Array.from({ length: ticks }, (_, t) => {
    const current = look();
    const chunk = reactive(current, previous, pose.slice().reverse());
    previous = current;
    for (let k = 0; k < K && t + k < ticks; k++) table[t + k][t] = chunk.subarray(k * A, k * A + A);
    const predictions = table[t].filter((row) => row !== undefined);
    const weights = predictions.map((_, i) => Math.exp(-m * i));
    const action = Array.from({ length: A }, (_, j) => {
      let [sum, total] = [0, 0];
      predictions.forEach((row, i) => {
        sum += weights[i] * row[j];
        total += weights[i];
      });
      return sum / total;
    });
    pose = Float32Array.from(action.reverse());
    return pose;
  });
}

describe('runEpisode in lockstep', () => {
  it('sends exactly what a naive ACT loop sends, for 100 ticks', async () => {
    const { robot, run } = setup(react);
    const { result } = await run({ timeLimitS: 5 });
    expect(result).toMatchObject({ steps: 100, stop: 'timeout', duration_s: 5 });
    expect(robot.commands.slice(0, 100).map((command) => command.positions)).toEqual(naiveAct(2, 100, 0.01));
    expect(Object.values(result.safety).every((count) => count === 0)).toBe(true);
  });

  it('is a function of the seed: wall-clock figures apart, the same again', async () => {
    const once = async (seed: number) => {
      const { robot, run } = setup(react);
      const { wall, ...result } = (await run({ seed })).result;
      expect(wall.latency_ms).not.toBeNull();
      return JSON.stringify([result, robot.commands.map((command) => [...command.positions])]);
    };
    expect(await once(7)).toBe(await once(7));
    expect(await once(7)).not.toBe(await once(8));
  });

  it('leaves nothing behind for the next episode', async () => {
    const { robot, run } = setup(react);
    await run({ seed: 3 });
    await run({ seed: 7 });
    const after = robot.commands.map((command) => command.positions);
    const fresh = setup(react);
    await fresh.run({ seed: 7 });
    expect(after).toEqual(fresh.robot.commands.map((command) => command.positions));
  });

  it('shows the policy pairs one tick apart, even when it is asked only now and then', async () => {
    const { policy, run } = setup(react, { spec: { name: 'receding', steps: 4 } });
    await run({ timeLimitS: 0.6 });
    expect(policy.seen.map((observation) => Math.round(observation.time / DT))).toEqual([0, 4, 8]);
    expect(policy.seen.map((observation) => observation.first)).toEqual([true, false, false]);
    for (const { cameras, first } of policy.seen) {
      for (const { current, previous } of cameras) {
        expect(current.width).toBe(4);
        expect(current.time - previous.time).toBeCloseTo(first ? 0 : DT, 9);
      }
    }
  });

  it('sums the rewards that follow each command and stops at the maximum', async () => {
    const rewards = [3, 0, 1, 1, 2, 4, 9];
    const { run } = setup(react, { outcome: (tick) => ({ reward: rewards[tick] }) });
    const { result, timings } = await run();
    // The 3 at reset is nobody's doing.
    expect(result).toMatchObject({
      stop: 'success',
      success: true,
      return: 8,
      highest_reward: 4,
      steps: 5,
      duration_s: 0.25,
    });
    expect(timings.latencyMs).toHaveLength(5);
    expect(timings.overheadMs).toHaveLength(5);
  });

  it('does not count the reset as time of the episode', async () => {
    const { robot, run } = setup(react);
    const reset = robot.reset.bind(robot);
    robot.reset = async (options) => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await reset(options);
    };
    const { result } = await run();
    expect(result.wall.seconds).toBeGreaterThan(0);
    expect(result.wall.seconds).toBeLessThan(1.4);
  });

  it('ends as failure when the robot says that it cannot succeed any more', async () => {
    const { run } = setup(react, {
      outcome: (tick) => ({ reward: 1, ...(tick === 3 && { failure: 'the cube fell off the table' }) }),
    });
    const { result } = await run();
    expect(result).toMatchObject({
      stop: 'failure',
      reason: 'the cube fell off the table',
      success: false,
      steps: 3,
    });
  });

  it('refuses a task that is solved before the first command', async () => {
    const { robot, run } = setup(react, { outcome: () => ({ reward: 4 }) });
    const { result } = await run();
    expect(result).toMatchObject({
      stop: 'aborted',
      reason: 'the task was already solved at reset',
      success: false,
      steps: 0,
      return: 0,
    });
    expect(robot.commands).toEqual([]);
  });

  it('stops a policy that returns NaN, and runs the next episode', async () => {
    const { robot, policy, run } = setup((observation, query) =>
      query === 3 ? constant(0.02, Number.NaN, 0) : react(observation),
    );
    const { result } = await run();
    expect(result).toMatchObject({
      stop: 'aborted',
      reason: "the policy's action for joint lift is NaN",
      steps: 4,
      safety: { non_finite: 1 },
    });
    expect(robot.commands.every(({ positions }) => positions.every(Number.isFinite))).toBe(true);
    expect(policy.seen).toHaveLength(4);
    expect((await run()).result).toMatchObject({ stop: 'timeout', steps: 20, safety: { non_finite: 0 } });
  });

  it('aborts when inference fails, naming why', async () => {
    const { run } = setup((observation, query) => {
      if (query === 2) throw new Error('out of memory');
      return react(observation);
    });
    expect((await run()).result).toMatchObject({
      stop: 'aborted',
      reason: 'inference failed: out of memory',
      steps: 3,
    });
  });

  it('aborts when a chunk has another shape than the bundle says', async () => {
    const { run } = setup(() => new Float32Array(2));
    expect((await run()).result.reason).toMatch(/^inference failed: a chunk of 8×3 \(2 values\)/);
  });

  it('finishes the tick under way when interrupted', async () => {
    const { run } = setup(react);
    const abort = new AbortController();
    const ticks: Tick[] = [];
    const onTick = (tick: Tick) => {
      ticks.push(tick);
      if (tick.index === 5) abort.abort();
    };
    const { result } = await run({ signal: abort.signal, tap: { onTick } });
    expect(result).toMatchObject({ stop: 'interrupted', steps: 6 });
    expect(ticks).toHaveLength(6);
    expect((await run({ signal: abort.signal })).result).toMatchObject({ stop: 'interrupted', steps: 0 });
  });

  it('holds while a camera is stale, and goes on when it is back', async () => {
    const { robot, policy, run } = setup(() => constant(0.02, 0.25, 0.5), {
      contract: {
        ...FAKE_CONTRACT,
        cameras: FAKE_CONTRACT.cameras.map((camera) => ({ ...camera, maxAgeS: 0.12 })),
      },
      sends: (source, tick) => source !== 'head' || tick < 2 || tick > 8,
    });
    const { result } = await run();
    // The last frame is of tick 1: it may be 2 ticks old, so ticks 4 … 8 are without.
    expect(result.safety.hold_stale).toBe(5);
    expect(policy.seen).toHaveLength(20 - 5);
    expect(result.stop).toBe('timeout');
    const pan = robot.commands.map((command) => command.positions[0]);
    // It was on its way to 0.5, brakes at once and stands until the camera is back.
    expect(pan[3]).not.toBe(pan[2]);
    expect(new Set(pan.slice(6, 9)).size).toBe(1);
    expect(pan[19]).toBe(0.5);
  });

  it('aborts when a sensor never speaks, and says which', async () => {
    const { robot, run } = setup(react, { sends: (source) => source !== 'wrist' });
    expect((await run()).result).toMatchObject({
      stop: 'aborted',
      reason: '5 s after the reset nothing has come from camera wrist',
      steps: 0,
    });
    expect(robot.commands).toEqual([]);
  });

  it('maps joints by name in both directions', async () => {
    const { robot, policy, run } = setup(() => constant(0.03, 0.3, 0.1));
    await run({ seed: 0 });
    const start = [-2, -0.375, 0.02];
    expect([...policy.seen[0].state].reverse()).toEqual(start.map(Math.fround));
    expect([...(robot.commands.at(-1)?.positions ?? [])]).toEqual([0.1, 0.3, 0.03].map(Math.fround));
  });

  it('brakes within the limits after the end, without counting it', async () => {
    const { robot, run } = setup(() => constant(0.02, 1.5, 2), {
      outcome: (tick) => ({ reward: tick === 4 ? 4 : 0 }),
    });
    const { result } = await run({ seed: 0 });
    expect(result).toMatchObject({ stop: 'success', steps: 4, duration_s: 0.2 });
    const pan = [-2, ...robot.commands.map((command) => command.positions[0])];
    const steps = pan.slice(1).map((position, i) => position - pan[i]);
    expect(steps.length).toBeGreaterThan(4);
    expect(steps.at(-1)).toBe(0);
    steps.forEach((step, i) => {
      expect(Math.abs(step - (steps[i - 1] ?? 0))).toBeLessThanOrEqual(30 * DT * DT + 1e-6);
    });
    expect(result.safety.hold_no_action + result.safety.hold_stale).toBe(0);
  });

  it('holds while the emergency stop is pressed', async () => {
    const { robot, run } = setup(react);
    const emergencyStop = new EmergencyStop();
    const onTick = ({ index }: Tick) => {
      if (index === 9) emergencyStop.press();
    };
    const { result } = await run({ emergencyStop, tap: { onTick } });
    expect(result).toMatchObject({ stop: 'timeout', safety: { emergency_stop: 10 } });
    expect(robot.commands[19].positions).toEqual(robot.commands[11].positions);
  });

  it('shows a tap what happened, and asks for views only on its behalf', async () => {
    const { robot, policy, run } = setup(react, { outcome: (tick) => ({ reward: tick % 3 }) });
    await run({ timeLimitS: 0.1 });
    expect(policy.viewsAsked).toEqual([undefined, undefined]);
    const ticks: Tick[] = [];
    await run({ timeLimitS: 0.2, tap: { views: ['flow_head'], onTick: (tick) => ticks.push(tick) } });
    expect(policy.viewsAsked.slice(2)).toEqual([['flow_head'], ['flow_head'], ['flow_head'], ['flow_head']]);
    expect(ticks.map((tick) => tick.reward)).toEqual([1, 2, 0, 1]);
    ticks.forEach((tick, n) => {
      expect(tick.index).toBe(n);
      expect(tick.time).toBeCloseTo(n * DT, 12);
      expect(tick.command).toBe(robot.commands[n]);
      expect(tick.observation?.time).toBe(policy.seen[n + 2].time);
      expect(tick.inference?.chunk.time).toBe(tick.observation?.time);
      // Nothing was clipped: the command is the action, in the other joint order.
      expect(tick.action?.slice().reverse()).toEqual(tick.command.positions);
    });
  });

  it('rejects when the robot fails, and lets go of it', async () => {
    const { robot, run } = setup(react);
    robot.command = () => {
      throw new Error('servo bus is gone');
    };
    await expect(run()).rejects.toThrow('servo bus is gone');
    expect(robot.frames.observed || robot.joints.observed || robot.outcomes.observed).toBe(false);
  });

  it('lets go of the robot at the end, and looks at no frame while it brakes', async () => {
    const { robot, run } = setup(() => constant(0.02, 1.5, 2));
    const watched: boolean[] = [];
    robot.outcomes.subscribe(() => watched.push(robot.frames.observed));
    await run({ seed: 0, timeLimitS: 0.2 });
    expect(watched.slice(0, 5)).toEqual([true, true, true, true, true]);
    expect(watched.length).toBeGreaterThan(5);
    expect(watched.slice(5).every((seen) => !seen)).toBe(true);
    expect(robot.joints.observed).toBe(false);
  });

  it('refuses a robot that does not fit the policy', async () => {
    const { policy, run } = setup(react);
    const robot = new FakeRobot({ contract: { ...FAKE_CONTRACT, joints: FAKE_CONTRACT.joints.slice(1) } });
    await expect(run({ robot })).rejects.toThrow(/only the policy \(state\.joints\) has pan/);
    expect(policy.seen).toEqual([]);
  });
});

describe('runEpisode on a clock that does not wait', () => {
  /** A policy whose every inference ends when the test says so. */
  function slow(spec: StrategySpec) {
    const pending: ((actions: Float32Array) => void)[] = [];
    const act = () => new Promise<Float32Array>((resolve) => pending.push(resolve));
    const made = setup(act, { lockstep: false, spec });
    /** Ends the inference under way: row k of its chunk wants pan at k hundredths, the rest where it is. */
    const answer = async () => {
      const rows = Float32Array.from(
        { length: K * A },
        (_, i) => [0.02, 0.25, Math.floor(i / A) / 100][i % A],
      );
      pending.shift()?.(rows);
      await settled();
    };
    const pan = () => made.robot.commands.map((command) => Math.round(command.positions[0] * 1000) / 1000);
    return { ...made, answer, pan };
  }

  it('goes on without waiting, starts the first plan where the arm stands, and aligns late chunks in time', async () => {
    const { robot, policy, run, answer, pan } = slow({ name: 'latest' });
    const episode = run({ timeLimitS: 0.5 });
    await settled();
    for (let n = 0; n < 3; n++) await robot.advance();
    // Ticks 0 … 3 have been executed with nothing to go by.
    expect(pan()).toEqual([0, 0, 0, 0]);
    await answer();
    await robot.advance();
    await robot.advance();
    // It came on tick 3, until which the arm stood: at ticks 4 and 5 its rows 1 and 2 are due.
    expect(pan()).toEqual([0, 0, 0, 0, 0.01, 0.02]);
    await robot.advance();
    await answer();
    await robot.advance();
    // This one is of tick 3, and the arm has moved since: at tick 7 its row 4 is due.
    expect(policy.seen[1].time).toBeCloseTo(3 * DT, 9);
    expect(pan().slice(6)).toEqual([0.03, 0.04]);
    for (let n = 0; n < 20; n++) {
      await answer();
      await robot.advance();
    }
    const { result } = await episode;
    expect(result).toMatchObject({ stop: 'timeout', steps: 10, safety: { hold_no_action: 4 } });
    expect(policy.seen[0].first).toBe(true);
  });

  it('keeps one inference under way and only the newest observation waiting', async () => {
    const { robot, policy, run, answer } = slow({ name: 'latest' });
    const episode = run({ timeLimitS: 0.5 });
    await settled();
    for (let n = 0; n < 4; n++) await robot.advance();
    expect(policy.seen).toHaveLength(1);
    await answer();
    expect(policy.seen.map((observation) => Math.round(observation.time / DT))).toEqual([0, 4]);
    for (let n = 0; n < 20; n++) {
      await answer();
      await robot.advance();
    }
    const { result } = await episode;
    expect(result.wall.dropped_observations).toBe(3);
  });

  it('asks for each seam of a receding horizon once, in time for the latency it has seen', async () => {
    const { robot, policy, run, answer } = slow({ name: 'receding', steps: 6 });
    const asked = () => policy.seen.map((observation) => Math.round(observation.time / DT));
    const episode = run({ timeLimitS: 1 });
    await settled();
    for (let n = 0; n < 3; n++) await robot.advance();
    await answer();
    // Its rows 0 … 5 are for ticks 3 … 8; it took 3 ticks, so what is seen at tick 6 is there by tick 9.
    for (let n = 0; n < 2; n++) await robot.advance();
    expect(asked()).toEqual([0]);
    await robot.advance();
    expect(asked()).toEqual([0, 6]);
    for (let n = 0; n < 2; n++) await robot.advance();
    await answer();
    // The next seam is at tick 12, and not all inferences took less than 3 ticks.
    expect(asked()).toEqual([0, 6]);
    await robot.advance();
    expect(asked()).toEqual([0, 6, 9]);
    for (let n = 0; n < 20; n++) {
      await answer();
      await robot.advance();
    }
    await episode;
  });

  it('leaves out the ticks it slept through and stays on the grid', async () => {
    const { robot, run, answer } = slow({ name: 'latest' });
    const episode = run({ timeLimitS: 0.5 });
    await settled();
    await answer();
    await robot.advance();
    await robot.advance(3);
    await robot.advance();
    expect(robot.commands.map((command) => Math.round(command.time / DT))).toEqual([0, 1, 4, 5]);
    for (let n = 0; n < 20; n++) {
      await answer();
      await robot.advance();
    }
    const { result } = await episode;
    expect(result.steps).toBe(8);
    expect(result.wall.missed_ticks).toBe(2);
  });

  it('waits for the inference under way before it returns', async () => {
    const { robot, run, answer } = slow({ name: 'latest' });
    let over = false;
    const episode = run({ timeLimitS: 0.1 }).finally(() => {
      over = true;
    });
    await settled();
    for (let n = 0; n < 6; n++) await robot.advance();
    expect(over).toBe(false);
    await answer();
    await episode;
    expect(over).toBe(true);
  });
});

describe('runEpisode on a robot whose controllers follow trajectories', () => {
  const swing = (time: number) =>
    Float32Array.from({ length: K * A }, (_, i) => {
      const at = time + Math.floor(i / A) * DT;
      return i % A === 0 ? 0.02 + 0.001 * Math.sin(3 * at) : 0.2 * Math.sin(2 * at + (i % A));
    });

  it('sends with every command the ones it would send next if nothing new came', async () => {
    for (const lost of [3, 12, 20]) {
      // From some tick on, nothing comes of the policy any more.
      const { robot, run } = setup(({ time }, query) => swing(query < lost ? time : 1e6));
      Object.assign(robot, { wantsHorizon: true });
      const strategy = createStrategy({ name: 'ensemble', m: 0.01 }, SHAPE);
      const deaf: Strategy = {
        spec: strategy.spec,
        reset: (pose) => strategy.reset(pose),
        wantsInference: () => true,
        foresees: (time) => strategy.foresees(time),
        actionAt: (time, out) => strategy.actionAt(time, out),
        add: (chunk, now) => chunk.time < (lost - 0.5) * DT && strategy.add(chunk, now),
      };
      await run({ strategy: deaf, timeLimitS: 2 });
      const commands = robot.commands.map(({ positions }) => positions);
      const horizon = robot.commands[lost]?.horizon;
      expect(horizon?.dt).toBe(DT);
      expect(horizon?.positions.length).toBeGreaterThan(4);
      expect(horizon?.positions).toEqual(
        commands.slice(lost + 1, lost + 1 + (horizon?.positions.length ?? 0)),
      );
    }
  });

  it('has none for a robot that wants none, unless somebody looks on', async () => {
    const { robot, run } = setup(react);
    await run({ timeLimitS: 0.5 });
    expect(robot.commands.every(({ horizon }) => horizon === undefined)).toBe(true);
    await run({ timeLimitS: 0.5, wantsHorizon: () => robot.commands.length >= 5 });
    expect(robot.commands.map(({ horizon }) => horizon !== undefined)).toEqual(
      robot.commands.map((_, n) => n >= 5),
    );
  });

  it('lets the arm come to rest by the last horizon', async () => {
    const { robot, run } = setup(({ time }) => swing(time));
    Object.assign(robot, { wantsHorizon: true });
    await run({ timeLimitS: 0.6 });
    expect(robot.commands.at(-1)?.horizon?.positions).toEqual([]);
  });
});

describe('runEpisode when the clock fails', () => {
  it('gives the episode up, brings the arm to rest, and can run the next', async () => {
    const { robot, run } = setup(({ time }) =>
      Float32Array.from({ length: K * A }, (_, i) =>
        i % A === 0 ? 0.02 : 0.5 * (time + Math.floor(i / A) * DT),
      ),
    );
    const { clock } = robot;
    let failing = true;
    const broken = {
      ...clock,
      lockstep: true,
      get now() {
        return clock.now;
      },
      sleepUntil: async (time: number) => {
        await clock.sleepUntil(time);
        if (failing && clock.now > 0.495) {
          failing = false;
          throw new EpisodeAborted('the clock was set back by 3.000 s');
        }
      },
    };
    Object.assign(robot, { clock: broken });
    const { result } = await run({ timeLimitS: 2 });
    expect(result).toMatchObject({ stop: 'aborted', reason: 'the clock was set back by 3.000 s', steps: 9 });
    const [last, before] = [robot.commands.at(-1), robot.commands.at(-2)];
    expect(last?.positions).toEqual(before?.positions);
    expect((await run({ timeLimitS: 0.5 })).result.stop).toBe('timeout');
  });

  it('brakes by the wall clock when the robot’s stands still', async () => {
    const { robot, run } = setup(({ time }) =>
      Float32Array.from({ length: K * A }, (_, i) =>
        i % A === 0 ? 0.02 : 2 * (time + Math.floor(i / A) * DT),
      ),
    );
    const { clock } = robot;
    const sleepUntil = async (time: number) => {
      if (time > 0.42) throw new EpisodeAborted('nothing has come on /clock for 2.0 s');
      await clock.sleepUntil(time);
    };
    const standing = {
      lockstep: true,
      get now() {
        return clock.now;
      },
      sleepUntil,
    };
    Object.assign(robot, { clock: standing });
    const began = performance.now();
    const { result } = await run({ timeLimitS: 2 });
    expect(result.reason).toBe('nothing has come on /clock for 2.0 s');
    // As many control periods as it takes to brake, each its time.
    const braking = robot.commands.length - 1 - result.steps;
    expect(braking).toBeGreaterThan(0);
    expect(performance.now() - began).toBeGreaterThan(braking * 1000 * DT * 0.9);
  });
});

describe('runEpisode at another speed', () => {
  it('plays chunks that much faster, within the limits', async () => {
    const ramp = ({ time }: Observation) =>
      Float32Array.from({ length: K * A }, (_, i) =>
        i % A === 0 ? 0.02 : 0.1 * (time + Math.floor(i / A) * DT),
      );
    const spec: StrategySpec = { name: 'receding', steps: K };
    const travelled = async (speed: number) => {
      const { robot, run } = setup(ramp, { spec });
      await run({ timeLimitS: 0.15, speedScale: () => speed });
      const [first, last] = [robot.commands[0], robot.commands[2]];
      return last.positions[0] - first.positions[0];
    };
    expect(await travelled(1)).toBeCloseTo(0.01, 5);
    expect(await travelled(2)).toBeCloseTo(0.02, 5);
    expect(await travelled(0.5)).toBeCloseTo(0.005, 5);
  });
});
