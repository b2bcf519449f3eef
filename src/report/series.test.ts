import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thin } from './series.js';

describe('thin', () => {
  it('leaves a short curve alone', () => {
    const short = { times: Float32Array.of(0, 1), values: Float32Array.of(3, 4) };
    expect(thin(short, 2)).toEqual(short);
  });

  it('keeps the ends, the lowest and the highest value, and the order, of however long a curve', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 4, max: 60 }),
        (list, points) => {
          const values = Float32Array.from(list);
          const times = values.map((_, i) => i);
          const curve = thin({ times, values }, points);
          expect(curve.times.length).toBeLessThanOrEqual(Math.max(points, Math.min(list.length, 4)));
          expect(curve.times[0]).toBe(0);
          expect(curve.times.at(-1)).toBe(list.length - 1);
          expect(Math.min(...curve.values)).toBe(Math.min(...values));
          expect(Math.max(...curve.values)).toBe(Math.max(...values));
          curve.times.forEach((time, i) => {
            expect(curve.values[i]).toBe(values[time]);
            if (i > 0) expect(time).toBeGreaterThanOrEqual(curve.times[i - 1] as number);
          });
        },
      ),
    );
  });
});
