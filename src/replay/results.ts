/** What a replay comes to, as `results.jsonl` and `summary.json` hold it: snake_case, joints by name. */
import type { InterventionCounts } from '../act/interventions.js';
import type { StrategySpec } from '../contract/strategy.js';
import type { EpisodeResult, EpisodeTimings, Percentiles, StopReason } from '../episode/episode.js';
import type { Shard } from '../episode/shard.js';
import type { Compared } from './comparison.js';
import type { ErrorFigures } from './jointErrors.js';

/** By joint name. */
export type JointFigures = Readonly<Record<string, ErrorFigures>>;

/** The error of one row of the chunks. */
export interface HorizonRow {
  /** Row k, meant for `k / rate` s after the observation. */
  readonly step: number;
  readonly time_s: number;
  /** Chunks whose row fell on recorded actions. */
  readonly compared: number;
  /** By joint name; null when nothing was compared. */
  readonly mean: Readonly<Record<string, number | null>>;
}

export interface CommandComparison {
  /** Ticks that have a recorded command. */
  readonly compared: number;
  /** Over all joints and ticks, rad (m). */
  readonly max_difference: number | null;
  /** Every recorded command was given again, bit for bit. */
  readonly identical: boolean;
}

/** The figures of one bag, or of all: apart from `wall` the same on every machine with the same provider. */
export interface ReplayFigures {
  /** Recorded ticks that were replayed. */
  readonly ticks: number;
  readonly inferences: number;
  /** Rows of chunks that were compared with a recorded action. */
  readonly chunk_rows: number;
  readonly chunk_error: JointFigures;
  /** At 0, ¼, ½, ¾ and the end of the chunk. */
  readonly horizon: readonly HorizonRow[];
  /** Ticks on which both the policy and the recorded actor wanted something. */
  readonly actions: number;
  readonly action_error: JointFigures;
  readonly command: CommandComparison;
  /** Ticks on which the safety stage would have intervened, by kind. */
  readonly safety: InterventionCounts;
}

export interface ReplayResult extends ReplayFigures {
  readonly bag: string;
  readonly seed: number | null;
  /** `timeout`: the recording was replayed to its end. */
  readonly stop: StopReason;
  readonly reason?: string;
  /** Why the bag is not whole, if it is not. */
  readonly damage?: string;
  /** What the recorded episode came to; null where the bag does not say. */
  readonly recorded: Pick<EpisodeResult, 'success' | 'return' | 'steps' | 'stop' | 'safety'> | null;
  readonly wall: ReplayWall;
}

export interface ReplayWall {
  readonly seconds: number;
  /** Recorded seconds replayed in a second of wall time. */
  readonly speed: number;
  readonly latency_ms: Percentiles | null;
  readonly run_ms: Percentiles | null;
}

/** Enough to do it again, and to tell whether two are replays of the same thing. */
export interface ReplayInfo {
  readonly saccade: string;
  readonly robot: string;
  readonly contract_sha256: string;
  readonly policy: string;
  readonly graph_sha256: string;
  readonly rate_hz: number;
  /** Rows of a chunk. */
  readonly chunk: number;
  readonly strategy: StrategySpec;
  /** Null when interrupted before a policy was loaded. */
  readonly provider: string | null;
  readonly shard: Shard | null;
}

export interface ReplaySummary extends ReplayFigures {
  readonly replay: ReplayInfo;
  readonly bags: number;
  /** Of the recorded episodes: how many say what they came to, and how many succeeded. */
  readonly recorded: { readonly episodes: number; readonly successes: number };
  readonly wall: ReplayWall;
  /** By name. */
  readonly results: readonly ReplayResult[];
}

/** One bag, replayed, as its thread hands it over. Plain data. */
export interface ReplayRecord {
  readonly result: ReplayResult;
  readonly compared: Compared;
  readonly timings: Pick<EpisodeTimings, 'latencyMs' | 'runMs'>;
}
