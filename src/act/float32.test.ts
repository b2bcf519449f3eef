import fc from 'fast-check';
import { expect, it } from 'vitest';
import { roundToward } from './float32.js';

it('rounds to the neighbouring float32 on the chosen side', () => {
  const value = fc.oneof(
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.double({ min: -1e-40, max: 1e-40, noNaN: true }),
  );
  fc.assert(
    fc.property(value, (x) => {
      const below = roundToward(x, Number.NEGATIVE_INFINITY);
      const above = roundToward(x, Number.POSITIVE_INFINITY);
      expect(below).toBeLessThanOrEqual(x);
      expect(above).toBeGreaterThanOrEqual(x);
      expect([below, above].map(Math.fround)).toEqual([below, above]);
      // They are neighbours, or x itself: no float32 lies between.
      const middle = Math.fround((below + above) / 2);
      expect(middle === below || middle === above).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

it('leaves a float32 alone', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.float({ noNaN: true }), (x, side) => {
      expect(Object.is(roundToward(x, side), x)).toBe(true);
    }),
  );
});
