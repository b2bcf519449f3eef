import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { monotoneSlopes } from './interpolate.js';

/** Of one joint. */
function slopes(...values: number[]): number[] {
  const out = new Float64Array(values.length);
  monotoneSlopes(Float32Array.from(values), { length: values.length, width: 1 }, out);
  return [...out];
}

describe('monotoneSlopes', () => {
  it('is the central difference where that keeps to the neighbours, exact for a parabola', () => {
    expect(slopes(0, 2, 5)).toEqual([2, 2.5, 3]);
    expect(slopes(0, -2, -5)).toEqual([-2, -2.5, -3]);
    expect(slopes(0, 1, 4, 9, 16).slice(1, 4)).toEqual([2, 4, 6]);
  });

  it('is at most three times the smaller difference, and level at a peak and at the foot of a step', () => {
    expect(slopes(0, 1, 10)[1]).toBe(3);
    expect(slopes(0, -9, -10)[1]).toBe(-3);
    expect(slopes(0, 1, -1)[1]).toBe(0);
    expect(slopes(0, 0, 5)[1]).toBe(0);
  });

  it('is the one difference there is at the ends, and nothing for a row alone', () => {
    expect(slopes(1, 4)).toEqual([3, 3]);
    expect(slopes(7)).toEqual([0]);
  });

  it('treats every joint by itself', () => {
    const rows = fc.array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(rows, (values) => {
        const all = new Float64Array(12);
        monotoneSlopes(Float32Array.from(values), { length: 4, width: 3 }, all);
        for (let j = 0; j < 3; j++) {
          const own = slopes(...values.filter((_, i) => i % 3 === j));
          expect([...all].filter((_, i) => i % 3 === j)).toEqual(own);
        }
      }),
    );
  });
});
