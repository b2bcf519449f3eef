/** How chunks become commands: what a bundle's manifest names, and `--strategy` and its like override. */

/** What is followed between two rows of a chunk; a row's own instant gives the row exactly either way. */
export const INTERPOLATIONS = ['cubic', 'linear'] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

/** What every strategy may be told. */
interface Common {
  /** `DEFAULT_INTERPOLATION` when absent. */
  readonly interpolation?: Interpolation;
  /**
   * Where the predictions end before the next chunk has come, the last motion fades out over this long (s)
   * instead of being braked at once; 0 brakes. `DEFAULT_LATE_EXTRAPOLATE_S` when absent.
   */
  readonly late_extrapolate_s?: number;
}

export type StrategySpec = Common &
  (
    | {
        /**
         * Query all the time; average all live predictions with weight exp(−m·i), i = 0 the oldest: m > 0 trusts
         * the oldest most, as ACT does, m < 0 the newest.
         */
        readonly name: 'ensemble';
        readonly m: number;
      }
    /** Query in time for the next chunk to be there when `steps` rows of this one have been executed. */
    | { readonly name: 'receding'; readonly steps: number }
    /** Query all the time; follow the newest chunk alone. */
    | { readonly name: 'latest' }
    /**
     * Query all the time; go over to what the chunks say with every new one within `fade_s`, without a step in
     * position or velocity. They are averaged as by `ensemble`; without m the newest alone counts.
     */
    | { readonly name: 'blend'; readonly fade_s: number; readonly m?: number }
  );

export const STRATEGY_NAMES = ['ensemble', 'receding', 'latest', 'blend'] as const;

/**
 * A piecewise linear way has a corner at every row, which a robot commanded faster than the policy's rate
 * feels as a jerk; at the policy's rate the two are one.
 */
export const DEFAULT_INTERPOLATION: Interpolation = 'cubic';
/** Bridges a hiccup; two thirds of the way that the last velocity would have gone in it are left out. */
export const DEFAULT_LATE_EXTRAPOLATE_S = 0.1;
/** ACT's weight exp(−m·i); its authors' default. */
const DEFAULT_M = 0.01;
/** Of those tried on pick_lift at 200 ± 100 ms: `npm run bench:latency`, seeds 200000 and on. */
export const DEFAULT_FADE_S = 0.2;

/** Parameters as somebody gave them, whichever strategy they belong to. */
export interface StrategyParameters {
  readonly m?: number | undefined;
  readonly steps?: number | undefined;
  readonly fadeS?: number | undefined;
  readonly interpolation?: Interpolation | undefined;
  readonly lateExtrapolateS?: number | undefined;
}

/**
 * A strategy by its name alone.
 * @param own the bundle's, whose parameters it takes over where it is of the same kind
 * @param chunk rows of a chunk; half of them are executed where nothing says how many
 */
export function completeStrategy(
  name: StrategySpec['name'],
  own: StrategySpec,
  chunk: number,
  given: StrategyParameters = {},
): StrategySpec {
  const interpolation = given.interpolation ?? own.interpolation;
  const late = given.lateExtrapolateS ?? own.late_extrapolate_s;
  const common: Common = {
    ...(interpolation !== undefined && { interpolation }),
    ...(late !== undefined && { late_extrapolate_s: late }),
  };
  switch (name) {
    case 'ensemble':
      return { name, m: given.m ?? (own.name === name ? own.m : DEFAULT_M), ...common };
    case 'receding':
      return {
        name,
        steps: given.steps ?? (own.name === name ? own.steps : Math.ceil(chunk / 2)),
        ...common,
      };
    case 'latest':
      return { name, ...common };
    case 'blend': {
      const m = given.m ?? (own.name === name ? own.m : DEFAULT_M);
      return {
        name,
        fade_s: given.fadeS ?? (own.name === name ? own.fade_s : DEFAULT_FADE_S),
        ...(m !== undefined && { m }),
        ...common,
      };
    }
  }
}
