import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodePng, InOrder } from './png.js';

it('encodePng is exact', async () => {
  const image = fc
    .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }))
    .chain(([width, height]) =>
      fc.record({
        width: fc.constant(width),
        height: fc.constant(height),
        data: fc.uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 }),
      }),
    );
  await fc.assert(
    fc.asyncProperty(image, async ({ width, height, data }) => {
      const png = await encodePng(data, { width, height });
      const decoded = await sharp(png).raw().toBuffer({ resolveWithObject: true });
      expect(decoded.info).toMatchObject({ width, height, channels: 3 });
      expect(Buffer.compare(decoded.data, data)).toBe(0);
    }),
    { numRuns: 50 },
  );
});

describe('InOrder', () => {
  it('hands on values in order, whichever is done first, a bounded number behind', async () => {
    const taken: number[] = [];
    const inOrder = new InOrder<number>(async (value) => void taken.push(value));
    const finish: (() => void)[] = [];
    const later = (value: number) => new Promise<number>((resolve) => finish.push(() => resolve(value)));
    for (let i = 0; i < 15; i++) await inOrder.push(later(i));
    expect(taken).toEqual([]);
    for (const done of [...finish].reverse()) done();
    for (let i = 15; i < 40; i++) {
      await inOrder.push(Promise.resolve(i));
      expect(i - (taken.at(-1) as number)).toBeLessThan(16);
    }
    await inOrder.end();
    expect(taken).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it('fails as the work does, and hands on nothing that comes after', async () => {
    const taken: number[] = [];
    const inOrder = new InOrder<number>(async (value) => void taken.push(value));
    await inOrder.push(Promise.resolve(1));
    await inOrder.push(Promise.reject(new Error('no more paper')));
    await inOrder.push(Promise.resolve(3));
    await expect(inOrder.end()).rejects.toThrow('no more paper');
    expect(taken).toEqual([1]);
  });
});
