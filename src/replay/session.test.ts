import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT, FakePolicy, FakeRobot, settled } from '../../test/support/fakeRobot.js';
import { fakeInfo, frameEvent, MemoryBag, MemoryRecording } from '../../test/support/memoryBag.js';
import { createStrategy } from '../act/strategy.js';
import type { RobotContract } from '../contract/contract.js';
import type { StrategySpec } from '../contract/strategy.js';
import { latencyModel } from '../latency.js';
import { type EpisodeOptions, runEpisode } from '../loop.js';
import type { Observation } from '../observe/observation.js';
import type { EpisodeEvent } from '../record/episode.js';
import { replayBag } from './session.js';

const K = 5;
/** Bundle order: gripper, lift, pan. */
const A = 3;
const ENSEMBLE: StrategySpec = { name: 'ensemble', m: 0.01 };

/** Depends on every pixel now and before and on the state, and moves within the limits. */
const react = ({ cameras, state }: Observation) => {
  const mean = (data: Uint8Array) => data.reduce((sum, x) => sum + x, 0) / data.length / 256;
  const now = cameras.reduce((sum, { current }) => sum + mean(current.data), 0);
  const before = cameras.reduce((sum, { previous }) => sum + mean(previous.data), 0);
  return Float32Array.from({ length: K * A }, (_, i) => {
    const scale = i % A === 0 ? 0.001 : 0.02;
    return (state[i % A] as number) + scale * Math.sin(20 * now - 9 * before + i);
  });
};

/** A live episode of 24 ticks and its bag. */
async function live(
  act: (observation: Observation) => Float32Array = react,
  { strategy = ENSEMBLE, reward = 0, rateHz = 30, more = {} as Partial<RobotContract> } = {},
  options: Partial<EpisodeOptions> = {},
) {
  const contract = { ...FAKE_CONTRACT, rateHz, commandRateHz: rateHz, ...more };
  const robot = new FakeRobot({ contract, outcome: () => ({ reward }) });
  const policy = new FakePolicy(contract, K, act);
  const recording = new MemoryRecording(robot, policy.bundle.joints);
  const { result } = await runEpisode({
    robot,
    policy,
    strategy: createStrategy(strategy, { length: K, width: A }),
    seed: 2,
    timeLimitS: 24 / rateHz,
    tap: recording,
    ...options,
  });
  return { bag: recording.bag({ result }), result, policy, contract };
}

const zero = { mean: 0, p95: 0, max: 0 };
const again = (act = react, rateHz = 30) =>
  new FakePolicy({ ...FAKE_CONTRACT, rateHz, commandRateHz: rateHz }, K, act);

describe('replayBag', () => {
  for (const strategy of [ENSEMBLE, { name: 'receding', steps: 3 }, { name: 'latest' }] as const) {
    it(`gives the very commands of the live episode (${strategy.name})`, async () => {
      const { bag, result, policy: then } = await live(react, { strategy });
      const now = again();
      const { result: replayed } = await replayBag(bag, 'one', { policy: now, strategy });
      expect(now.seen).toEqual(then.seen);
      expect(replayed).toMatchObject({
        bag: 'one',
        seed: 2,
        stop: 'timeout',
        ticks: 24,
        inferences: then.seen.length,
        actions: 24,
        action_error: { pan: zero, lift: zero, gripper: zero },
        command: { compared: 24, max_difference: 0, identical: true },
        safety: result.safety,
        recorded: { success: false, return: 0, steps: 24, stop: 'timeout', safety: result.safety },
      });
      expect(bag.closed).toBe(true);
    });
  }

  it('gives the very commands of an episode with latency added, another speed and commands between ticks', async () => {
    const latency = { meanS: 0.07, jitterS: 0.06 };
    const speed = 0.8;
    const {
      bag,
      result,
      policy: then,
    } = await live(
      react,
      { more: { commandRateHz: 120 } },
      { latency: latencyModel(latency, 2), speedScale: () => speed },
    );
    const recorded = bag.all.filter(({ kind }) => kind === 'command');
    expect(recorded).toHaveLength(24 * 4);
    const policy = { name: 'p', graphSha256: '', strategy: ENSEMBLE, provider: 'cpu', timeLimitS: 1 };
    const of = (more: object) =>
      new MemoryBag(bag.contract, bag.all, {
        ...bag,
        start: 0,
        info: fakeInfo(bag.contract, { policy: { ...policy, ...more } }),
      });
    const now = again();
    const { result: same } = await replayBag(of({ latency, speed }), 'one', {
      policy: now,
      strategy: ENSEMBLE,
    });
    expect(now.seen).toEqual(then.seen);
    expect(then.seen.length).toBeLessThan(20);
    expect(same).toMatchObject({
      ticks: 24,
      command: { compared: 24, max_difference: 0, identical: true },
      safety: result.safety,
    });
    // It is the latency that makes the difference.
    const { result: other } = await replayBag(of({ speed }), 'one', { policy: again(), strategy: ENSEMBLE });
    expect(other.command.identical).toBe(false);
  });

  it('is the same again, wall-clock figures apart', async () => {
    const { bag } = await live();
    const once = async () => {
      const copy = new MemoryBag(bag.contract, bag.all, { ...bag, start: 0 });
      const policy = again(({ state }) => Float32Array.from({ length: K * A }, (_, i) => 0.9 * state[i % A]));
      const { result } = await replayBag(copy, 'one', { policy, strategy: ENSEMBLE });
      const { wall, ...rest } = result;
      expect(wall.latency_ms).not.toBeNull();
      return rest;
    };
    expect(await once()).toEqual(await once());
  });

  it('measures by joint how far another policy is from what was done', async () => {
    // The robot was sent to (0.01, 0.2, -0.1); the policy is off by a constant, its last row by twice as much.
    const target = Float32Array.of(0.01, 0.2, -0.1);
    const off = Float32Array.of(0.004, -0.1, 0.3);
    const hold = () => Float32Array.from({ length: K * A }, (_, i) => target[i % A] as number);
    const { bag } = await live(hold);
    const policy = again(() =>
      Float32Array.from({ length: K * A }, (_, i) => {
        const factor = i >= (K - 1) * A ? 2 : 1;
        return (target[i % A] as number) + factor * (off[i % A] as number);
      }),
    );
    const { result } = await replayBag(bag, 'one', { policy, strategy: { name: 'latest' } });
    // Rows that reach past the end of the recording are compared with nothing: 24 + 23 + … of each row.
    expect(result.horizon.map(({ step, compared }) => [step, compared])).toEqual([
      [0, 24],
      [1, 23],
      [2, 22],
      [3, 21],
      [4, 20],
    ]);
    expect(result.chunk_rows).toBe(110);
    expect(result.horizon[0]).toMatchObject({ time_s: 0 });
    expect(result.horizon[3]).toMatchObject({ time_s: 0.1 });
    for (const [j, joint] of ['gripper', 'lift', 'pan'].entries()) {
      const error = Math.abs(off[j] as number);
      expect(result.action_error[joint]?.mean).toBeCloseTo(error, 6);
      expect(result.chunk_error[joint]?.mean).toBeCloseTo((error * (90 + 2 * 20)) / 110, 6);
      expect(result.chunk_error[joint]?.max).toBeCloseTo(2 * error, 6);
      expect(result.horizon[4]?.mean[joint]).toBeCloseTo(2 * error, 6);
    }
    expect(result.command.identical).toBe(false);
    expect(result.command.max_difference).toBeGreaterThan(0.1);
  });

  it('compares a row between two ticks with the recorded action between them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 0.049, noNaN: true }), async (lag) => {
        const bag = ramp(lag);
        const policy = new FakePolicy(FAKE_CONTRACT, K, ({ time }) =>
          Float32Array.from({ length: K * A }, (_, i) => slope(i % A) * (time + Math.floor(i / A) / 20)),
        );
        const { result } = await replayBag(bag, 'one', { policy, strategy: ENSEMBLE });
        expect(result.stop).toBe('timeout');
        expect(result.chunk_rows).toBeGreaterThan(60);
        for (const { max } of Object.values(result.chunk_error)) expect(max).toBeLessThan(1e-6);
      }),
      { numRuns: 20 },
    );
  });

  it('covers every recorded tick, whatever reward was recorded', async () => {
    const { bag } = await live(react, { reward: 0 });
    const rewarded = bag.all.map(
      (event): EpisodeEvent => (event.kind === 'reward' ? { ...event, reward: 4 } : event),
    );
    const solved = new MemoryBag(bag.contract, rewarded, { ...bag, start: 0 });
    const { result } = await replayBag(solved, 'one', { policy: again(), strategy: ENSEMBLE });
    expect(result).toMatchObject({ stop: 'timeout', ticks: 24, command: { identical: true } });
  });

  it('says how far it came when the policy fails', async () => {
    const { bag } = await live();
    const policy = again(({ time }) => {
      if (time > 0.5) throw new Error('out of memory');
      return new Float32Array(K * A);
    });
    const { result } = await replayBag(bag, 'one', { policy, strategy: ENSEMBLE });
    expect(result).toMatchObject({
      stop: 'aborted',
      reason: 'inference failed: out of memory',
      ticks: 17,
      command: { identical: false },
    });
  });

  it('counts the interventions that would have been', async () => {
    const { bag } = await live();
    const policy = again(() => new Float32Array(K * A).fill(9));
    const { result } = await replayBag(bag, 'one', { policy, strategy: ENSEMBLE });
    expect(result.safety).toMatchObject({ position_limit: 24, emergency_stop: 0 });
    expect(result.recorded?.safety.position_limit).toBe(0);
  });

  it('refuses a policy of another rate, and closes the bag', async () => {
    const { bag } = await live();
    await expect(replayBag(bag, 'one', { policy: again(react, 20), strategy: ENSEMBLE })).rejects.toThrow(
      'rate_hz is 30 in the robot and 20 in the policy',
    );
    expect(bag).toMatchObject({ closed: true, open: 0 });
  });
});

describe('the replay of a real-time episode', () => {
  it('differs from it by no more than the predictions for an instant differ among themselves', async () => {
    const { bag, predict } = await realTime();
    expect(bag.info?.lockstep).toBe(false);
    const chunks: { time: number; actions: Float32Array }[] = [];
    const policy = new FakePolicy(FAKE_CONTRACT, K, (observation) => {
      const actions = predict(observation);
      chunks.push({ time: observation.time, actions });
      return actions;
    });
    const { result } = await replayBag(bag, 'one', { policy, strategy: ENSEMBLE });
    expect(result).toMatchObject({ ticks: 30, stop: 'timeout', command: { identical: false } });
    // Live, the first ticks had no chunk yet.
    expect(result.actions).toBeGreaterThan(25);

    // For each joint the widest that predictions for one instant are apart.
    const spread = new Float64Array(A);
    for (let n = 0; n < 30; n++) {
      for (let j = 0; j < A; j++) {
        const foreseen = chunks
          .map(({ time, actions }) => actions[Math.round(n - time * 20) * A + j] as number | undefined)
          .filter((value) => value !== undefined);
        spread[j] = Math.max(spread[j] as number, Math.max(...foreseen) - Math.min(...foreseen));
      }
    }
    for (const [j, joint] of ['gripper', 'lift', 'pan'].entries()) {
      const { max } = result.action_error[joint] as { max: number };
      expect(max).toBeLessThanOrEqual((spread[j] as number) + 1e-6);
      expect(max).toBeGreaterThan(0);
    }
  });
});

/** 30 ticks at 20 Hz of a policy that takes more than two of them to answer. */
async function realTime() {
  const robot = new FakeRobot({ lockstep: false });
  const predict = (observation: Observation) =>
    react(observation).map((x, i) => x + 0.002 * Math.floor(i / A) * Math.sin(7 * observation.time));
  const due: { at: number; answer: () => void }[] = [];
  const policy = new FakePolicy(FAKE_CONTRACT, K, (observation) => {
    const actions = predict(observation);
    const at = robot.clock.now + 2.5 / 20;
    return new Promise<Float32Array>((resolve) => due.push({ at, answer: () => resolve(actions) }));
  });
  const recording = new MemoryRecording(robot, policy.bundle.joints);
  const strategy = createStrategy(ENSEMBLE, { length: K, width: A });
  let ended = false;
  const running = runEpisode({ robot, policy, strategy, seed: 2, timeLimitS: 1.5, tap: recording });
  void running.finally(() => {
    ended = true;
  });
  await settled();
  while (!ended) {
    await robot.advance();
    for (const { answer } of due.splice(0, due.filter(({ at }) => at <= robot.clock.now).length)) answer();
    await settled();
  }
  const { result } = await running;
  return { bag: recording.bag({ result, info: fakeInfo(FAKE_CONTRACT, { lockstep: false }) }), predict };
}

const slope = (j: number) => [0.001, 0.1, -0.2][j] as number;

/** A real-time bag of 20 ticks at 20 Hz whose frames were taken `lag` before each tick; all is linear in time. */
function ramp(lag: number): MemoryBag {
  const events: EpisodeEvent[] = [];
  for (let n = 0; n < 20; n++) {
    const at = n / 20;
    const positions = Float32Array.from(FAKE_CONTRACT.joints, (_, j) => slope(A - 1 - j) * at);
    for (const { name, width, height } of FAKE_CONTRACT.cameras) {
      const data = new Uint8Array(width * height * 3);
      events.push(frameEvent({ camera: name, time: at - lag, width, height, data }, at));
    }
    events.push({ kind: 'joints', at, time: at, positions });
    events.push({ kind: 'command', at, time: at, positions });
  }
  const info = fakeInfo(FAKE_CONTRACT, { lockstep: false });
  return new MemoryBag(FAKE_CONTRACT, events, { info, start: 0 });
}
