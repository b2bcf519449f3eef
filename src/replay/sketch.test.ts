import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALPHA, addTo, emptyBins, mergeInto, quantile } from './sketch.js';

function sketch(values: readonly number[]) {
  const bins = emptyBins();
  for (const value of values) addTo(bins, value);
  return bins;
}

const values = fc.array(
  fc.oneof(
    fc.constant(0),
    fc.double({ min: 1e-8, max: 9e3, noNaN: true }),
    fc.double({ min: 1e-8, max: 1e-3, noNaN: true }),
  ),
  { minLength: 1, maxLength: 60 },
);

describe('the quantile sketch', () => {
  it('answers within its relative error of the value of that rank', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const sorted = Float64Array.from(list).sort();
        const exact = sorted[Math.floor(q * (sorted.length - 1))] as number;
        const answer = quantile(sketch(list), q) as number;
        expect(Math.abs(answer - exact)).toBeLessThanOrEqual(exact * ALPHA * (1 + 1e-9));
      }),
    );
  });

  it('does not depend on how values were spread over sketches', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const merged = sketch(a);
        mergeInto(merged, sketch(b));
        const whole = sketch([...b, ...a]);
        expect(Buffer.from(merged.buffer).equals(Buffer.from(whole.buffer))).toBe(true);
      }),
    );
  });

  it('keeps zero exact, and what is beyond its range or no number apart', () => {
    expect(quantile(sketch([0, 0, 1e-12]), 1)).toBe(0);
    expect(quantile(sketch([1, 2, 1e9]), 1)).toBe(Number.POSITIVE_INFINITY);
    expect(quantile(sketch([1, 2, Number.NaN]), 1)).toBe(Number.POSITIVE_INFINITY);
    expect(quantile(emptyBins(), 0.5)).toBeNull();
  });
});
