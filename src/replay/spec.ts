/** What a replay is, as plain data: it crosses to the worker threads. */
import type { StrategySpec } from '../contract/strategy.js';
import type { ProviderOptions } from '../infer/providers.js';

export interface ReplaySpec extends ProviderOptions {
  /** Policy bundle folder. */
  readonly policy: string;
  /** Robot contract file; each bag's own when absent. */
  readonly robot?: string;
  /** The bundle's own when absent. */
  readonly strategy?: StrategySpec;
}

/** One bag of a replay. */
export interface ReplayJob {
  readonly path: string;
  /** As results name it: the end of its path, as much of it as tells the bags of a replay apart. */
  readonly name: string;
}
