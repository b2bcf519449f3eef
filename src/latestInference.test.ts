import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT, fakeBundle, settled } from '../test/support/fakeRobot.js';
import { type Arrival, type Inferrer, LatestInference } from './latestInference.js';
import type { Observation } from './observe/observation.js';
import type { Frame } from './robots/robot.js';

const observation = (time: number): Observation => ({
  time,
  cameras: [],
  state: new Float32Array(),
  first: false,
});

const image = (time: number): Frame => ({
  camera: 'eye',
  time,
  width: 1,
  height: 1,
  data: new Uint8Array(3),
});

function setup(latency?: (inference: number) => number) {
  const clock = { now: 0 };
  const seen: number[] = [];
  const arrivals: { readonly of: number; readonly at: number }[] = [];
  const asked: number[] = [];
  const foreseen: [camera: number, time: number][] = [];
  let wanted = true;
  const answers: (() => void)[] = [];
  const policy: Inferrer = {
    bundle: fakeBundle(FAKE_CONTRACT, 1),
    infer: async ({ time }) => {
      seen.push(time);
      if (!latency) await new Promise<void>((resolve) => answers.push(resolve));
      const chunk = { time, dt: 0.05, length: 1, width: 1, actions: new Float32Array(1) };
      return { chunk, runMs: 1, resizeMs: 0, views: new Map() };
    },
    foresee: (camera, { time }) => foreseen.push([camera, time]),
  };
  const inferences = new LatestInference({
    policy,
    clock,
    latency,
    sink: {
      wantsInference: (_, latencyS) => {
        asked.push(latencyS);
        return wanted;
      },
      take: ({ inference }: Arrival, at) => arrivals.push({ of: inference.chunk.time, at }),
    },
  });
  const want = (value: boolean) => {
    wanted = value;
  };
  const answer = async () => {
    answers.shift()?.();
    await settled();
  };
  return { clock, seen, arrivals, asked, foreseen, inferences, want, answer };
}

describe('LatestInference', () => {
  it('estimates the time from an observation to its chunk by what nine in ten of the last twenty kept to', async () => {
    const { clock, inferences, answer } = setup();
    expect(inferences.latencyS).toBe(0);
    const latencies = Array.from({ length: 40 }, (_, n) => 0.01 * (((n * 7) % 20) + 1));
    for (const [n, latencyS] of latencies.entries()) {
      clock.now = n;
      inferences.offer(observation(n));
      clock.now = n + latencyS;
      await answer();
      const last = latencies.slice(Math.max(0, n - 19), n + 1).sort((a, b) => a - b);
      expect(inferences.latencyS).toBeCloseTo(last[Math.ceil(0.9 * last.length) - 1] as number, 9);
    }
    expect(inferences.latencyS).toBeCloseTo(0.18, 9);
  });

  it('has a policy at rest foresee frames of times that are wanted, and none other', async () => {
    const { inferences, foreseen, want, answer } = setup();
    inferences.foresee(1, image(1));
    want(false);
    inferences.foresee(1, image(2));
    want(true);
    inferences.offer(observation(2));
    inferences.foresee(0, image(3));
    await answer();
    inferences.foresee(0, image(4));
    expect(foreseen).toEqual([
      [1, 1],
      [0, 4],
    ]);
  });

  it('counts what an observation has waited as latency', async () => {
    const { clock, inferences, answer, seen } = setup();
    inferences.offer(observation(0));
    clock.now = 0.03;
    inferences.offer(observation(0.03));
    clock.now = 0.1;
    await answer();
    clock.now = 0.2;
    await answer();
    expect(seen).toEqual([0, 0.03]);
    expect(inferences.latencyS).toBeCloseTo(0.17, 9);
  });

  it('tells who waits for a chunk, or lets them go when their time is up', async () => {
    const { inferences, answer } = setup();
    inferences.offer(observation(0));
    expect(inferences.busy).toBe(true);
    let told = false;
    const arrival = inferences.arrival(60).then(() => {
      told = true;
    });
    await settled();
    expect(told).toBe(false);
    await answer();
    await arrival;
    expect(inferences.busy).toBe(false);

    inferences.offer(observation(1));
    const began = performance.now();
    await inferences.arrival(0.02);
    expect(performance.now() - began).toBeGreaterThan(18);
    await answer();
  });
});

describe('LatestInference with chunks that are late on purpose', () => {
  it('hands them over when the robot’s time has come, each inference after the one before', async () => {
    const { clock, seen, arrivals, inferences } = setup(() => 0.12);
    const tick = async (n: number) => {
      clock.now = n * 0.05;
      await inferences.reach(clock.now - 1e-6);
      inferences.offer(observation(clock.now));
      await inferences.idle();
      await inferences.reach(clock.now);
    };
    for (let n = 0; n < 8; n++) await tick(n);
    // Handed over at 0, 0.12, 0.24: each time what was the newest by then.
    expect(seen.map((time) => Math.round(time / 0.05))).toEqual([0, 2, 4]);
    expect(arrivals.map(({ at }) => at)).toEqual([0.12, 0.24].map((at) => expect.closeTo(at, 9)));
    expect(inferences.latencyS).toBeCloseTo(0.14, 9);
    expect(inferences.dropped).toBe(4);
    await inferences.close();
  });

  it('gives the newest of all to a policy that is free at the very instant of a tick', async () => {
    const { clock, seen, arrivals, inferences } = setup(() => 0.1);
    for (let n = 0; n < 5; n++) {
      clock.now = n * 0.05;
      await inferences.reach(clock.now - 1e-6);
      inferences.offer(observation(clock.now));
      await inferences.idle();
      await inferences.reach(clock.now);
    }
    expect(seen.map((time) => Math.round(time / 0.05))).toEqual([0, 2, 4]);
    expect(arrivals.map(({ of, at }) => Math.round((at - of) / 0.05))).toEqual([2, 2]);
    await inferences.close();
  });

  it('is as if nothing had been added where that is 0', async () => {
    const { clock, arrivals, inferences } = setup(() => 0);
    for (let n = 0; n < 3; n++) {
      clock.now = n;
      inferences.offer(observation(n));
      await inferences.idle();
      await inferences.reach(n);
      expect(arrivals).toHaveLength(n + 1);
    }
    expect(arrivals.every(({ of, at }) => of === at)).toBe(true);
  });
});
