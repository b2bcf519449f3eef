/**
 * The one resize function of Saccade: live frames, replayed bags and exported datasets all pass through
 * it, so that a policy is trained on the pixels it will see.
 *
 * Separable. An axis that shrinks is averaged over the area each output pixel covers; one that grows is
 * interpolated linearly between pixel centres, edges repeated. Both weights are fractions of whole numbers, so
 * sums are whole numbers too and rounding is half up, exactly: the same bytes on every machine.
 */
import { UserError } from '../errors.js';

/** Sizes in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** For each output index the `count` source indices from `start` on, with whole weights that sum to `total`. */
interface Taps {
  readonly start: Int32Array;
  /** Row-major [outputs, count]; unused places are 0. */
  readonly weight: Int32Array;
  readonly count: number;
  readonly total: number;
}

/** rgb8, row-major [height, width, 3]. */
export interface SizedImage extends Size {
  readonly data: Uint8Array;
}

/** Brings images of any size to one size. Those of a camera have mostly the same: its weights are kept. */
export class Resizer {
  #way: Way;

  constructor(readonly to: Size) {
    this.#way = new Way(to, to);
  }

  /**
   * @returns rgb8, [to.height, to.width, 3]: a new array, or the image's own where it has that size already
   * @throws UserError when `image` has another length than its size says
   */
  resize(image: SizedImage): Uint8Array {
    const { width, height } = this.to;
    if (image.width === width && image.height === height) {
      checkLength(image);
      return image.data;
    }
    const out = new Uint8Array(width * height * 3);
    this.resizeInto(image, out);
    return out;
  }

  /**
   * @param out [to.height, to.width, 3]: overwritten, with a copy where the image has that size already
   * @throws UserError when `image` has another length than its size says
   */
  resizeInto(image: SizedImage, out: Uint8Array): void {
    checkLength(image);
    const { width, height, data } = image;
    const { from } = this.#way;
    if (width === this.to.width && height === this.to.height) {
      out.set(data);
      return;
    }
    if (width !== from.width || height !== from.height) this.#way = new Way({ width, height }, this.to);
    this.#way.resize(data, out);
  }
}

/**
 * From one size to another; weights and scratch space are made once.
 *
 * Per output row, the source rows that it covers are summed, then the columns. Where sums are below 2¹⁶, two of them
 * go side by side in 32 bits and are computed as one.
 */
class Way {
  readonly #horizontal: Taps;
  readonly #vertical: Taps;
  /** Sums of rows: [from.width, 3]. */
  readonly #sums: Int32Array;
  /** The same, packed, of each pixel: red, and blue above it; green. */
  readonly #redBlue: Int32Array;
  readonly #green: Int32Array;
  /** Sums of rows can be packed, and rows are whole numbers of such pairs. */
  readonly #packsRows: boolean;
  /** So can sums of rows and columns, where every row counts alike. */
  readonly #packsAll: boolean;

  constructor(
    readonly from: Size,
    readonly to: Size,
  ) {
    this.#horizontal = taps(from.width, to.width);
    this.#vertical = taps(from.height, to.height);
    this.#sums = new Int32Array(from.width * 3);
    this.#redBlue = new Int32Array(from.width);
    this.#green = new Int32Array(from.width);
    const rows = 255 * this.#vertical.total;
    this.#packsRows = from.width % 8 === 0 && rows < 2 ** 16;
    this.#packsAll =
      from.width % 4 === 0 &&
      rows * this.#horizontal.total < 2 ** 16 &&
      this.#vertical.weight.every((weight) => weight === 1);
  }

  resize(image: Uint8Array, out: Uint8Array): void {
    const { start, weight, count } = this.#vertical;
    const stride = this.from.width * 3;
    const words = image.byteOffset % 4 === 0 ? wordsOf(image) : undefined;
    for (let y = 0; y < this.to.height; y++) {
      const first = start[y] * stride;
      const at = y * this.to.width * 3;
      if (words && this.#packsAll) {
        addRowsPacked(words, first / 4, stride / 4, count, this.#redBlue, this.#green);
        this.#averageColumnsPacked(out, at);
        continue;
      }
      if (words && this.#packsRows)
        sumRowsPacked(words, first / 4, stride / 4, weight, y * count, count, this.#sums);
      else sumRows(image, first, stride, weight, y * count, count, this.#sums);
      this.#averageColumns(out, at);
    }
  }

  /** One output row, at `o` in `out`, from the sums of its source rows. */
  #averageColumns(out: Uint8Array, o: number): void {
    const { start, weight, count, total } = this.#horizontal;
    const sums = this.#sums;
    const { half, share } = rounding(total * this.#vertical.total);
    for (let x = 0, w = 0, at = o; x < this.to.width; x++, at += 3) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = 0, i = start[x] * 3; k < count; k++, i += 3, w++) {
        const part = weight[w];
        red += part * sums[i];
        green += part * sums[i + 1];
        blue += part * sums[i + 2];
      }
      out[at] = Math.floor((red + half) * share);
      out[at + 1] = Math.floor((green + half) * share);
      out[at + 2] = Math.floor((blue + half) * share);
    }
  }

  /** The same of packed sums. */
  #averageColumnsPacked(out: Uint8Array, o: number): void {
    const { start, weight, count, total } = this.#horizontal;
    const redBlue = this.#redBlue;
    const greens = this.#green;
    const { half, share } = rounding(total * this.#vertical.total);
    for (let x = 0, w = 0, at = o; x < this.to.width; x++, at += 3) {
      let both = 0;
      let green = 0;
      for (let k = 0, i = start[x]; k < count; k++, i++, w++) {
        const part = weight[w];
        both = (both + Math.imul(part, redBlue[i])) | 0;
        green = (green + Math.imul(part, greens[i])) | 0;
      }
      out[at] = Math.floor(((both & 0xffff) + half) * share);
      out[at + 1] = Math.floor((green + half) * share);
      out[at + 2] = Math.floor(((both >>> 16) + half) * share);
    }
  }
}

/**
 * (sum + whole/2) / whole, rounded down, is (sum + half) · share, rounded down. A multiplication is faster and may be off
 * by its last bits: another quarter, less than sums differ by, keeps it on the right side of whole numbers.
 */
const rounding = (whole: number) => ({ half: whole / 2 + 0.25, share: 1 / whole });

function checkLength({ width, height, data }: SizedImage): void {
  if (data.length !== width * height * 3) {
    throw new UserError(
      `an image of ${data.length} bytes came where ${width}×${height} rgb8 has ${width * height * 3}: check the camera's size and encoding`,
    );
  }
}

const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new Int32Array(buffer, byteOffset, byteLength >> 2);

/** The weighted sum of `count` rows of `stride` bytes, the first of them at `from`. */
function sumRows(
  image: Uint8Array,
  from: number,
  stride: number,
  weight: Int32Array,
  w: number,
  count: number,
  sums: Int32Array,
): void {
  for (let x = 0; x < stride; x += 3) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let k = 0, i = from + x; k < count; k++, i += stride) {
      const part = weight[w + k];
      red += part * image[i];
      green += part * image[i + 1];
      blue += part * image[i + 2];
    }
    sums[x] = red;
    sums[x + 1] = green;
    sums[x + 2] = blue;
  }
}

/** The same, eight bytes at a time in four 32-bit numbers of two sums each; offsets in words (little-endian). */
function sumRowsPacked(
  image: Int32Array,
  from: number,
  stride: number,
  weight: Int32Array,
  w: number,
  count: number,
  sums: Int32Array,
): void {
  for (let x = 0, o = 0; x < stride; x += 2, o += 8) {
    let even = 0;
    let odd = 0;
    let nextEven = 0;
    let nextOdd = 0;
    for (let k = 0, i = from + x; k < count; k++, i += stride) {
      const part = weight[w + k];
      const word = image[i];
      const next = image[i + 1];
      even = (even + Math.imul(word & 0xff00ff, part)) | 0;
      odd = (odd + Math.imul((word >>> 8) & 0xff00ff, part)) | 0;
      nextEven = (nextEven + Math.imul(next & 0xff00ff, part)) | 0;
      nextOdd = (nextOdd + Math.imul((next >>> 8) & 0xff00ff, part)) | 0;
    }
    sums[o] = even & 0xffff;
    sums[o + 1] = odd & 0xffff;
    sums[o + 2] = even >>> 16;
    sums[o + 3] = odd >>> 16;
    sums[o + 4] = nextEven & 0xffff;
    sums[o + 5] = nextOdd & 0xffff;
    sums[o + 6] = nextEven >>> 16;
    sums[o + 7] = nextOdd >>> 16;
  }
}

/**
 * The sum of `count` rows, packed: four pixels, which are three words, at a time. Offsets and stride in words (little-endian).
 * Of a word R G B R the bytes 0 and 2 are summed as one number, 1 and 3 as another.
 */
function addRowsPacked(
  image: Int32Array,
  from: number,
  stride: number,
  count: number,
  redBlue: Int32Array,
  green: Int32Array,
): void {
  for (let x = 0, p = 0; x < stride; x += 3, p += 4) {
    let r0b0 = 0;
    let g0r1 = 0;
    let g1r2 = 0;
    let b1g2 = 0;
    let b2g3 = 0;
    let r3b3 = 0;
    for (let k = 0, i = from + x; k < count; k++, i += stride) {
      const first = image[i];
      const second = image[i + 1];
      const third = image[i + 2];
      r0b0 = (r0b0 + (first & 0xff00ff)) | 0;
      g0r1 = (g0r1 + ((first >>> 8) & 0xff00ff)) | 0;
      g1r2 = (g1r2 + (second & 0xff00ff)) | 0;
      b1g2 = (b1g2 + ((second >>> 8) & 0xff00ff)) | 0;
      b2g3 = (b2g3 + (third & 0xff00ff)) | 0;
      r3b3 = (r3b3 + ((third >>> 8) & 0xff00ff)) | 0;
    }
    redBlue[p] = r0b0;
    green[p] = g0r1 & 0xffff;
    redBlue[p + 1] = (g0r1 >>> 16) | (b1g2 << 16);
    green[p + 1] = g1r2 & 0xffff;
    redBlue[p + 2] = (g1r2 >>> 16) | (b2g3 << 16);
    green[p + 2] = b1g2 >>> 16;
    redBlue[p + 3] = r3b3;
    green[p + 3] = b2g3 >>> 16;
  }
}

/** The pixels of one axis that count in an output pixel, from `first` on. */
interface Stretch {
  readonly first: number;
  readonly weights: readonly number[];
}

function taps(from: number, to: number): Taps {
  const common = gcd(from, to);
  const [f, t] = [from / common, to / common];
  const stretch = from >= to ? (o: number) => covered(o, f, t) : (o: number) => between(o, f, t, from);
  const stretches = Array.from({ length: to }, (_, o) => stretch(o));
  const count = Math.max(...stretches.map(({ weights }) => weights.length));
  const start = new Int32Array(to);
  const weight = new Int32Array(to * count);
  stretches.forEach(({ first, weights }, o) => {
    start[o] = Math.min(first, from - count);
    weight.set(weights, o * count + first - start[o]);
  });
  return { start, weight, count, total: from >= to ? f : 2 * t };
}

/** Output pixel `o` covers o·f … (o + 1)·f, source pixel i covers i·t … (i + 1)·t; weights sum to f. */
function covered(o: number, f: number, t: number): Stretch {
  const first = Math.floor((o * f) / t);
  const weights: number[] = [];
  for (let i = first; i * t < (o + 1) * f; i++)
    weights.push(Math.min((i + 1) * t, (o + 1) * f) - Math.max(i * t, o * f));
  return { first, weights };
}

/** The centre of output pixel `o` is this many 2t-ths of a pixel after that of source pixel 0; weights sum to 2t. */
function between(o: number, f: number, t: number, from: number): Stretch {
  const centre = Math.min(Math.max((2 * o + 1) * f - t, 0), (from - 1) * 2 * t);
  const first = Math.min(Math.floor(centre / (2 * t)), Math.max(from - 2, 0));
  const beyond = centre - first * 2 * t;
  return { first, weights: from === 1 ? [2 * t] : [2 * t - beyond, beyond] };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
