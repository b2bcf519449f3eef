/** Camera images, raw or compressed, as Saccade's `rgb8`. */
import sharp from 'sharp';
import { UserError } from '../errors.js';
import { decode } from './cdr.js';
import { fromStamp } from './time.js';
import type { Image } from './types.js';

/** `data` is rgb8, row-major H×W×3, and belongs to the receiver. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** The header's stamp, s. */
  readonly time: number;
}

export type ImageType = 'sensor_msgs/msg/Image' | 'sensor_msgs/msg/CompressedImage';

/** 8192×5461; more is an error in the header or an attack. */
const MAX_PIXELS = 2 ** 27 / 3;

/**
 * @param cdr the message as it was received or recorded; not kept
 * @throws UserError saying what is wrong with the image
 */
export async function decodeImage(type: ImageType, cdr: Uint8Array): Promise<DecodedImage> {
  if (type === 'sensor_msgs/msg/Image') {
    const image = rawImage(cdr);
    const { width, height, header } = image;
    const data = rgbPixels(image);
    return {
      width,
      height,
      data: data.buffer === image.data.buffer ? data.slice() : data,
      time: fromStamp(header.stamp),
    };
  }
  const { header, data } = read(type, cdr);
  return { ...(await decompress(data)), time: fromStamp(header.stamp) };
}

/**
 * The message in `cdr` with its pixels as a view of `cdr`, its sizes checked: after this every row has
 * all its pixels.
 * @throws UserError
 */
export function rawImage(cdr: Uint8Array): Image {
  const image = read('sensor_msgs/msg/Image', cdr);
  const { width, height, step, encoding, data } = image;
  const format = FORMATS.get(encoding);
  if (!format)
    throw new UserError(
      `an image has the encoding ${JSON.stringify(encoding.slice(0, 40))}; convert it to one of ${[...FORMATS.keys()].join(', ')}`,
    );
  if (width === 0 || height === 0 || width * height > MAX_PIXELS)
    throw new UserError(`an image says that it has ${width}×${height} pixels; check the camera's driver`);
  const row = width * format.bytes;
  if ((format === YUYV || format === UYVY) && width % 2 !== 0)
    throw new UserError(`a ${encoding} image is ${width} pixels wide; its width must be even`);
  // The padding of the last row may be left out.
  const needed = step * (height - 1) + row;
  if (step < row || data.length < needed)
    throw new UserError(
      `a ${width}×${height} ${encoding} image has rows of ${step} bytes and ${data.length} bytes in all; it needs rows of ${row} and ${Math.max(needed, row * height)} in all`,
    );
  return image;
}

function read<T extends ImageType>(type: T, cdr: Uint8Array) {
  try {
    return decode(type, cdr);
  } catch (cause) {
    throw new UserError(`an image cannot be read: ${(cause as Error).message}`, 2, { cause });
  }
}

interface Format {
  /** A pixel. */
  readonly bytes: number;
  /** Writes one row of rgb8 to `out` at `at` from the row of `data` at `from`. */
  row(
    out: Uint8ClampedArray,
    at: number,
    data: Uint8Array,
    from: number,
    width: number,
    bigEndian: boolean,
  ): void;
}

/** Channels of a byte each: where red, green and blue stand in a pixel. */
const bytes = (pixel: number, red: number, green: number, blue: number): Format => ({
  bytes: pixel,
  row(out, at, data, from, width) {
    for (let x = 0, i = from, o = at; x < width; x++, i += pixel, o += 3) {
      out[o] = data[i + red] as number;
      out[o + 1] = data[i + green] as number;
      out[o + 2] = data[i + blue] as number;
    }
  },
});

/** 16 bits of grey, scaled to 8. */
const MONO16: Format = {
  bytes: 2,
  row(out, at, data, from, width, bigEndian) {
    const [high, low] = bigEndian ? [0, 1] : [1, 0];
    for (let x = 0, i = from, o = at; x < width; x++, i += 2, o += 3) {
      const grey = (256 * (data[i + high] as number) + (data[i + low] as number)) / 257;
      out[o] = grey;
      out[o + 1] = grey;
      out[o + 2] = grey;
    }
  },
};

/** Two pixels share their colour; `luma` and `chroma` say where the first Y and U stand of four bytes. */
const yuv422 = (luma: number, chroma: number): Format => ({
  bytes: 2,
  row(out, at, data, from, width) {
    for (let x = 0, i = from, o = at; x < width; x += 2, i += 4, o += 6) {
      const u = (data[i + chroma] as number) - 128;
      const v = (data[i + chroma + 2] as number) - 128;
      // ITU-R BT.601, video range (Y 16 … 235): as OpenCV converts these.
      const red = 1.596027 * v;
      const green = -0.391762 * u - 0.812968 * v;
      const blue = 2.017232 * u;
      for (let p = 0; p < 2; p++) {
        const y = 1.164383 * ((data[i + luma + 2 * p] as number) - 16);
        out[o + 3 * p] = y + red;
        out[o + 3 * p + 1] = y + green;
        out[o + 3 * p + 2] = y + blue;
      }
    }
  },
});
const UYVY = yuv422(1, 0);
const YUYV = yuv422(0, 1);

/** By ROS's names: sensor_msgs/image_encodings.hpp. */
const FORMATS = new Map<string, Format>(
  Object.entries({
    rgb8: bytes(3, 0, 1, 2),
    bgr8: bytes(3, 2, 1, 0),
    rgba8: bytes(4, 0, 1, 2),
    bgra8: bytes(4, 2, 1, 0),
    mono8: bytes(1, 0, 0, 0),
    mono16: MONO16,
    yuv422: UYVY,
    uyvy: UYVY,
    yuv422_yuy2: YUYV,
    yuyv: YUYV,
  }),
);

/**
 * The pixels of an image that `rawImage` has checked, as rgb8 without padding: a view of `data` where it is
 * that already, else newly made.
 */
export function rgbPixels({ width, height, step, encoding, is_bigendian, data }: Image): Uint8Array {
  const row = 3 * width;
  if (encoding === 'rgb8' && step === row) return data.subarray(0, row * height);
  const format = FORMATS.get(encoding) as Format;
  const out = new Uint8ClampedArray(row * height);
  for (let y = 0; y < height; y++) format.row(out, y * row, data, y * step, width, is_bigendian !== 0);
  return new Uint8Array(out.buffer);
}

/** What image_transport writes; sharp would read much else, at the word of whoever made the recording. */
const CODECS = { JPEG: [0xff, 0xd8, 0xff], PNG: [0x89, 0x50, 0x4e, 0x47] } as const;

async function decompress(bytes: Uint8Array): Promise<Omit<DecodedImage, 'time'>> {
  const codec = Object.entries(CODECS).find(([, magic]) => magic.every((byte, i) => bytes[i] === byte));
  if (!codec) throw new UserError('a compressed image is neither JPEG nor PNG; record it as one of these');
  try {
    const { data, info } = await sharp(bytes, {
      limitInputPixels: Math.floor(MAX_PIXELS),
      failOn: 'truncated',
    })
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: new Uint8Array(data) };
  } catch (cause) {
    throw new UserError(`a ${codec[0]} image cannot be decoded: ${(cause as Error).message}`, 2, { cause });
  }
}
