import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takeShard } from './shard.js';

describe('takeShard', () => {
  it('takes every n-th item', () => {
    expect(takeShard([1, 2, 3, 4, 5], { index: 2, count: 3 })).toEqual([2, 5]);
  });

  it('deals each item to exactly one shard, shares differing by at most one', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 1, max: 20 }), (length, count) => {
        const items = Array.from({ length }, (_, i) => i);
        const shards = Array.from({ length: count }, (_, k) => takeShard(items, { index: k + 1, count }));
        expect(shards.flat().sort((a, b) => a - b)).toEqual(items);
        const sizes = shards.map((shard) => shard.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
