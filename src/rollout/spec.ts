/** What a rollout is, as plain data: it crosses to the worker threads, and is kept with the results. */
import type { StrategySpec } from '../contract/strategy.js';
import type { ProviderOptions } from '../infer/providers.js';
import type { LatencySpec } from '../latency.js';
import type { ImageFormat } from '../record/episode.js';

/**
 * Runs that must fail, so that a success means something: `blank-cameras` shows the policy black images;
 * `replay-other-seed` drives the robot with the commands of an episode of another seed.
 */
export const CONTROLS = ['blank-cameras', 'replay-other-seed'] as const;
export type Control = (typeof CONTROLS)[number];

export interface RolloutSpec extends ProviderOptions {
  /** Robot contract file; the task's own when absent. */
  readonly robot?: string;
  /** Policy bundle folder. */
  readonly policy: string;
  /** Task name or file, and the folder where names are looked up. */
  readonly task: string;
  readonly tasksDir: string;
  /** The bundle's own when absent. */
  readonly strategy?: StrategySpec;
  /** The task's own when absent, s on the robot's clock. */
  readonly timeLimitS?: number;
  readonly control?: Control;
  /** How fast chunks are played, times the rate they were trained at; 1 when absent. */
  readonly speed?: number;
  /** Added to the policy's own latency, which is nothing where time stands still; and to the sensors', s. */
  readonly latency?: LatencySpec;
  readonly observationDelayS?: number;
  /** Record every episode: one bag each in this folder, which is beside the results. */
  readonly record?: { readonly dir: string; readonly images: ImageFormat };
}
