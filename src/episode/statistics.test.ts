import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noInterventions } from '../act/interventions.js';
import type { EpisodeRecord, EpisodeResult } from './episode.js';
import {
  mean,
  percentile,
  percentiles,
  rewardAtLeast,
  sampleStd,
  summarise,
  wilson95,
} from './statistics.js';

function record(
  seed: number,
  result: Partial<EpisodeResult> = {},
  latencies: readonly number[] = [],
): EpisodeRecord {
  const samples = Float32Array.from(latencies);
  return {
    result: {
      seed,
      success: result.stop === 'success',
      return: 0,
      highest_reward: 0,
      steps: latencies.length,
      duration_s: 1,
      stop: 'timeout',
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
      ...result,
    },
    timings: { latencyMs: samples, runMs: samples, overheadMs: samples },
  };
}

describe('wilson95', () => {
  // R: binom::binom.confint(x, n, methods = "wilson"); 162/200 is also LeRobot's published 75.0–85.8 %.
  it.each([
    [162, 200, 0.75, 0.858],
    [0, 10, 0, 0.2775],
    [10, 10, 0.7225, 1],
    [1, 1, 0.2065, 1],
    [5, 10, 0.2366, 0.7634],
  ])('%i of %i is %f to %f', (successes, n, low, high) => {
    const [lo, hi] = wilson95(successes, n);
    expect(lo).toBeCloseTo(low, 3);
    expect(hi).toBeCloseTo(high, 3);
  });

  it('knows nothing without a trial', () => {
    expect(wilson95(0, 0)).toEqual([0, 1]);
  });

  it('contains the rate, stays within 0 … 1, mirrors, and solves the score equation it is defined by', () => {
    const trials = fc
      .integer({ min: 1, max: 5000 })
      .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(trials, ([x, n]) => {
        const [lo, hi] = wilson95(x, n);
        const rate = x / n;
        expect(0 <= lo && lo <= rate && rate <= hi && hi <= 1).toBe(true);
        const [mirroredLo, mirroredHi] = wilson95(n - x, n);
        expect(mirroredLo).toBeCloseTo(1 - hi, 12);
        expect(mirroredHi).toBeCloseTo(1 - lo, 12);
        for (const bound of [lo, hi]) {
          if (bound === 0 || bound === 1) continue;
          expect(Math.abs(rate - bound) / Math.sqrt((bound * (1 - bound)) / n)).toBeCloseTo(1.959964, 5);
        }
      }),
    );
  });
});

describe('mean, sampleStd, percentile', () => {
  it('match values worked out by hand', () => {
    const values = [2, 4, 4, 4, 5, 5, 7, 9];
    expect(mean(values)).toBe(5);
    expect(sampleStd(values)).toBeCloseTo(Math.sqrt(32 / 7), 12);
    // numpy.percentile([1, 2, 3, 4], [50, 95])
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(percentile([1, 2, 3, 4], 0.95)).toBeCloseTo(3.85, 12);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it('say null where there is no data', () => {
    expect(mean([])).toBeNull();
    expect(sampleStd([3])).toBeNull();
    expect(percentiles()).toBeNull();
    expect(percentiles(new Float32Array(0))).toBeNull();
  });

  it('percentiles pools its samples and sorts as numbers', () => {
    expect(percentiles(Float32Array.of(100, 9), Float32Array.of(20))).toEqual({
      p50: 20,
      p95: 92,
      p99: 98.4,
    });
  });
});

it('rewardAtLeast gives every stage its share', () => {
  const results = [0, 2, 4, 4].map((highest_reward, seed) => record(seed, { highest_reward }).result);
  expect(rewardAtLeast(results, 4)).toEqual({ 0: 1, 1: 0.75, 2: 0.75, 3: 0.5, 4: 0.5 });
});

describe('summarise', () => {
  it('has the published keys, results by seed, and pooled latencies', () => {
    const safety = { ...noInterventions(), velocity_limit: 3 };
    const summary = summarise(
      [
        record(3, { stop: 'success', return: 10, highest_reward: 4, safety }, [1, 3]),
        record(1, { stop: 'timeout', return: 4, highest_reward: 2, safety }, [2]),
        record(2, { stop: 'aborted', return: 1, highest_reward: 1 }),
      ],
      { maxReward: 4 },
    );
    expect(summary).toMatchObject({
      episodes: 3,
      interrupted: 0,
      success_rate: 1 / 3,
      average_return: 5,
      latency_ms: { p50: 2 },
      safety: { velocity_limit: 6, non_finite: 0 },
    });
    expect(summary.success_ci95).toEqual(wilson95(1, 3));
    expect(summary.return_std).toBeCloseTo(Math.sqrt(21), 12);
    expect(summary.reward_at_least[2]).toBeCloseTo(2 / 3, 12);
    expect(summary.results.map((result) => result.seed)).toEqual([1, 2, 3]);
  });

  it('gives no verdict on episodes that were interrupted', () => {
    const records = [
      record(1, { stop: 'success', return: 10 }),
      record(2, { stop: 'interrupted', return: 500 }),
    ];
    const summary = summarise(records, { maxReward: 4 });
    expect(summary).toMatchObject({
      episodes: 1,
      interrupted: 1,
      success_rate: 1,
      average_return: 10,
      return_std: null,
    });
    expect(summary.results).toHaveLength(2);
  });

  it('gives mean and deviation of the metrics, of those that were measured and ran to an end', () => {
    const summary = summarise(
      [
        record(1, { stop: 'success', metrics: { position_error_m: 0.01 } }),
        record(2, { metrics: { position_error_m: 0.03, blue_moved_m: 0 } }),
        record(3, { stop: 'interrupted', metrics: { position_error_m: 9 } }),
        record(4, { stop: 'aborted' }),
      ],
      { maxReward: 4 },
    );
    const { position_error_m, blue_moved_m } = summary.metrics;
    expect(position_error_m?.mean).toBeCloseTo(0.02, 12);
    expect(position_error_m?.std).toBeCloseTo(0.01 * Math.SQRT2, 12);
    expect(position_error_m?.episodes).toBe(2);
    expect(blue_moved_m).toEqual({ mean: 0, std: null, episodes: 1 });
  });

  it('is valid JSON without a single episode', () => {
    const summary = JSON.parse(JSON.stringify(summarise([], { maxReward: 4 })));
    expect(summary).toMatchObject({
      episodes: 0,
      success_rate: null,
      success_ci95: [0, 1],
      average_return: null,
    });
  });
});
