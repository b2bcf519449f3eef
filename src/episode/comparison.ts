/**
 * Whether one run did better than another. Pure functions; every difference is "second less first", and every
 * interval is 95 %.
 */
import { Random } from '../random.js';
import type { EpisodeResult } from './episode.js';
import { mean, percentile, wilson95 } from './statistics.js';

export type Interval = readonly [low: number, high: number];

/** How often of how many. */
export interface Share {
  readonly successes: number;
  readonly n: number;
}

/** What became of the seeds that two runs have in common. */
export interface PairedOutcomes {
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
}

/** Two-sided 5 %: what an interval of 95 % that leaves out 0 stands for. */
const LEVEL = 0.05;
const Z95 = 1.959963984540054;
/** The 0.8 quantile of the standard normal distribution. */
const Z80 = 0.8416212335729143;
const RESAMPLES = 10_000;
/** Any fixed number: the same runs give the same interval, everywhere. */
const RESAMPLING_SEED = 1;

/** Tables that are equally probable differ by rounding: what counts as "no more probable". */
const TIE = 1 + 1e-7;

/**
 * Interval of the difference of two shares from separate trials: the hybrid of two Wilson intervals.
 *
 * R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
 * eleven methods", Statistics in Medicine 17 (1998), 873–890, method 10. Without a trial on either side
 * nothing is known: [−1, 1].
 */
export function newcombe95(first: Share, second: Share): Interval {
  if (first.n === 0 || second.n === 0) return [-1, 1];
  return hybrid(first, second, 0);
}

/**
 * Interval of the difference of two shares of the same trials (the same seeds): as `newcombe95`, with the
 * correlation of the pairs.
 *
 * R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
 * paired data", Statistics in Medicine 17 (1998), 2635–2650, method 10.
 */
export function newcombePaired95(pairs: PairedOutcomes): Interval {
  const { both, onlyFirst, onlySecond, neither } = pairs;
  const n = both + onlyFirst + onlySecond + neither;
  if (n === 0) return [-1, 1];
  const margins = (both + onlyFirst) * (onlySecond + neither) * (both + onlySecond) * (onlyFirst + neither);
  const association = both * neither - onlyFirst * onlySecond;
  // The continuity correction works against the pairing, never past independence.
  const corrected = association > 0 ? Math.max(0, association - n / 2) : association;
  const phi = margins === 0 ? 0 : corrected / Math.sqrt(margins);
  return hybrid({ successes: both + onlyFirst, n }, { successes: both + onlySecond, n }, phi);
}

function hybrid(first: Share, second: Share, phi: number): Interval {
  const p1 = first.successes / first.n;
  const p2 = second.successes / second.n;
  const [low1, high1] = wilson95(first.successes, first.n);
  const [low2, high2] = wilson95(second.successes, second.n);
  const side = (a: number, b: number) => Math.sqrt(Math.max(0, a * a - 2 * phi * a * b + b * b));
  const difference = p2 - p1;
  return [
    Math.max(-1, difference - side(p2 - low2, high1 - p1)),
    Math.min(1, difference + side(high2 - p2, p1 - low1)),
  ];
}

/**
 * Fisher's exact test, two-sided: the probability, given all margins, of a table no more probable than the
 * one seen. (R. A. Fisher, "The Design of Experiments", 1935; the definition of R's `fisher.test`.)
 */
export function fisherExact(first: Share, second: Share): number {
  const successes = first.successes + second.successes;
  const total = first.n + second.n;
  const low = Math.max(0, successes - second.n);
  const high = Math.min(first.n, successes);
  const logs = logFactorials(total);
  const choose = (n: number, k: number) => at(logs, n) - at(logs, k) - at(logs, n - k);
  const probability = (k: number) =>
    Math.exp(choose(first.n, k) + choose(second.n, successes - k) - choose(total, successes));
  const seen = probability(first.successes) * TIE;
  let p = 0;
  for (let k = low; k <= high; k++) {
    const here = probability(k);
    if (here <= seen) p += here;
  }
  return Math.min(1, p);
}

/**
 * McNemar's test in its exact form, two-sided: of the seeds that came out differently, is it a fair coin which
 * run succeeded? 1 when none did. (A. Agresti, "Categorical Data Analysis", 3rd ed. 2013, §11.1.)
 */
export function mcnemarExact({ onlyFirst, onlySecond }: PairedOutcomes): number {
  const n = onlyFirst + onlySecond;
  const logs = logFactorials(n);
  let tail = 0;
  for (let k = 0; k <= Math.min(onlyFirst, onlySecond); k++)
    tail += Math.exp(at(logs, n) - at(logs, k) - at(logs, n - k) - n * Math.LN2);
  return Math.min(1, 2 * tail);
}

/** ln k! for k = 0 … n. */
function logFactorials(n: number): Float64Array {
  const logs = new Float64Array(n + 1);
  for (let k = 1; k <= n; k++) logs[k] = at(logs, k - 1) + Math.log(k);
  return logs;
}

const at = (values: ArrayLike<number>, i: number) => values[i] as number;

/**
 * Interval of the difference of two means, by resampling each sample: the percentile bootstrap.
 *
 * B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 13; 10,000 resamples from a
 * fixed seed. Undefined where a sample has fewer than two values.
 */
export function bootstrapMeans95(first: readonly number[], second: readonly number[]): Interval | undefined {
  if (first.length < 2 || second.length < 2) return undefined;
  const random = new Random(RESAMPLING_SEED, 'bootstrap');
  return resampled(() => resampledMean(second, random) - resampledMean(first, random));
}

/** The same for the mean of differences of pairs. */
export function bootstrapMean95(differences: readonly number[]): Interval | undefined {
  if (differences.length < 2) return undefined;
  const random = new Random(RESAMPLING_SEED, 'bootstrap');
  return resampled(() => resampledMean(differences, random));
}

function resampledMean(values: readonly number[], random: Random): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += at(values, Math.floor(random.next() * values.length));
  return sum / values.length;
}

function resampled(draw: () => number): Interval {
  const draws = Float64Array.from({ length: RESAMPLES }, draw).sort();
  return [percentile(draws, LEVEL / 2), percentile(draws, 1 - LEVEL / 2)];
}

/**
 * Episodes that each run would need to find, four times out of five, a difference as large as the one seen:
 * J. L. Fleiss, B. Levin and M. C. Paik, "Statistical Methods for Rates and Proportions", 3rd ed. 2003, §4.2,
 * two-sided 5 %, power 80 %, no continuity correction. Undefined where no difference was seen.
 */
export function episodesNeeded(p1: number, p2: number): number | undefined {
  if (p1 === p2) return undefined;
  const pooled = (p1 + p2) / 2;
  const spread = Z95 * Math.sqrt(2 * pooled * (1 - pooled)) + Z80 * Math.sqrt(p1 * (1 - p1) + p2 * (1 - p2));
  return Math.ceil((spread / (p2 - p1)) ** 2);
}

/**
 * Holm's adjustment: p-values, in their order, as large as they must be so that looking at all of them at once
 * keeps the level. (S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
 * of Statistics 6 (1979), 65–70.)
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => at(pValues, a) - at(pValues, b));
  const adjusted = new Array<number>(pValues.length).fill(1);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * at(pValues, index)));
    adjusted[index] = largest;
  });
  return adjusted;
}

/** A seed that succeeded in one run only. */
export interface DifferingSeed {
  readonly seed: number;
  readonly first: EpisodeResult;
  readonly second: EpisodeResult;
}

/** What the data say of the second run's success rate. */
export type Verdict = 'higher' | 'lower' | 'undecided';

/** The second run against the first. */
export interface Comparison {
  readonly first: Share;
  readonly second: Share;
  /**
   * Every seed of either run is in both: the runs met the same scenes, and each seed is compared with itself.
   * Otherwise the episodes count as separate trials.
   */
  readonly paired: boolean;
  /** Difference of the success rates, its interval, and the two-sided p-value. */
  readonly rate: {
    readonly difference: number;
    readonly ci95: Interval;
    readonly method: 'Newcombe, paired' | 'Newcombe';
    readonly p: number;
    readonly test: "McNemar's exact test" | "Fisher's exact test";
  } | null;
  readonly verdict: Verdict;
  /** Episodes a run that would settle a difference of this size, where the data do not. */
  readonly episodesNeeded: number | null;
  /** Difference of the average returns. */
  readonly return: { readonly difference: number; readonly ci95: Interval | null } | null;
  /** The seeds that both runs have, however many. */
  readonly pairs: PairedOutcomes;
  readonly differing: readonly DifferingSeed[];
}

/** Compares two runs. Interrupted episodes have no verdict and are left out. */
export function compareRuns(
  firstResults: readonly EpisodeResult[],
  secondResults: readonly EpisodeResult[],
): Comparison {
  const first = firstResults.filter(finished);
  const second = secondResults.filter(finished);
  const bySeed = new Map(second.map((result) => [result.seed, result]));
  const common = first
    .flatMap((result) => {
      const other = bySeed.get(result.seed);
      return other ? [{ seed: result.seed, first: result, second: other }] : [];
    })
    .sort((a, b) => a.seed - b.seed);
  const pairs = outcomes(common);
  const paired = common.length > 0 && common.length === first.length && common.length === second.length;
  const [a, b] = [share(first), share(second)];
  const known = first.length > 0 && second.length > 0;

  const rate = known
    ? {
        difference: b.successes / b.n - a.successes / a.n,
        ...(paired
          ? ({
              ci95: newcombePaired95(pairs),
              method: 'Newcombe, paired',
              p: mcnemarExact(pairs),
              test: "McNemar's exact test",
            } as const)
          : ({
              ci95: newcombe95(a, b),
              method: 'Newcombe',
              p: fisherExact(a, b),
              test: "Fisher's exact test",
            } as const)),
      }
    : null;
  const verdict = rate === null ? 'undecided' : judge(rate.ci95, rate.p);
  const needed =
    rate === null || verdict !== 'undecided' || a.n === 0
      ? undefined
      : episodesNeeded(a.successes / a.n, b.successes / b.n);
  return {
    first: a,
    second: b,
    paired,
    rate,
    verdict,
    episodesNeeded: needed ?? null,
    return: known ? returns(first, second, paired ? common : undefined) : null,
    pairs,
    differing: common.filter((pair) => pair.first.success !== pair.second.success),
  };
}

/** Only where the interval leaves out 0 and the test agrees. */
export function judge([low, high]: Interval, p: number): Verdict {
  if (p >= LEVEL || (low <= 0 && high >= 0)) return 'undecided';
  return low > 0 ? 'higher' : 'lower';
}

const finished = ({ stop }: EpisodeResult) => stop !== 'interrupted';

const share = (results: readonly EpisodeResult[]): Share => ({
  successes: results.filter(({ success }) => success).length,
  n: results.length,
});

function outcomes(common: readonly DifferingSeed[]): PairedOutcomes {
  const count = (one: boolean, two: boolean) =>
    common.filter(({ first, second }) => first.success === one && second.success === two).length;
  return {
    both: count(true, true),
    onlyFirst: count(true, false),
    onlySecond: count(false, true),
    neither: count(false, false),
  };
}

function returns(
  first: readonly EpisodeResult[],
  second: readonly EpisodeResult[],
  common: readonly DifferingSeed[] | undefined,
): { difference: number; ci95: Interval | null } {
  const of = (results: readonly EpisodeResult[]) => results.map((result) => result.return);
  const difference = (mean(of(second)) as number) - (mean(of(first)) as number);
  const ci95 = common
    ? bootstrapMean95(common.map((pair) => pair.second.return - pair.first.return))
    : bootstrapMeans95(of(first), of(second));
  return { difference, ci95: ci95 ?? null };
}
