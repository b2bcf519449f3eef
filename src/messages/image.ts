/** Camera images, raw or compressed, as Saccade's `rgb8`. */
import sharp from 'sharp';
import { UserError } from '../errors.js';
import type { RawPixels } from '../robots/robot.js';
import { decode } from './cdr.js';
import { PIXEL_FORMATS, toRgb } from './pixels.js';
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
    const pixels = pixelsOf(image);
    const data = new Uint8Array(3 * width * height);
    if (pixels instanceof Uint8Array) data.set(pixels);
    else toRgb(image, pixels.layout, pixels.bytes, data);
    return { width, height, data, time: fromStamp(header.stamp) };
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
  const format = PIXEL_FORMATS.get(encoding);
  if (!format)
    throw new UserError(
      `an image has the encoding ${JSON.stringify(encoding.slice(0, 40))}; convert it to one of ${[...PIXEL_FORMATS.keys()].join(', ')}`,
    );
  if (width === 0 || height === 0 || width * height > MAX_PIXELS)
    throw new UserError(`an image says that it has ${width}×${height} pixels; check the camera's driver`);
  const row = width * format.bytes;
  if (format.pairs && width % 2 !== 0)
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

/**
 * The pixels of an image that `rawImage` has checked, as a view of `data`: rgb8 without padding as it is,
 * anything else still to be converted.
 */
export function pixelsOf({
  width,
  height,
  step,
  encoding,
  is_bigendian,
  data,
}: Image): Uint8Array | RawPixels {
  if (encoding === 'rgb8' && step === 3 * width) return data.subarray(0, step * height);
  const { bytes } = PIXEL_FORMATS.get(encoding) as { readonly bytes: number };
  const length = step * (height - 1) + width * bytes;
  return { layout: { encoding, step, bigEndian: is_bigendian !== 0 }, bytes: data.subarray(0, length) };
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
    return {
      width: info.width,
      height: info.height,
      data: new Uint8Array(data.buffer, data.byteOffset, data.length),
    };
  } catch (cause) {
    // libvips says everything it knows, a line each; the first says what is wrong.
    const [why] = (cause as Error).message.split('\n');
    throw new UserError(`a ${codec[0]} image cannot be decoded: ${why}`, 2, { cause });
  }
}
