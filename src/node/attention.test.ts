import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attentionMap, attentionToRgb } from './attention.js';

/** Attention [1, rows.length, keys]. */
const view = (...rows: number[][]) => ({
  data: Float32Array.from(rows.flat()),
  shape: [1, rows.length, rows[0]?.length ?? 0],
});

describe('attentionMap', () => {
  it('is the mean over everything that looks, relative to the most', () => {
    // Means 0.25, 0.75 and 0.75, 0.25 would even out; the second has twice the first's share on the first cell.
    const map = attentionMap([view([0, 1], [0.5, 0.5]), view([1, 0])]);
    expect([...map].map((value) => Math.round(value * 100) / 100)).toEqual([1, 0.6]);
  });

  it('counts each view once, however many cells look', () => {
    const one = view([1, 0]);
    const many = view([0, 1], [0, 1], [0, 1]);
    expect([...attentionMap([one, many])]).toEqual([1, 1]);
  });

  it('is nothing of nothing', () => {
    expect([...attentionMap([view([0, 0])])]).toEqual([0, 0]);
    expect(attentionMap([])).toHaveLength(0);
  });
});

describe('attentionToRgb', () => {
  const grey = (width: number, height: number) => ({
    width,
    height,
    data: new Uint8Array(3 * width * height).fill(100),
  });

  it('leaves half the image where nobody looks, and is brightest in the middle of the cell that is looked at most', () => {
    const rgb = attentionToRgb(Float32Array.of(0, 0, 0, 1), [2, 2], grey(8, 8));
    const at = (x: number, y: number) => [...rgb.subarray(3 * (y * 8 + x), 3 * (y * 8 + x) + 3)];
    expect(at(0, 0)).toEqual([50, 50, 50]);
    expect(at(7, 7)).toEqual([177, 177, 177]);
    expect(at(6, 6)).toEqual(at(7, 7));
    expect(at(0, 7)).toEqual([50, 50, 50]);
  });

  it('grows from red over yellow to white', () => {
    const [weak, middle, full] = [0.2, 0.6, 1].map((value) =>
      attentionToRgb(Float32Array.of(value), [1, 1], grey(1, 1)),
    );
    expect([weak?.[1], weak?.[2]]).toEqual([50, 50]);
    expect(middle?.[0]).toBeGreaterThan(middle?.[1] as number);
    expect(middle?.[1]).toBeGreaterThan(middle?.[2] as number);
    expect([...(full as Uint8Array)]).toEqual([177, 177, 177]);
  });

  it('gives every pixel of any image and grid a colour between its own half and white', () => {
    const side = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (w, h, r, c, values) => {
          const map = Float32Array.from({ length: r * c }, () => values.next().value as number);
          const rgb = attentionToRgb(map, [r, c], grey(w, h));
          expect(rgb).toHaveLength(3 * w * h);
          for (const value of rgb) expect(value >= 50 && value <= 177).toBe(true);
        },
      ),
    );
  });
});
