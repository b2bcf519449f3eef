import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { Resizer } from './resize.js';

/**
 * Weight of source pixel i in output pixel o along one axis, straight from the definition: in parts of `whole`,
 * which are whole numbers.
 */
function weight(i: number, o: number, from: number, to: number): number {
  if (from >= to) return Math.max(0, Math.min((i + 1) * to, (o + 1) * from) - Math.max(i * to, o * from));
  const centre = ((o + 0.5) * from) / to - 0.5;
  const low = Math.floor(centre);
  const clamp = (x: number) => Math.min(from - 1, Math.max(0, x));
  let sum = 0;
  if (clamp(low) === i) sum += 1 - (centre - low);
  if (clamp(low + 1) === i) sum += centre - low;
  return Math.round(sum * 2 * to);
}
const whole = (from: number, to: number) => (from >= to ? from : 2 * to);

/** Rounded half up, exactly. */
function naive(image: Uint8Array, sw: number, sh: number, dw: number, dh: number): Uint8Array {
  const out = new Uint8Array(dw * dh * 3);
  const all = whole(sw, dw) * whole(sh, dh);
  for (let y = 0; y < dh; y++)
    for (let x = 0; x < dw; x++)
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let j = 0; j < sh; j++)
          for (let i = 0; i < sw; i++)
            sum += weight(j, y, sh, dh) * weight(i, x, sw, dw) * (image[(j * sw + i) * 3 + c] as number);
        out[(y * dw + x) * 3 + c] = Math.floor((2 * sum + all) / (2 * all));
      }
  return out;
}

const side = fc.integer({ min: 1, max: 17 });

describe('Resizer', () => {
  const cases = (width: typeof side, height: typeof side) =>
    fc.tuple(width, height, side, side).chain(([sw, sh, dw, dh]) =>
      fc.tuple(
        fc.constant([sw, sh, dw, dh] as const),
        // Few values: sums that lie exactly between two are common.
        fc.array(fc.constantFrom(0, 1, 2, 127, 254, 255), {
          minLength: sw * sh * 3,
          maxLength: sw * sh * 3,
        }),
      ),
    );
  const equalsNaive = ([[sw, sh, dw, dh], values]: readonly [
    readonly [number, number, number, number],
    readonly number[],
  ]) => {
    const image = Uint8Array.from(values);
    const resizer = new Resizer({ width: dw, height: dh });
    const from = { width: sw, height: sh };
    const exact = naive(image, sw, sh, dw, dh);
    expect(resizer.resize({ ...from, data: image })).toEqual(exact);
    const out = new Uint8Array(dw * dh * 3).fill(99);
    resizer.resizeInto({ ...from, data: image }, out);
    expect(out).toEqual(exact);
    // The way of a view that no words can be read from.
    const odd = new Uint8Array(image.length + 1);
    odd.set(image, 1);
    resizer.resizeInto({ ...from, data: odd.subarray(1) }, out);
    expect(out).toEqual(exact);
  };

  it('equals the naive two-dimensional sum to the last bit, growing or shrinking along either axis', () => {
    fc.assert(fc.property(cases(side, side), equalsNaive), { numRuns: 150 });
  });

  it('does so for rows that are summed eight bytes at a time', () => {
    fc.assert(fc.property(cases(fc.constantFrom(8, 16, 24), side), equalsNaive), { numRuns: 100 });
  });

  it('does so where sums of rows exceed 16 bits', () => {
    for (const height of [256, 257, 258, 300]) {
      const data = new Uint8Array(8 * height * 3).map((_, i) => 255 - (i % 7));
      const resized = new Resizer({ width: 3, height: 1 }).resize({ width: 8, height, data });
      expect(resized).toEqual(naive(data, 8, height, 3, 1));
    }
  });

  it('keeps a flat image flat, to the last bit', () => {
    fc.assert(
      fc.property(side, side, side, side, fc.integer({ min: 0, max: 255 }), (sw, sh, dw, dh, value) => {
        const data = new Uint8Array(sw * sh * 3).fill(value);
        const resized = new Resizer({ width: dw, height: dh }).resize({ width: sw, height: sh, data });
        expect(new Set(resized)).toEqual(new Set([value]));
      }),
    );
  });

  const image = (width: number, height: number, fill = 0) => ({
    width,
    height,
    data: new Uint8Array(width * height * 3).fill(fill),
  });

  it('averages whole blocks when halving, rounding half up', () => {
    const data = Uint8Array.from([0, 10, 20, 1, 20, 40, 0, 30, 60, 1, 40, 80]);
    const resized = new Resizer({ width: 1, height: 1 }).resize({ width: 2, height: 2, data });
    expect([...resized]).toEqual([1, 25, 50]);
  });

  it('gives the same buffer back when nothing changes', () => {
    const { data } = image(4, 3);
    expect(new Resizer({ width: 4, height: 3 }).resize({ width: 4, height: 3, data })).toBe(data);
  });

  it('copies when nothing changes and the result is wanted elsewhere', () => {
    const data = Uint8Array.of(1, 2, 3);
    const out = new Uint8Array(3);
    new Resizer({ width: 1, height: 1 }).resizeInto({ width: 1, height: 1, data }, out);
    expect(out).toEqual(data);
  });

  it('returns a buffer of its own each time', () => {
    const resizer = new Resizer({ width: 1, height: 1 });
    const first = resizer.resize(image(2, 2, 9));
    resizer.resize(image(2, 2, 200));
    expect([...first]).toEqual([9, 9, 9]);
  });

  it('takes images of one size after those of another', () => {
    const resizer = new Resizer({ width: 2, height: 1 });
    for (const [width, height] of [
      [6, 3],
      [2, 7],
      [2, 1],
      [6, 3],
    ] as const) {
      expect(resizer.resize(image(width, height, 9))).toEqual(new Uint8Array(6).fill(9));
    }
  });

  it('refuses an image that is not of the size it claims', () => {
    const resizer = new Resizer({ width: 2, height: 2 });
    const data = new Uint8Array(16);
    for (const size of [4, 2])
      expect(() => resizer.resize({ width: size, height: size, data })).toThrow(
        new UserError(
          `an image of 16 bytes came where ${size}×${size} rgb8 has ${size * size * 3}: check the camera's size and encoding`,
        ),
      );
  });
});
