/** What a rollout and its worker threads tell each other. Plain data. */
import type { RolloutSpec } from './spec.js';

/** Handed over when the thread starts. */
export interface WorkerSetup {
  readonly spec: RolloutSpec;
}

/** Run one episode; with `film`, make an animation of it too. */
export interface EpisodeJob {
  readonly seed: number;
  readonly film: boolean;
}

/** What a worker says of itself when it is ready. */
export interface WorkerFacts {
  /** The provider that really runs the policy (`auto` decided). */
  readonly provider: string;
  readonly maxReward: number;
}
