/**
 * Statistics of an episode's pictures, per colour channel in 0 … 1, as LeRobot computes them: of some frames
 * (`sample_indices`) and, when they are large, of every n-th pixel of a row and every n-th row
 * (`auto_downsample_height_width`).
 */
import type { Size } from '../observe/resize.js';
import { type FeatureStats, type Summary, summarise } from './stats.js';

const CHANNELS = 3;
const LEVELS = 256;
const EVERY_LEVEL = Float64Array.from({ length: LEVELS }, (_, level) => level);

/** Frames of an episode of `length` that its statistics are made of: all up to 100, then length^¾. */
export function sampledFrames(length: number): Set<number> {
  const count = Math.max(Math.min(100, length), Math.min(Math.trunc(length ** 0.75), 10_000));
  const step = count > 1 ? (length - 1) / (count - 1) : 0;
  return new Set(Array.from({ length: count }, (_, i) => roundHalfEven(i * step)));
}

/** As NumPy rounds. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Takes every how-many-th pixel: images of 300 pixels and more a side are brought to about 150. */
export function pixelStride({ width, height }: Size): number {
  if (Math.max(width, height) < 300) return 1;
  return Math.trunc((width > height ? width : height) / 150);
}

/** Counts colour levels: what is known of the pictures so far fits in 6 kB. */
export class ImageStats {
  readonly #size: Size;
  readonly #stride: number;
  readonly #counts = Array.from({ length: CHANNELS }, () => new Float64Array(LEVELS));
  #frames = 0;

  constructor(size: Size) {
    this.#size = size;
    this.#stride = pixelStride(size);
  }

  /** @param image rgb8, row-major [height, width, 3] */
  add(image: Uint8Array): void {
    const { width, height } = this.#size;
    const [red, green, blue] = this.#counts as [Float64Array, Float64Array, Float64Array];
    const stride = this.#stride;
    for (let y = 0; y < height; y += stride) {
      const end = (y + 1) * width * CHANNELS;
      for (let i = y * width * CHANNELS; i < end; i += stride * CHANNELS) {
        red[image[i] as number]++;
        green[image[i + 1] as number]++;
        blue[image[i + 2] as number]++;
      }
    }
    this.#frames++;
  }

  /** Needs at least one frame. `count` is frames, not pixels. */
  stats(): FeatureStats {
    const summaries = this.#counts.map((counts) => {
      const levels = Object.entries(summarise(EVERY_LEVEL, counts));
      return Object.fromEntries(levels.map(([key, level]) => [key, level / 255])) as Summary;
    });
    return { summaries, count: this.#frames };
  }
}
