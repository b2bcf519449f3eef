import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addErrors, errorFigures, mergeErrors, noErrors } from './jointErrors.js';
import { ALPHA } from './sketch.js';

const vector = fc.tuple(
  fc.double({ min: -3, max: 3, noNaN: true }),
  fc.double({ min: -0.05, max: 0.05, noNaN: true }),
);
const pairs = fc.array(fc.tuple(vector, vector), { minLength: 1, maxLength: 40 });
type Pair = readonly [readonly number[], readonly number[]];

function errorsOf(list: readonly Pair[]) {
  const errors = noErrors(2);
  for (const [wanted, given] of list) addErrors(errors, wanted, given);
  return errors;
}

describe('joint errors', () => {
  it('are mean, 95th percentile and maximum of each joint', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const errors = errorsOf(list);
        for (const j of [0, 1]) {
          const sorted = list
            .map(([wanted, given]) => Math.abs((wanted[j] as number) - (given[j] as number)))
            .sort((a, b) => a - b);
          const { mean, p95, max } = errorFigures(errors, j);
          expect(mean).toBeCloseTo(sorted.reduce((sum, x) => sum + x, 0) / sorted.length, 12);
          expect(max).toBe(sorted.at(-1));
          const exact = sorted[Math.floor(0.95 * (sorted.length - 1))] as number;
          expect(Math.abs((p95 as number) - exact)).toBeLessThanOrEqual(exact * ALPHA * (1 + 1e-9) + 1e-9);
          expect(p95).toBeLessThanOrEqual(max as number);
        }
      }),
    );
  });

  it('merge to what all would have been together', () => {
    fc.assert(
      fc.property(pairs, pairs, (a, b) => {
        const merged = errorsOf(a);
        mergeErrors(merged, errorsOf(b));
        const whole = errorsOf([...a, ...b]);
        for (const j of [0, 1]) {
          const [one, other] = [errorFigures(merged, j), errorFigures(whole, j)];
          expect(one.mean).toBeCloseTo(other.mean as number, 12);
          expect([one.p95, one.max]).toEqual([other.p95, other.max]);
        }
      }),
    );
  });

  it('are exactly zero for equal vectors, and null without any', () => {
    expect(
      errorFigures(
        errorsOf([
          [
            [1.25, -0.01],
            [1.25, -0.01],
          ],
        ]),
        1,
      ),
    ).toEqual({ mean: 0, p95: 0, max: 0 });
    expect(errorFigures(noErrors(2), 0)).toEqual({ mean: null, p95: null, max: null });
  });

  it('do not hide what is not a number', () => {
    const errors = errorsOf([
      [
        [0, 0],
        [Number.NaN, 0.5],
      ],
      [
        [0, 0],
        [0, 0.5],
      ],
    ]);
    expect(errorFigures(errors, 0)).toMatchObject({ mean: null, max: null });
    expect(errorFigures(errors, 1)).toMatchObject({ mean: 0.5, max: 0.5 });
  });
});
