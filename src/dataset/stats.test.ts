import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combine, type FeatureStats, featureStats, QUANTILES, SUMMARY_KEYS, summarise } from './stats.js';

/** Two columns of 40 numbers. */
const ROWS = Array.from({ length: 40 }, (_, i) => [((i * 7919) % 101) / 10 - 3, ((i * i) % 17) * 0.25]);
const columns = (rows: readonly (readonly number[])[]) =>
  [0, 1].map((j) => rows.map((row) => row[j] as number));

/** By statistic, of both columns. */
function expectStats(stats: FeatureStats, expected: Readonly<Record<string, readonly number[]>>): void {
  expect(stats.count).toBe(expected.count?.[0]);
  for (const key of SUMMARY_KEYS)
    for (const [j, summary] of stats.summaries.entries())
      expect(summary[key], `${key} ${j}`).toBeCloseTo(expected[key]?.[j] as number, 9);
}

// Made with lerobot's own get_feature_stats and aggregate_feature_stats (0.6) from these very numbers.
const LEROBOT = {
  min: [-3.0, 0.0],
  max: [7.0, 4.0],
  mean: [1.9575, 1.9375],
  std: [2.9663013585945714, 1.4139373218074414],
  count: [40],
  q01: [-3.0000000001, -1e-10],
  q10: [-2.39800000008796, 0.24975999991248798],
  q50: [1.7019999999940403, 2.000480000000024],
  q90: [5.800000000076, 3.9993600000999683],
  q99: [6.999200000099984, 3.999936000099997],
};
const LEROBOT_WITH_25_DOUBLED = {
  min: [-6.0, 0.0],
  max: [12.8, 8.0],
  mean: [2.558461538461539, 2.6615384615384614],
  std: [4.382759661277436, 2.2851656938875813],
  count: [65],
  q01: [-6.0000000001, -1e-10],
  q10: [-4.79868000008722, 0.24975999991248798],
  q50: [1.7019999999940403, 2.000480000000024],
  q90: [11.59868000008722, 7.998666666766633],
  q99: [12.79906000009999, 7.999866666766663],
};

const sample = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 60 });

describe('featureStats', () => {
  it('is LeRobot’s', () => {
    expectStats(featureStats(columns(ROWS)), LEROBOT);
  });

  it('has quantiles of values that are all equal, and of a single one', () => {
    for (const values of [[2.5], [7.25, 7.25, 7.25]]) {
      const [value] = values as [number];
      expect(summarise(values)).toEqual({
        ...{ min: value, max: value, mean: value, std: 0 },
        ...{ q01: value, q10: value, q50: value, q90: value, q99: value },
      });
    }
  });

  it('has quantiles that are right to a bin', () => {
    fc.assert(
      fc.property(sample, (values) => {
        const summary = summarise(values);
        const bin = (summary.max - summary.min) / 5000 + 1e-9;
        for (const [key, q] of Object.entries(QUANTILES)) {
          const at = summary[key as keyof typeof QUANTILES];
          if (summary.min === summary.max) continue;
          const upTo = values.filter((value) => value <= at + bin).length;
          const below = values.filter((value) => value < at - bin).length;
          expect(upTo).toBeGreaterThanOrEqual(q * values.length - 1e-9);
          expect(below).toBeLessThanOrEqual(q * values.length + 1e-9);
        }
      }),
    );
  });

  it('of weighted values is that of each value as often as it weighs', () => {
    const weighted = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 0, max: 9 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(weighted, (pairs) => {
        fc.pre(pairs.some(([, weight]) => weight > 0));
        const each = pairs.flatMap(([value, weight]) => Array.from({ length: weight }, () => value));
        const [values, weights] = [pairs.map(([value]) => value), pairs.map(([, weight]) => weight)];
        const [one, other] = [summarise(values, weights), summarise(each)];
        for (const key of SUMMARY_KEYS) expect(one[key]).toBeCloseTo(other[key], 9);
      }),
    );
  });
});

describe('combine', () => {
  it('is LeRobot’s', () => {
    const doubled = ROWS.slice(0, 25).map((row) => row.map((value) => 2 * value));
    const both = combine(featureStats(columns(ROWS)), featureStats(columns(doubled)));
    expectStats(both, LEROBOT_WITH_25_DOUBLED);
  });

  it('has the moments of the two samples taken together', () => {
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const both = combine(featureStats([a]), featureStats([b]));
        const together = featureStats([[...a, ...b]]);
        expect(both.count).toBe(together.count);
        for (const key of ['min', 'max', 'mean', 'std'] as const)
          expect(both.summaries[0]?.[key]).toBeCloseTo(together.summaries[0]?.[key] as number, 6);
      }),
    );
  });
});
