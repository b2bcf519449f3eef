/** The numbers a run is summed up in. Pure functions. */
import { INTERVENTIONS, type InterventionCounts, noInterventions } from '../act/interventions.js';
import type { EpisodeRecord, EpisodeResult, Percentiles } from './episode.js';

/** The 0.975 quantile of the standard normal distribution: two-sided 95 %. */
const Z95 = 1.959963984540054;

/**
 * Wilson score interval, 95 %, for `successes` of `n` independent trials: `[low, high]` in 0 … 1.
 * Without a trial nothing is known: [0, 1].
 *
 * E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927),
 * 209–212; without continuity correction.
 */
export function wilson95(successes: number, n: number): [number, number] {
  if (n === 0) return [0, 1];
  const p = successes / n;
  const z2 = Z95 * Z95;
  const scale = 1 / (1 + z2 / n);
  const centre = (p + z2 / (2 * n)) * scale;
  const half = Z95 * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n)) * scale;
  // At 0 and n of n the bound is exactly 0 or 1; rounding must not leave 1e-17 in its place.
  return [successes === 0 ? 0 : centre - half, successes === n ? 1 : centre + half];
}

/** Arithmetic mean; null of nothing. */
export function mean(values: ArrayLike<number>): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Sample standard deviation (ddof = 1, divisor n − 1), two passes; null of fewer than two values. */
export function sampleStd(values: ArrayLike<number>): number | null {
  const centre = mean(values);
  if (centre === null || values.length < 2) return null;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] - centre) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * The q-quantile (q in 0 … 1) of ascending `sorted` by linear interpolation between the two closest ranks:
 * definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages" (1996), NumPy's default.
 */
export function percentile(sorted: ArrayLike<number>, q: number): number {
  const rank = q * (sorted.length - 1);
  const below = Math.floor(rank);
  const low = sorted[below];
  const high = sorted[Math.min(below + 1, sorted.length - 1)];
  return low + (rank - below) * (high - low);
}

/** p50, p95 and p99 of all samples taken together; null of no sample. */
export function percentiles(...samples: readonly Float32Array[]): Percentiles | null {
  const pooled = new Float32Array(samples.reduce((n, part) => n + part.length, 0));
  let offset = 0;
  for (const part of samples) {
    pooled.set(part, offset);
    offset += part.length;
  }
  if (pooled.length === 0) return null;
  pooled.sort();
  const at = (q: number) => Math.round(percentile(pooled, q) * 1000) / 1000;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/**
 * Share of episodes whose highest reward was at least r, for r = 0 … maxReward, keyed by r. (The
 * `reward >= r` table of ACT's evaluation.)
 */
export function rewardAtLeast(results: readonly EpisodeResult[], maxReward: number): Record<string, number> {
  const table: Record<string, number> = {};
  for (let r = 0; r <= maxReward; r++) {
    table[r] = results.filter((result) => result.highest_reward >= r).length / results.length;
  }
  return table;
}

/** A metric of the task, in the unit that its name ends in. */
export interface MetricSummary {
  readonly mean: number;
  /** Sample standard deviation (n − 1); null of one episode. */
  readonly std: number | null;
  readonly episodes: number;
}

/** `summary.json`, and what `rollout --json` prints. Rates are shares in 0 … 1, `null` is "no data". */
export interface Summary {
  /** Episodes that ran to an end; the rates below are of these. */
  readonly episodes: number;
  /** Episodes that were stopped from outside: no verdict, so not counted above. */
  readonly interrupted: number;
  readonly success_rate: number | null;
  /** Wilson 95 %. */
  readonly success_ci95: readonly [number, number];
  readonly average_return: number | null;
  /** Sample standard deviation (n − 1). */
  readonly return_std: number | null;
  readonly reward_at_least: Readonly<Record<string, number>>;
  /** By the task's name for it: of all episodes above that were measured, successes and failures. */
  readonly metrics: Readonly<Record<string, MetricSummary>>;
  /** Observation → chunk, over all inferences of all episodes, ms of wall time. */
  readonly latency_ms: Percentiles | null;
  /** `session.run` alone, ms. */
  readonly run_ms: Percentiles | null;
  /** A tick less inference and the robot's own time, over all ticks, ms. */
  readonly overhead_ms: Percentiles | null;
  /** Ticks on which the safety stage intervened, by kind, summed over all episodes. */
  readonly safety: InterventionCounts;
  /** By ascending seed. */
  readonly results: readonly EpisodeResult[];
}

/** Sums up a run; the order of `records` does not matter. */
export function summarise(records: readonly EpisodeRecord[], { maxReward }: { maxReward: number }): Summary {
  const results = records.map((record) => record.result).sort((a, b) => a.seed - b.seed);
  const finished = results.filter((result) => result.stop !== 'interrupted');
  const successes = finished.filter((result) => result.success).length;
  const returns = finished.map((result) => result.return);
  const safety = noInterventions();
  for (const result of results) for (const kind of INTERVENTIONS) safety[kind] += result.safety[kind];
  return {
    episodes: finished.length,
    interrupted: results.length - finished.length,
    success_rate: finished.length === 0 ? null : successes / finished.length,
    success_ci95: wilson95(successes, finished.length),
    average_return: mean(returns),
    return_std: sampleStd(returns),
    reward_at_least: finished.length === 0 ? {} : rewardAtLeast(finished, maxReward),
    metrics: metricsOf(finished),
    latency_ms: percentiles(...records.map((record) => record.timings.latencyMs)),
    run_ms: percentiles(...records.map((record) => record.timings.runMs)),
    overhead_ms: percentiles(...records.map((record) => record.timings.overheadMs)),
    safety,
    results,
  };
}

function metricsOf(results: readonly EpisodeResult[]): Record<string, MetricSummary> {
  const names = new Set(results.flatMap(({ metrics }) => Object.keys(metrics ?? {})));
  const summaries = [...names].map((name) => {
    const values = results.flatMap(({ metrics }) => metrics?.[name] ?? []);
    return [name, { mean: mean(values) as number, std: sampleStd(values), episodes: values.length }] as const;
  });
  return Object.fromEntries(summaries);
}
