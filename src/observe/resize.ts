/**
 * The one resize function of Saccade: live frames, replayed bags and exported datasets all pass through
 * it, so that a policy is trained on the pixels it will see.
 *
 * Separable. An axis that shrinks is averaged over the area each output pixel covers; one that grows is
 * interpolated linearly between pixel centres, edges repeated. Sums are float64 and rounding is half up:
 * the same bytes on every machine.
 */
import { UserError } from '../errors.js';

/** Sizes in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** For each output index the `count` source indices from `start` on, with weights that sum to 1. */
interface Taps {
  readonly start: Int32Array;
  /** Row-major [outputs, count]; unused places are 0. */
  readonly weight: Float64Array;
  readonly count: number;
}

/** An image's way from one size to another; weights and scratch space are made once. */
export class Resizer {
  readonly #horizontal: Taps;
  readonly #vertical: Taps;
  /** Source rows at the target width, [from.height, to.width, 3]. */
  readonly #rows: Float64Array;

  constructor(
    readonly from: Size,
    readonly to: Size,
  ) {
    this.#horizontal = taps(from.width, to.width);
    this.#vertical = taps(from.height, to.height);
    this.#rows = new Float64Array(this.identity ? 0 : from.height * to.width * 3);
  }

  get identity(): boolean {
    return this.from.width === this.to.width && this.from.height === this.to.height;
  }

  /**
   * @param image rgb8, row-major [from.height, from.width, 3]
   * @returns rgb8, [to.height, to.width, 3]: a new array, or `image` itself when the sizes are equal
   * @throws UserError when `image` has another length than its size says
   */
  resize(image: Uint8Array): Uint8Array {
    const { from, to } = this;
    if (image.length !== from.width * from.height * 3) {
      throw new UserError(
        `an image of ${image.length} bytes came where ${from.width}×${from.height} rgb8 has ${from.width * from.height * 3}: check the camera's size and encoding`,
      );
    }
    if (this.identity) return image;
    this.#resizeRows(image);
    const out = new Uint8Array(to.width * to.height * 3);
    this.#resizeColumns(out);
    return out;
  }

  #resizeRows(image: Uint8Array): void {
    const { start, weight, count } = this.#horizontal;
    const rows = this.#rows;
    const { width, height } = this.from;
    for (let y = 0, o = 0; y < height; y++) {
      for (let x = 0; x < this.to.width; x++, o += 3) {
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let k = 0, i = (y * width + start[x]) * 3, w = x * count; k < count; k++, i += 3, w++) {
          red += weight[w] * image[i];
          green += weight[w] * image[i + 1];
          blue += weight[w] * image[i + 2];
        }
        rows[o] = red;
        rows[o + 1] = green;
        rows[o + 2] = blue;
      }
    }
  }

  #resizeColumns(out: Uint8Array): void {
    const { start, weight, count } = this.#vertical;
    const rows = this.#rows;
    const stride = this.to.width * 3;
    for (let y = 0, o = 0; y < this.to.height; y++) {
      for (let x = 0; x < stride; x++, o++) {
        let sum = 0;
        for (let k = 0, i = start[y] * stride + x, w = y * count; k < count; k++, i += stride, w++) {
          sum += weight[w] * rows[i];
        }
        out[o] = Math.floor(sum + 0.5);
      }
    }
  }
}

function taps(from: number, to: number): Taps {
  const scale = from / to;
  const count = Math.min(from, scale > 1 ? Math.ceil(scale) + 1 : 2);
  const start = new Int32Array(to);
  const weight = new Float64Array(to * count);
  for (let o = 0; o < to; o++) {
    // The stretch of the source that counts, in source pixels, and each pixel's share of it.
    const centre = (o + 0.5) * scale;
    const reach = Math.max(scale, 1) / 2;
    const first = Math.min(Math.max(Math.floor(centre - reach), 0), from - count);
    start[o] = first;
    for (let k = 0; k < count; k++) weight[o * count + k] = share(first + k, centre, reach, from, scale);
  }
  return { start, weight, count };
}

/** The weight of source pixel `i` in the output pixel centred at `centre` (source pixels). */
function share(i: number, centre: number, reach: number, from: number, scale: number): number {
  if (scale > 1) {
    const overlap = Math.min(i + 1, centre + reach) - Math.max(i, centre - reach);
    return Math.max(0, overlap) / scale;
  }
  // The hat of width 2 about pixel i, sampled at the centre, which stays between the outer pixels' centres.
  const at = Math.min(Math.max(centre, 0.5), from - 0.5);
  return Math.max(0, 1 - Math.abs(at - (i + 0.5)));
}
