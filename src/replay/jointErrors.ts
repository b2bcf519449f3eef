/** Absolute errors of each joint, summed up as they come: their number, mean, 95th percentile and largest. */
import { addTo, type Bins, emptyBins, mergeInto, quantile } from './sketch.js';

/** Of one joint, rad (m); null when nothing was compared, or something was not a number. */
export interface ErrorFigures {
  readonly mean: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

/** Plain data: survives `postMessage`. Vectors have one element a joint. */
export interface JointErrors {
  /** Vectors compared. */
  count: number;
  readonly sum: Float64Array;
  readonly max: Float64Array;
  readonly bins: readonly Bins[];
}

export function noErrors(joints: number): JointErrors {
  return {
    count: 0,
    sum: new Float64Array(joints),
    max: new Float64Array(joints),
    bins: Array.from({ length: joints }, emptyBins),
  };
}

/** Takes in |wanted − given| of each joint. */
export function addErrors(errors: JointErrors, wanted: ArrayLike<number>, given: ArrayLike<number>): void {
  errors.count++;
  for (let j = 0; j < errors.sum.length; j++) {
    const error = Math.abs((wanted[j] as number) - (given[j] as number));
    errors.sum[j] += error;
    errors.max[j] = Math.max(errors.max[j] as number, error);
    addTo(errors.bins[j] as Bins, error);
  }
}

/**
 * Adds `other` to `errors`. Sums of floating-point numbers depend on their order: merge in one that is
 * always the same where the last bit matters.
 */
export function mergeErrors(errors: JointErrors, other: JointErrors): void {
  errors.count += other.count;
  for (let j = 0; j < errors.sum.length; j++) {
    errors.sum[j] += other.sum[j] as number;
    errors.max[j] = Math.max(errors.max[j] as number, other.max[j] as number);
    mergeInto(errors.bins[j] as Bins, other.bins[j] as Bins);
  }
}

export function errorFigures({ count, sum, max, bins }: JointErrors, joint: number): ErrorFigures {
  if (count === 0) return { mean: null, p95: null, max: null };
  const finite = (value: number | null) => (value !== null && Number.isFinite(value) ? value : null);
  const largest = finite(max[joint] as number);
  const p95 = finite(quantile(bins[joint] as Bins, 0.95));
  return {
    mean: finite((sum[joint] as number) / count),
    // The sketch rounds; no percentile is above the largest value.
    p95: p95 === null || largest === null ? p95 : Math.min(p95, largest),
    max: largest,
  };
}
