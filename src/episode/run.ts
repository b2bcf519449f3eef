/** `summary.json`: a run's statistics, and what it is a run of. */
import type { StrategySpec } from '../contract/strategy.js';
import type { Shard } from './shard.js';
import type { Summary } from './statistics.js';

/** Enough to make the run again, and to tell whether two are runs of the same thing. */
export interface RunInfo {
  readonly saccade: string;
  readonly robot: string;
  /** Of the contract file's text. */
  readonly contract_sha256: string;
  readonly policy: string;
  readonly graph_sha256: string;
  readonly task: string;
  readonly strategy: StrategySpec;
  /** Null when the run was interrupted before a policy was loaded. */
  readonly provider: string | null;
  readonly control: string | null;
  /** How fast chunks were played, times the rate they were trained at. */
  readonly speed: number;
  /** Added on the simulator: to the policy's latency (uniform, plus or minus the jitter), and to the sensors'. */
  readonly added_latency_ms: number;
  readonly added_latency_jitter_ms: number;
  readonly observation_delay_ms: number;
  /** First seed and number of episodes of the whole run, of which a shard runs its share. */
  readonly seed: number;
  readonly episodes: number;
  readonly shard: Shard | null;
  readonly time_limit_s: number;
  readonly max_reward: number;
}

export interface RunSummary extends Summary {
  readonly run: RunInfo;
}
