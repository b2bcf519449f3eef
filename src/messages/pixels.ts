/** The pixels of `sensor_msgs/Image` as Saccade's `rgb8`. Knows nothing of messages: any thread can do it. */
import type { PixelLayout } from '../robots/robot.js';

interface Format {
  /** A pixel. */
  readonly bytes: number;
  /** Pixels share their colour with a neighbour: widths are even. */
  readonly pairs?: true;
  /** Writes one row of rgb8 to `out` at `at` from the row of `data` at `from`. */
  row(out: Uint8Array, at: number, data: Uint8Array, from: number, width: number, bigEndian: boolean): void;
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

const RGB8: Format = {
  bytes: 3,
  row(out, at, data, from, width) {
    out.set(data.subarray(from, from + 3 * width), at);
  },
};

/** 16 bits of grey, scaled to 8. */
const MONO16: Format = {
  bytes: 2,
  row(out, at, data, from, width, bigEndian) {
    const [high, low] = bigEndian ? [0, 1] : [1, 0];
    for (let x = 0, i = from, o = at; x < width; x++, i += 2, o += 3) {
      const grey = Math.round((256 * (data[i + high] as number) + (data[i + low] as number)) / 257);
      out[o] = grey;
      out[o + 1] = grey;
      out[o + 2] = grey;
    }
  },
};

/** Of YUV to RGB, in 2^20ths: ITU-R BT.601, video range (Y 16 … 235), as OpenCV converts these. */
const FRACTION = 20;
const LUMA = fixed(1.164383);
const RED_V = fixed(1.596027);
const GREEN_U = fixed(-0.391762);
const GREEN_V = fixed(-0.812968);
const BLUE_U = fixed(2.017232);
/** Every value that can come out is above −BELOW and below 1024 − BELOW; a table limits it to a byte without a branch. */
const BELOW = 384;
const LIMITED = Uint8Array.from({ length: 1024 }, (_, i) => Math.min(255, Math.max(0, i - BELOW)));
/** Makes it the index of that table, rounded. */
const BIAS = fixed(BELOW + 0.5);

function fixed(x: number): number {
  return Math.round(x * 2 ** FRACTION);
}

/** Two pixels share their colour; `luma` and `chroma` say where the first Y and U stand of four bytes. */
const yuv422 = (luma: number, chroma: number): Format => ({
  bytes: 2,
  pairs: true,
  row(out, at, data, from, width) {
    for (let x = 0, i = from, o = at; x < width; x += 2, i += 4, o += 6) {
      const u = (data[i + chroma] as number) - 128;
      const v = (data[i + chroma + 2] as number) - 128;
      const red = RED_V * v + BIAS;
      const green = GREEN_U * u + GREEN_V * v + BIAS;
      const blue = BLUE_U * u + BIAS;
      const first = LUMA * ((data[i + luma] as number) - 16);
      const second = LUMA * ((data[i + luma + 2] as number) - 16);
      out[o] = LIMITED[(first + red) >> FRACTION] as number;
      out[o + 1] = LIMITED[(first + green) >> FRACTION] as number;
      out[o + 2] = LIMITED[(first + blue) >> FRACTION] as number;
      out[o + 3] = LIMITED[(second + red) >> FRACTION] as number;
      out[o + 4] = LIMITED[(second + green) >> FRACTION] as number;
      out[o + 5] = LIMITED[(second + blue) >> FRACTION] as number;
    }
  },
});
const UYVY = yuv422(1, 0);
const YUYV = yuv422(0, 1);

/** By ROS's names: sensor_msgs/image_encodings.hpp. */
export const PIXEL_FORMATS: ReadonlyMap<string, Format> = new Map(
  Object.entries({
    rgb8: RGB8,
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
 * @param layout of one of `PIXEL_FORMATS`
 * @param bytes as many as that needs
 * @param out rgb8 without padding, [height, width, 3]: overwritten
 */
export function toRgb(
  { width, height }: { readonly width: number; readonly height: number },
  { encoding, step, bigEndian }: PixelLayout,
  bytes: Uint8Array,
  out: Uint8Array,
): void {
  const format = PIXEL_FORMATS.get(encoding) as Format;
  for (let y = 0; y < height; y++) format.row(out, y * width * 3, bytes, y * step, width, bigEndian);
}
