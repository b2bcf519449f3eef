/**
 * What one attempt came to. `EpisodeResult` is a line of `results.jsonl`: apart from `wall`, which holds
 * everything read off a wall clock, it is a function of seed, bundle, provider and strategy.
 */
import type { InterventionCounts } from '../act/interventions.js';
import type { Metrics } from '../robots/robot.js';

/**
 * Why an episode ended: the task's maximum reward was reached; the robot said that it cannot be any more;
 * the time limit; Saccade gave up (`reason` says why); somebody stopped the run.
 */
export type StopReason = 'success' | 'failure' | 'timeout' | 'aborted' | 'interrupted';

/** Percentiles of a sample, linearly interpolated between ranks (see `percentile`). */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Figures that differ from run to run and machine to machine. */
export interface EpisodeWall {
  /** As `duration_s`, from the first command to the stop: their ratio is the real-time factor. */
  readonly seconds: number;
  /** Observation handed over → chunk received, ms; null when nothing was inferred. */
  readonly latency_ms: Percentiles | null;
  /** `session.run` alone, ms. */
  readonly run_ms: Percentiles | null;
  /** A tick less `session.run` and less the robot's own time (rendering, physics, waiting), ms. */
  readonly overhead_ms: Percentiles | null;
  /**
   * From the newest image of an observation to the first command that its chunk had a say in, less `session.run`,
   * ms; null where the robot's time stands still meanwhile.
   */
  readonly reaction_ms: Percentiles | null;
  /** Control periods left out because the one before took too long, and periods of commands. */
  readonly missed_ticks: number;
  readonly missed_commands: number;
  /** Observations that a newer one replaced before the policy was free. */
  readonly dropped_observations: number;
  /** Chunks that came when all of their rows were past: the policy takes longer than it looks ahead. */
  readonly spent_chunks: number;
}

export interface EpisodeResult {
  readonly seed: number;
  readonly success: boolean;
  /** Sum of the reward over the ticks. */
  readonly return: number;
  readonly highest_reward: number;
  /** Control ticks executed. */
  readonly steps: number;
  /** On the robot's clock, s. */
  readonly duration_s: number;
  readonly stop: StopReason;
  /** A sentence, where `stop` does not say it all. */
  readonly reason?: string;
  /** What the task measures beside the reward, at the last step. */
  readonly metrics?: Metrics;
  readonly safety: InterventionCounts;
  /** Largest difference in capture time between the cameras of one observation, s. */
  readonly max_camera_skew_s: number;
  /** Its recording, relative to the folder that holds the results. */
  readonly bag?: string;
  readonly wall: EpisodeWall;
}

/** Wall-clock samples of one episode, ms; kept in memory so that a summary can pool them, never written. */
export interface EpisodeTimings {
  /** One per inference. */
  readonly latencyMs: Float32Array;
  readonly runMs: Float32Array;
  /** One per tick. */
  readonly overheadMs: Float32Array;
}

/** An episode as `runEpisode` hands it over. Plain data: survives `postMessage`. */
export interface EpisodeRecord {
  readonly result: EpisodeResult;
  readonly timings: EpisodeTimings;
}
