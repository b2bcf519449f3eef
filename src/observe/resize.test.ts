import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Resizer } from './resize.js';

/** Weight of source pixel i in output pixel o along one axis, straight from the definition. */
function weight(i: number, o: number, from: number, to: number): number {
  const scale = from / to;
  if (scale > 1) {
    const covered = Math.min(i + 1, (o + 1) * scale) - Math.max(i, o * scale);
    return Math.max(0, covered) / scale;
  }
  const centre = (o + 0.5) * scale - 0.5;
  const low = Math.floor(centre);
  const clamp = (x: number) => Math.min(from - 1, Math.max(0, x));
  let sum = 0;
  if (clamp(low) === i) sum += 1 - (centre - low);
  if (clamp(low + 1) === i) sum += centre - low;
  return sum;
}

function naive(image: Uint8Array, sw: number, sh: number, dw: number, dh: number): Float64Array {
  const out = new Float64Array(dw * dh * 3);
  for (let y = 0; y < dh; y++)
    for (let x = 0; x < dw; x++)
      for (let c = 0; c < 3; c++)
        for (let j = 0; j < sh; j++)
          for (let i = 0; i < sw; i++)
            out[(y * dw + x) * 3 + c] +=
              weight(j, y, sh, dh) * weight(i, x, sw, dw) * image[(j * sw + i) * 3 + c];
  return out;
}

const side = fc.integer({ min: 1, max: 17 });

describe('Resizer', () => {
  it('equals the naive two-dimensional sum, to rounding, growing or shrinking along either axis', () => {
    const cases = fc
      .tuple(side, side, side, side)
      .chain(([sw, sh, dw, dh]) =>
        fc.tuple(
          fc.constant([sw, sh, dw, dh] as const),
          fc.uint8Array({ minLength: sw * sh * 3, maxLength: sw * sh * 3 }),
        ),
      );
    fc.assert(
      fc.property(cases, ([[sw, sh, dw, dh], image]) => {
        const resized = new Resizer({ width: sw, height: sh }, { width: dw, height: dh }).resize(image);
        const exact = naive(image, sw, sh, dw, dh);
        expect(resized.length).toBe(exact.length);
        for (let i = 0; i < exact.length; i++)
          expect(Math.abs(resized[i] - exact[i])).toBeLessThanOrEqual(0.5 + 1e-9);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps a flat image flat, to the last bit', () => {
    fc.assert(
      fc.property(side, side, side, side, fc.integer({ min: 0, max: 255 }), (sw, sh, dw, dh, value) => {
        const image = new Uint8Array(sw * sh * 3).fill(value);
        const resized = new Resizer({ width: sw, height: sh }, { width: dw, height: dh }).resize(image);
        expect(new Set(resized)).toEqual(new Set([value]));
      }),
    );
  });

  it('averages whole blocks when halving, rounding half up', () => {
    const image = Uint8Array.from([0, 10, 20, 1, 20, 40, 0, 30, 60, 1, 40, 80]);
    const resized = new Resizer({ width: 2, height: 2 }, { width: 1, height: 1 }).resize(image);
    expect([...resized]).toEqual([1, 25, 50]);
  });

  it('gives the same buffer back when nothing changes', () => {
    const image = new Uint8Array(4 * 3 * 3);
    const resizer = new Resizer({ width: 4, height: 3 }, { width: 4, height: 3 });
    expect(resizer.resize(image)).toBe(image);
  });

  it('returns a buffer of its own each time', () => {
    const resizer = new Resizer({ width: 2, height: 2 }, { width: 1, height: 1 });
    const first = resizer.resize(new Uint8Array(12).fill(9));
    resizer.resize(new Uint8Array(12).fill(200));
    expect([...first]).toEqual([9, 9, 9]);
  });

  it('refuses an image that is not of the size it claims', () => {
    const resizer = new Resizer({ width: 4, height: 4 }, { width: 2, height: 2 });
    expect(() => resizer.resize(new Uint8Array(16))).toThrow(/16 bytes came where 4×4 rgb8 has 48/);
  });
});
