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
  /** What really runs the policy, and why not what was named before it (clauses). */
  readonly provider: string;
  readonly providerNotes: readonly string[];
  readonly maxReward: number;
}
