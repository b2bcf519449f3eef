/** What an episode comes to, counted as it goes. */
import type { InterventionCounts } from '../act/interventions.js';
import type { EpisodeRecord, StopReason } from '../episode/episode.js';
import { percentiles } from '../episode/statistics.js';
import type { LatestInference } from '../latestInference.js';
import type { Metrics } from '../robots/robot.js';
import type { Tick } from '../tap.js';

/** How it ended, and what others have counted. */
export interface Ending {
  readonly seed: number;
  readonly stop: StopReason;
  readonly reason?: string | undefined;
  /** The task's, at the last step. */
  readonly metrics?: Metrics | undefined;
  readonly durationS: number;
  readonly wallS: number;
  readonly safety: InterventionCounts;
  readonly maxSkewS: number;
  readonly inferences: Pick<LatestInference, 'latencyMs' | 'runMs' | 'dropped'>;
}

export class Tally {
  steps = 0;
  return = 0;
  highest = 0;
  missedTicks = 0;
  missedCommands = 0;
  spentChunks = 0;
  /** One a tick, ms. */
  readonly overheadMs: number[] = [];
  /** One a chunk that was used, ms. */
  readonly reactionMs: number[] = [];

  /** What was told last. */
  #told = { missedCommands: 0, spentChunks: 0 };

  /** Commands that were left out, and chunks that came too late, since the last call. */
  takeNews(): Pick<Tick, 'missedCommands' | 'spentChunks'> {
    const { missedCommands, spentChunks } = this;
    const told = this.#told;
    this.#told = { missedCommands, spentChunks };
    return {
      missedCommands: missedCommands - told.missedCommands,
      spentChunks: spentChunks - told.spentChunks,
    };
  }

  /** A tick has been executed. */
  step(reward: number): void {
    this.steps++;
    this.return += reward;
    this.highest = Math.max(this.highest, reward);
  }

  record({
    seed,
    stop,
    reason,
    metrics,
    durationS,
    wallS,
    safety,
    maxSkewS,
    inferences,
  }: Ending): EpisodeRecord {
    const timings = {
      latencyMs: Float32Array.from(inferences.latencyMs),
      runMs: Float32Array.from(inferences.runMs),
      overheadMs: Float32Array.from(this.overheadMs),
    };
    return {
      result: {
        seed,
        success: stop === 'success',
        return: this.return,
        highest_reward: this.highest,
        steps: this.steps,
        duration_s: round(durationS, 1e6),
        stop,
        ...(reason !== undefined && { reason }),
        ...(metrics && { metrics }),
        safety,
        max_camera_skew_s: round(maxSkewS, 1e6),
        wall: {
          seconds: round(wallS, 1e3),
          latency_ms: percentiles(timings.latencyMs),
          run_ms: percentiles(timings.runMs),
          overhead_ms: percentiles(timings.overheadMs),
          reaction_ms: percentiles(Float32Array.from(this.reactionMs)),
          missed_ticks: this.missedTicks,
          missed_commands: this.missedCommands,
          dropped_observations: inferences.dropped,
          spent_chunks: this.spentChunks,
        },
      },
      timings,
    };
  }
}

function round(value: number, scale: number): number {
  return Math.round(value * scale) / scale;
}
