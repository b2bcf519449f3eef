/** What a report is made of, whatever it is then written as. */
import type { Comparison } from '../episode/comparison.js';
import type { EpisodeResult, Percentiles } from '../episode/episode.js';
import type { EpisodeView } from './condense.js';
import type { Run } from './runs.js';

/** A run with what its recordings show. */
export interface ReportRun {
  readonly run: Run;
  /** By seed; episodes without a readable recording are missing. */
  readonly views: ReadonlyMap<number, EpisodeView>;
  /** Recordings that could not be read, one sentence each. */
  readonly problems: readonly string[];
  /**
   * Observation → chunk: as the run wrote it, or, for merged shards, pooled again from the recordings when each
   * episode has one; else null.
   */
  readonly latency: Percentiles | null;
}

/** A run against the first. */
export interface RunComparison {
  readonly first: string;
  readonly second: string;
  readonly comparison: Comparison;
  /** The p-value, adjusted for the number of comparisons (Holm); null where there is none. */
  readonly adjustedP: number | null;
}

export interface Report {
  readonly runs: readonly ReportRun[];
  readonly comparisons: readonly RunComparison[];
}

/** Failures, then interrupted episodes, then successes; each by ascending seed. */
export function failuresFirst(results: readonly EpisodeResult[]): EpisodeResult[] {
  const rank = ({ success, stop }: EpisodeResult) => (success ? 2 : stop === 'interrupted' ? 1 : 0);
  return [...results].sort((a, b) => rank(a) - rank(b) || a.seed - b.seed);
}
