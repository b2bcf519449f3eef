import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { encode } from './cdr.js';
import { decodeImage, rawImage } from './image.js';
import type { Image } from './types.js';

const header = { stamp: { sec: 12, nanosec: 500_000_000 }, frame_id: 'wrist' };

function raw(image: Partial<Image> & Pick<Image, 'width' | 'height' | 'encoding' | 'data'>): Uint8Array {
  const step = image.data.length / image.height;
  return encode('sensor_msgs/msg/Image', { header, is_bigendian: 0, step, ...image });
}

const decode = (cdr: Uint8Array) => decodeImage('sensor_msgs/msg/Image', cdr);

async function compressed(data: Uint8Array, format = 'jpeg') {
  const cdr = encode('sensor_msgs/msg/CompressedImage', { header, format, data });
  return decodeImage('sensor_msgs/msg/CompressedImage', cdr);
}

/** Bytes of one pixel to rgb, the slow way. */
const PIXELS: Readonly<Record<string, [bytes: number, rgb: (pixel: number[]) => number[]]>> = {
  rgb8: [3, ([r, g, b]) => [r, g, b] as number[]],
  bgr8: [3, ([b, g, r]) => [r, g, b] as number[]],
  rgba8: [4, ([r, g, b]) => [r, g, b] as number[]],
  bgra8: [4, ([b, g, r]) => [r, g, b] as number[]],
  mono8: [1, ([y]) => [y, y, y] as number[]],
  mono16: [2, ([low, high]) => Array(3).fill(Math.round(((low as number) + 256 * (high as number)) / 257))],
};

const clamp = (value: number) => Math.min(255, Math.max(0, Math.round(value)));

/** BT.601, Y 16…235, colour difference 16…240 around 128, from its definition. */
function yuvToRgb(y: number, u: number, v: number): number[] {
  const [kr, kb] = [0.299, 0.114];
  const luma = (y - 16) / 219;
  const red = luma + ((2 * (1 - kr)) / 224) * (v - 128);
  const blue = luma + ((2 * (1 - kb)) / 224) * (u - 128);
  const green = (luma - kr * red - kb * blue) / (1 - kr - kb);
  return [red, green, blue].map((channel) => clamp(255 * channel));
}

describe('raw images', () => {
  for (const [encoding, [bytes, rgb]] of Object.entries(PIXELS))
    it(`become rgb8 from ${encoding}, whatever the padding`, async () => {
      const image = fc
        .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 5 }))
        .chain(([width, height, padding]) => {
          const length = (width * bytes + padding) * height;
          return fc
            .uint8Array({ minLength: length, maxLength: length })
            .map((data) => ({ width, height, padding, data }));
        });
      await fc.assert(
        fc.asyncProperty(image, async ({ width, height, padding, data }) => {
          const step = width * bytes + padding;
          const found = await decode(raw({ width, height, encoding, step, data }));
          const wanted: number[] = [];
          for (let y = 0; y < height; y++)
            for (let x = 0; x < width; x++)
              wanted.push(...rgb([...data.subarray(y * step + x * bytes, y * step + (x + 1) * bytes)]));
          expect(found).toEqual({ width, height, data: Uint8Array.from(wanted), time: 12.5 });
        }),
        { numRuns: 40 },
      );
    });

  it('become rgb8 from big-endian mono16', async () => {
    const data = Uint8Array.from([0x12, 0x34, 0xff, 0xff]);
    const found = await decode(raw({ width: 2, height: 1, encoding: 'mono16', is_bigendian: 1, data }));
    expect([...found.data]).toEqual([18, 18, 18, 255, 255, 255]);
  });

  it.each([
    ['yuv422', [1, 0, 3, 2]],
    ['uyvy', [1, 0, 3, 2]],
    ['yuv422_yuy2', [0, 1, 2, 3]],
    ['yuyv', [0, 1, 2, 3]],
  ])('become rgb8 from %s', async (encoding, order) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 4, maxLength: 4 }), async (yuyv) => {
        const data = Uint8Array.from(order, (i) => yuyv[i] as number);
        const [y0, u, y1, v] = yuyv as unknown as [number, number, number, number];
        const found = await decode(raw({ width: 2, height: 1, encoding, data }));
        const wanted = [...yuvToRgb(y0, u, v), ...yuvToRgb(y1, u, v)];
        for (const [i, value] of found.data.entries())
          expect(Math.abs(value - (wanted[i] as number))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('belong to the receiver, and may lack the padding of the last row', async () => {
    const data = Uint8Array.from({ length: 2 * 8 - 2 }, (_, i) => i);
    const cdr = raw({ width: 2, height: 2, encoding: 'rgb8', step: 8, data });
    const { data: pixels } = await decode(cdr);
    cdr.fill(0);
    expect([...pixels]).toEqual([0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]);
    expect(pixels.buffer.byteLength).toBe(12);
  });

  it('are viewed in place', () => {
    const cdr = raw({ width: 2, height: 1, encoding: 'bgr8', data: Uint8Array.from([1, 2, 3, 4, 5, 6]) });
    const image = rawImage(cdr);
    expect(image).toMatchObject({ width: 2, height: 1, step: 6, header });
    expect(image.data.buffer).toBe(cdr.buffer);
  });

  const data = new Uint8Array(12);
  it.each([
    [
      { width: 2, height: 2, encoding: 'bayer_rggb8', data },
      /encoding "bayer_rggb8"; convert it to one of rgb8, /,
    ],
    [{ width: 2, height: 2, encoding: 'constructor', data }, /encoding "constructor"/],
    [{ width: 0, height: 2, encoding: 'rgb8', data }, /0×2 pixels/],
    [{ width: 2 ** 16, height: 2 ** 16, encoding: 'rgb8', data }, /65536×65536 pixels/],
    [
      { width: 2, height: 3, encoding: 'rgb8', step: 6, data },
      /2×3 rgb8 image has rows of 6 bytes and 12 bytes in all; it needs rows of 6 and 18 in all/,
    ],
    [
      { width: 3, height: 2, encoding: 'rgb8', step: 6, data },
      /rows of 6 bytes and 12 bytes in all; it needs rows of 9 and 18/,
    ],
    [{ width: 2, height: 2, encoding: 'rgb8', step: 2 ** 32 - 1, data }, /needs rows of 6/],
    [{ width: 3, height: 2, encoding: 'yuyv', step: 6, data }, /must be even/],
  ])('are refused in one sentence, %#', async (image, sentence) => {
    await expect(decode(raw(image))).rejects.toThrow(UserError);
    await expect(decode(raw(image))).rejects.toThrow(sentence);
  });

  it('are refused when the message is cut short, wherever', async () => {
    const cdr = raw({ width: 2, height: 2, encoding: 'rgb8', data });
    for (let length = 0; length < cdr.length; length++)
      await expect(decode(cdr.subarray(0, length)), String(length)).rejects.toThrow(UserError);
  });
});

describe('compressed images', () => {
  const pixels = Uint8Array.from({ length: 16 * 12 * 3 }, (_, i) => (i * 3) % 256);
  const picture = () => sharp(pixels, { raw: { width: 16, height: 12, channels: 3 } });

  it('are exact as PNG, with or without alpha or colour', async () => {
    const wanted = { width: 16, height: 12, data: pixels, time: 12.5 };
    expect(await compressed(await picture().png().toBuffer(), 'png')).toEqual(wanted);
    expect(await compressed(await picture().ensureAlpha().png().toBuffer(), 'png')).toEqual(wanted);
    const grey = await compressed(await picture().greyscale().png().toBuffer(), 'png');
    expect(grey.data).toHaveLength(pixels.length);
    expect(grey.data[0]).toBe(grey.data[2]);
  });

  it('are near as JPEG', async () => {
    const smooth = Uint8Array.from({ length: 16 * 12 * 3 }, (_, i) => 40 + Math.floor(i / 3) + 10 * (i % 3));
    const jpeg = await sharp(smooth, { raw: { width: 16, height: 12, channels: 3 } })
      .jpeg({ quality: 95 })
      .toBuffer();
    const { data } = await compressed(jpeg, 'rgb8; jpeg compressed bgr8');
    const error = data.reduce((sum, value, i) => sum + Math.abs(value - (smooth[i] as number)), 0);
    expect(error / data.length).toBeLessThan(2);
  });

  it('are refused when they are cut short', async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) % 256);
    const image = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    for (const bytes of [await image.clone().jpeg().toBuffer(), await image.clone().png().toBuffer()]) {
      for (const share of [0.02, 0.5, 0.9]) {
        const cut = bytes.subarray(0, Math.floor(bytes.length * share));
        await expect(compressed(cut)).rejects.toThrow(/^a (JPEG|PNG) image cannot be decoded: /);
      }
    }
  });

  it('are refused in other formats, and when they would be enormous', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>');
    await expect(compressed(svg)).rejects.toThrow(/neither JPEG nor PNG/);
    await expect(compressed(new Uint8Array())).rejects.toThrow(/neither JPEG nor PNG/);
    const huge = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: 'white' } })
      .png()
      .toBuffer();
    await expect(compressed(huge)).rejects.toThrow(/cannot be decoded: .*pixel limit/);
  });
});
