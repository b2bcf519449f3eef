/**
 * Statistics of features, as LeRobot computes them (`datasets/compute_stats.py`, 0.6): minimum, maximum, mean,
 * population standard deviation, and quantiles read off a histogram. Its floats are float32 in places, ours
 * are float64 throughout; a quantile is good to a bin, 1/5000 of the range, in either.
 */

export const QUANTILES = { q01: 0.01, q10: 0.1, q50: 0.5, q90: 0.9, q99: 0.99 } as const;
export type Quantile = keyof typeof QUANTILES;
const QUANTILE_KEYS = Object.keys(QUANTILES) as Quantile[];

/** The statistics of one number. */
export type Summary = Readonly<Record<'min' | 'max' | 'mean' | 'std' | Quantile, number>>;
export const SUMMARY_KEYS = ['min', 'max', 'mean', 'std', ...QUANTILE_KEYS] as const;

/** Of a feature: a summary for each of its dimensions (joint, colour channel). */
export interface FeatureStats {
  readonly summaries: readonly Summary[];
  /** Frames that were looked at. */
  readonly count: number;
}

const BINS = 5000;
/** LeRobot's histogram reaches this far beyond the smallest and the largest value. */
const MARGIN = 1e-10;

/**
 * Sums up a sample; `weights[i]` says how often `values[i]` occurred, once when absent.
 * The sample must not be empty.
 */
export function summarise(values: ArrayLike<number>, weights?: ArrayLike<number>): Summary {
  const weight = (i: number) => (weights ? (weights[i] as number) : 1);
  let [count, sum, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    if (weight(i) === 0) continue;
    const value = values[i] as number;
    count += weight(i);
    sum += weight(i) * value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += weight(i) * ((values[i] as number) - mean) ** 2;
  const std = Math.sqrt(squares / count);
  // LeRobot makes no histogram of a single value, and one of equal values has no width.
  const quantile =
    count < 2 || min === max ? () => mean : histogram(values, weight, count, min - MARGIN, max + MARGIN);
  const quantiles = QUANTILE_KEYS.map((key) => [key, quantile(QUANTILES[key])]);
  return { min, max, mean, std, ...(Object.fromEntries(quantiles) as Record<Quantile, number>) };
}

/** The function that reads the q-quantile off a histogram of `BINS` bins from `low` to `high`. */
function histogram(
  values: ArrayLike<number>,
  weight: (i: number) => number,
  count: number,
  low: number,
  high: number,
): (q: number) => number {
  const step = (high - low) / BINS;
  const edge = (i: number) => (i === BINS ? high : low + i * step);
  const bins = new Float64Array(BINS);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    let bin = Math.min(BINS - 1, Math.max(0, Math.floor((value - low) / step)));
    // Division rounds: the edges decide, the lower one belongs to its bin.
    if (value < edge(bin)) bin--;
    else if (bin < BINS - 1 && value >= edge(bin + 1)) bin++;
    bins[bin] = (bins[bin] as number) + weight(i);
  }
  return (q) => {
    const target = q * count;
    let below = 0;
    let bin = 0;
    while (bin < BINS && below + (bins[bin] as number) < target) below += bins[bin++] as number;
    if (bin === 0) return low;
    if (bin === BINS) return high;
    return edge(bin) + ((target - below) / (bins[bin] as number)) * step;
  };
}

/** Statistics of a feature from one sample a dimension, all of one length. */
export function featureStats(dimensions: readonly ArrayLike<number>[]): FeatureStats {
  return { summaries: dimensions.map((values) => summarise(values)), count: dimensions[0]?.length ?? 0 };
}

/**
 * The statistics of two samples together. Quantiles cannot be had from quantiles: LeRobot keeps the outermost,
 * the lower of the lower ones (and of the medians) and the higher of the higher ones.
 */
export function combine(a: FeatureStats, b: FeatureStats): FeatureStats {
  const count = a.count + b.count;
  const [shareA, shareB] = [a.count / count, b.count / count];
  const summaries = a.summaries.map((one, i): Summary => {
    const other = b.summaries[i] as Summary;
    const mean = one.mean * shareA + other.mean * shareB;
    const variance =
      (one.std ** 2 + (one.mean - mean) ** 2) * shareA + (other.std ** 2 + (other.mean - mean) ** 2) * shareB;
    const quantiles = QUANTILE_KEYS.map((key) => [
      key,
      (QUANTILES[key] <= 0.5 ? Math.min : Math.max)(one[key], other[key]),
    ]);
    return {
      min: Math.min(one.min, other.min),
      max: Math.max(one.max, other.max),
      mean,
      std: Math.sqrt(variance),
      ...(Object.fromEntries(quantiles) as Record<Quantile, number>),
    };
  });
  return { summaries, count };
}

/** Values of one statistic as LeRobot nests them: [D], of images [3, 1, 1]. */
export function nested(stats: FeatureStats, key: keyof Summary, image: boolean): unknown[] {
  return stats.summaries.map((summary) => (image ? [[summary[key]]] : summary[key]));
}
