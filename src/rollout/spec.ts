/** What a rollout is, as plain data: it crosses to the worker threads, and is kept with the results. */
import type { StrategySpec } from '../contract/strategy.js';
import type { ProviderChoice } from '../infer/providers.js';
import type { ImageFormat } from '../record/episode.js';

/**
 * Runs that must fail, so that a success means something: `blank-cameras` shows the policy black images;
 * `replay-other-seed` drives the robot with the commands of an episode of another seed.
 */
export const CONTROLS = ['blank-cameras', 'replay-other-seed'] as const;
export type Control = (typeof CONTROLS)[number];

export interface RolloutSpec {
  /** Robot contract file. */
  readonly robot: string;
  /** Policy bundle folder. */
  readonly policy: string;
  /** Task name or file, and the folder where names are looked up. */
  readonly task: string;
  readonly tasksDir: string;
  readonly provider: ProviderChoice;
  /** The bundle's own when absent. */
  readonly strategy?: StrategySpec;
  /** The task's own when absent, s on the robot's clock. */
  readonly timeLimitS?: number;
  readonly control?: Control;
  /** Record every episode: one bag each in this folder, which is beside the results. */
  readonly record?: { readonly dir: string; readonly images: ImageFormat };
}
