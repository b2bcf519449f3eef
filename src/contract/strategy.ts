/** How chunks become one action a tick: what a bundle's manifest names, and `--strategy` overrides. */
export type StrategySpec =
  /** Query every tick; average all live predictions with weight exp(−m·i), i = 0 the oldest. */
  | { readonly name: 'ensemble'; readonly m: number }
  /** Execute `steps` rows of a chunk, then query again. */
  | { readonly name: 'receding'; readonly steps: number }
  /** Query every tick; follow the newest chunk alone. */
  | { readonly name: 'latest' };

export const STRATEGY_NAMES = ['ensemble', 'receding', 'latest'] as const;

/** ACT's weight exp(−m·i); its authors' default. */
const DEFAULT_M = 0.01;

/**
 * A strategy by its name alone.
 * @param own the bundle's, whose parameters it takes over where it is of the same kind
 * @param chunk rows of a chunk; half of them are executed where nothing says how many
 */
export function completeStrategy(
  name: StrategySpec['name'],
  own: StrategySpec,
  chunk: number,
  { m, steps }: { readonly m?: number | undefined; readonly steps?: number | undefined } = {},
): StrategySpec {
  switch (name) {
    case 'ensemble':
      return { name, m: m ?? (own.name === name ? own.m : DEFAULT_M) };
    case 'receding':
      return { name, steps: steps ?? (own.name === name ? own.steps : Math.ceil(chunk / 2)) };
    case 'latest':
      return { name };
  }
}
