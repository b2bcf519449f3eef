import { describe, expect, it } from 'vitest';
import { latencyModel } from './latency.js';

describe('latencyModel', () => {
  const sample = (spec: Parameters<typeof latencyModel>[0], seed: number) => {
    const model = latencyModel(spec, seed);
    return Array.from({ length: 2000 }, (_, n) => model(n));
  };

  it('is uniform about its mean, and without jitter always the mean', () => {
    const values = sample({ meanS: 0.2, jitterS: 0.1 }, 1);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0.1);
    expect(Math.min(...values)).toBeLessThan(0.105);
    expect(Math.max(...values)).toBeLessThan(0.3);
    expect(Math.max(...values)).toBeGreaterThan(0.295);
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.2, 2);
    expect(new Set(sample({ meanS: 0.05, jitterS: 0 }, 1))).toEqual(new Set([0.05]));
  });

  it('is never below 0', () => {
    expect(Math.min(...sample({ meanS: 0.02, jitterS: 0.1 }, 3))).toBe(0);
  });

  it('is a function of seed and number, in whatever order it is asked', () => {
    const spec = { meanS: 0.2, jitterS: 0.1 };
    const backwards = latencyModel(spec, 5);
    const values = Array.from({ length: 50 }, (_, n) => backwards(49 - n)).reverse();
    expect(values).toEqual(sample(spec, 5).slice(0, 50));
    expect(values).not.toEqual(sample(spec, 6).slice(0, 50));
  });
});
