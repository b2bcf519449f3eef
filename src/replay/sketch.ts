/**
 * Quantiles of any number of non-negative values in a fixed amount of memory, within half a per cent, and
 * the same whatever the order in which values come and sketches are merged.
 *
 * C. Masson, J. E. Rim, H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
 * guarantees", PVLDB 12 (2019): bin i counts the values in (γ^(i−1), γ^i], γ = (1 + α)/(1 − α), and answers
 * 2γ^i/(γ + 1), which is within α of each of them.
 */

/** Largest relative error of a quantile. */
export const ALPHA = 0.005;
const GAMMA = (1 + ALPHA) / (1 - ALPHA);
const LOG_GAMMA = Math.log(GAMMA);

/** Smaller values count as 0 … larger ones, and what is not a number, as infinite. */
const [SMALLEST, LARGEST] = [1e-9, 1e4];
/** Bin 0 is 0; bin b > 0 is the paper's i = b + OFFSET; the last is infinity. */
const OFFSET = Math.ceil(Math.log(SMALLEST) / LOG_GAMMA) - 1;
const INFINITE = Math.ceil(Math.log(LARGEST) / LOG_GAMMA) - OFFSET + 1;

/** A sketch: how many values fell into each bin. Plain data, so that it can leave its thread. */
export type Bins = Uint32Array;

export function emptyBins(): Bins {
  return new Uint32Array(INFINITE + 1);
}

export function addTo(bins: Bins, value: number): void {
  bins[binOf(value)]++;
}

export function mergeInto(bins: Bins, other: Bins): void {
  for (let b = 0; b < bins.length; b++) bins[b] += other[b] as number;
}

/** The q-quantile (q in 0 … 1), the value of rank ⌊q·(n − 1)⌋ to within ALPHA of itself; null of nothing. */
export function quantile(bins: Bins, q: number): number | null {
  let total = 0;
  for (const count of bins) total += count;
  if (total === 0) return null;
  const rank = Math.floor(q * (total - 1));
  let b = 0;
  for (let seen = bins[0] as number; seen <= rank; seen += bins[b] as number) b++;
  if (b === 0) return 0;
  return b === INFINITE ? Number.POSITIVE_INFINITY : (2 * GAMMA ** (b + OFFSET)) / (GAMMA + 1);
}

function binOf(value: number): number {
  if (value < SMALLEST) return 0;
  if (!(value <= LARGEST)) return INFINITE;
  return Math.max(1, Math.ceil(Math.log(value) / LOG_GAMMA) - OFFSET);
}
