import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from './random.js';

const draw = (random: Random, n: number) => Array.from({ length: n }, () => random.next());

describe('Random', () => {
  it('repeats for the same seed and stream, and differs for any other', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        expect(draw(new Random(a, 'x'), 4)).toEqual(draw(new Random(a, 'x'), 4));
        expect(draw(new Random(a, 'x'), 4)).not.toEqual(draw(new Random(a, 'y'), 4));
        if (a !== b) expect(draw(new Random(a), 4)).not.toEqual(draw(new Random(b), 4));
      }),
    );
  });

  it('is uniform on [0, 1): each tenth holds a tenth, first draws of consecutive seeds included', () => {
    for (const values of [
      draw(new Random(1), 20000),
      Array.from({ length: 20000 }, (_, seed) => new Random(seed, 'cube').next()),
    ]) {
      const tenths = new Array<number>(10).fill(0);
      for (const value of values) tenths[Math.floor(value * 10)]++;
      // 5 standard deviations of a binomial(20000, 0.1).
      for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(212);
    }
  });

  it('has a normal of mean 0 and variance 1', () => {
    const random = new Random(3);
    const values = Array.from({ length: 20000 }, () => random.normal());
    const mean = values.reduce((s, v) => s + v, 0) / values.length;
    const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.035);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });
});
