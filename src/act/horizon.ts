/**
 * The way ahead of a command: what the loop would send on the next ticks if nothing new came from the policy,
 * and then the braking that brings every joint to a stop. Trajectory controllers follow it between commands,
 * and to its end should there be no further command.
 */
import type { JointSpec } from '../contract/contract.js';
import { Safety, type SafetyOptions } from './safety.js';
import type { Strategy } from './strategy.js';

/** How far (s) the policy is followed without a new command: longer than any hiccup, shorter than a mishap. */
const FOLLOWED_S = 0.5;
/** Ends what rounding might keep from ending: braking takes velocity / acceleration, which is seconds at most. */
const LONGEST_S = 10;

export class HorizonPlanner {
  readonly #safety: Safety;
  readonly #rateHz: number;
  readonly #action: Float32Array;
  /** As many as any plan has needed so far. */
  readonly #rows: Float32Array[] = [];

  /** As of the `Safety` that the commands come from. */
  constructor(joints: readonly JointSpec[], options: SafetyOptions) {
    this.#safety = new Safety(joints, options);
    this.#rateHz = options.rateHz;
    this.#action = new Float32Array(joints.length);
  }

  /**
   * Plans from the newest command to rest.
   * @param safety as it is after the newest command; it is not changed
   * @param strategy whose actions are followed; absent while the arm is held
   * @param start time of tick 0, s
   * @param next number of the tick after the newest command's
   * @returns how many rows there are (see `row`), none when the newest command already rests
   */
  plan(safety: Safety, strategy: Strategy | undefined, start: number, next: number): number {
    const ahead = this.#safety;
    ahead.copyFrom(safety);
    const followed = strategy ? Math.round(FOLLOWED_S * this.#rateHz) : 0;
    const longest = LONGEST_S * this.#rateHz;
    let k = 0;
    for (; k < longest; k++) {
      const time = start + (next + k) / this.#rateHz;
      const acts = k < followed && strategy?.actionAt(time, this.#action) === true;
      if (!acts && ahead.atRest) break;
      if (k === this.#rows.length) this.#rows.push(new Float32Array(this.#action.length));
      if (acts) ahead.limit(this.#action, time, this.#rows[k]);
      else ahead.hold('hold_no_action', time, this.#rows[k]);
    }
    return k;
  }

  /** Of the newest plan: the command of tick `next + k`, in the order of `joints`. Lent until the next plan. */
  row(k: number): Float32Array {
    return this.#rows[k];
  }
}
