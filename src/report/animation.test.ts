import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { Animation, type Panel } from './animation.js';

const plain = (width: number, height: number, colour: readonly [number, number, number]): Panel => {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i += 3) data.set(colour, i);
  return { label: 'head', view: { width, height, data } };
};

const flow = (x: number): Panel => ({
  label: 'flow head',
  view: { width: 4, height: 4, data: new Float32Array(32).fill(x, 0, 16), pxPerUnit: 20 },
});

/** The mean colour of a panel's middle in one page of the file. */
async function middle(file: Buffer, page: number, panel: number, size: number): Promise<number[]> {
  const { data, info } = await sharp(file, { page })
    .extract({ left: 4 + panel * (size + 4) + 8, top: 16 + 8, width: size - 16, height: size - 16 })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const sums = [0, 0, 0];
  data.forEach((value, i) => {
    sums[i % 3] = (sums[i % 3] as number) + value;
  });
  return sums.map((sum) => sum / (info.width * info.height));
}

describe('Animation', () => {
  it('is an animated WebP: a page a picture, in real time, for ever', async () => {
    const animation = new Animation({ rateHz: 20, panelSize: 48 });
    animation.add([plain(8, 8, [200, 40, 40]), plain(8, 8, [0, 0, 0]), flow(0)], 't 0.00 s');
    animation.add([plain(8, 8, [40, 200, 40]), plain(8, 8, [0, 0, 0]), flow(0.5)], 't 0.05 s');
    animation.add([plain(8, 8, [40, 40, 200]), plain(8, 8, [0, 0, 0]), flow(0.5)], 't 0.10 s');
    const file = await animation.encode();
    const info = await sharp(file).metadata();
    expect(info).toMatchObject({ format: 'webp', pages: 3, loop: 0, delay: [50, 50, 50] });
    expect(info.width).toBe(3 * 52 + 4);

    const close = (actual: number[], expected: number[]) =>
      actual.forEach((value, c) => {
        expect(Math.abs(value - (expected[c] as number))).toBeLessThan(12);
      });
    close(await middle(file, 0, 0, 48), [200, 40, 40]);
    close(await middle(file, 1, 0, 48), [40, 200, 40]);
    close(await middle(file, 2, 0, 48), [40, 40, 200]);
    close(await middle(file, 0, 2, 48), [255, 255, 255]);
    close(await middle(file, 1, 2, 48), [255, 0, 0]);
  });

  it('keeps the aspect of a wide view', async () => {
    const animation = new Animation({ rateHz: 10, panelSize: 48 });
    animation.add([plain(16, 8, [250, 250, 250])], '');
    const file = await animation.encode();
    const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const brightness = (x: number, y: number) => data[3 * (y * info.width + x)] as number;
    expect(brightness(4 + 24, 16 + 24)).toBeGreaterThan(230);
    expect(brightness(4 + 24, 16 + 4)).toBeLessThan(60);
  });

  it('refuses to encode nothing', async () => {
    await expect(new Animation({ rateHz: 20 }).encode()).rejects.toThrow('at least one picture');
  });
});
