import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSpent, rowAt } from './chunk.js';

describe('rowAt', () => {
  it('is whole at whole steps, even for seconds since 1970', () => {
    const starts = fc.oneof(
      fc.double({ min: 0, max: 1e4, noNaN: true }),
      fc.double({ min: 1.7e9, max: 2e9, noNaN: true }),
    );
    fc.assert(
      fc.property(
        starts,
        fc.integer({ min: 0, max: 200 }),
        fc.constantFrom(10, 20, 30, 50, 100),
        (start, n, rate) => {
          expect(rowAt(start, 1 / rate, start + n / rate)).toBe(n);
        },
      ),
    );
  });

  it('is fractional between them', () => {
    expect(rowAt(1, 0.05, 1.06)).toBeCloseTo(1.2, 9);
    expect(rowAt(1, 0.05, 0.99)).toBeCloseTo(-0.2, 9);
  });
});

describe('isSpent', () => {
  const chunk = { time: 2, dt: 0.1, length: 4, width: 1, actions: new Float32Array(4) };

  it('is so once the last row is past', () => {
    expect(isSpent(chunk, 2)).toBe(false);
    expect(isSpent(chunk, 2.3)).toBe(false);
    expect(isSpent(chunk, 2.31)).toBe(true);
  });

  it('bears with the rounding of seconds since 1970', () => {
    const time = 1.76e9 + 0.123;
    expect(isSpent({ ...chunk, time }, time + 3 / 10)).toBe(false);
  });
});
