/** How chunks become one action a tick: what a bundle's manifest names, and `--strategy` overrides. */
export type StrategySpec =
  /** Query every tick; average all live predictions with weight exp(−m·i), i = 0 the oldest. */
  | { readonly name: 'ensemble'; readonly m: number }
  /** Execute `steps` rows of a chunk, then query again. */
  | { readonly name: 'receding'; readonly steps: number }
  /** Query every tick; follow the newest chunk alone. */
  | { readonly name: 'latest' };

export const STRATEGY_NAMES = ['ensemble', 'receding', 'latest'] as const;
