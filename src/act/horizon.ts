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
  readonly #joints: number;
  readonly #action: Float32Array;

  /** As of the `Safety` that the commands come from. */
  constructor(joints: readonly JointSpec[], options: SafetyOptions) {
    this.#safety = new Safety(joints, options);
    this.#rateHz = options.rateHz;
    this.#joints = joints.length;
    this.#action = new Float32Array(joints.length);
  }

  /**
   * @param safety as it is after the newest command; it is not changed
   * @param strategy whose actions are followed; absent while the arm is held
   * @param timeOf the time (s) of the tick k ticks after the next
   * @returns rows in the order of `joints`: the next tick's, the one after, … the last one at rest, and none
   * when the newest command already is
   */
  plan(safety: Safety, strategy: Strategy | undefined, timeOf: (k: number) => number): Float32Array[] {
    const ahead = this.#safety;
    ahead.copyFrom(safety);
    const rows: Float32Array[] = [];
    const followed = strategy ? Math.round(FOLLOWED_S * this.#rateHz) : 0;
    const longest = LONGEST_S * this.#rateHz;
    for (let k = 0; k < longest; k++) {
      const time = timeOf(k);
      const row = new Float32Array(this.#joints);
      if (k < followed && strategy?.actionAt(time, this.#action)) ahead.limit(this.#action, time, row);
      else if (ahead.atRest) break;
      else ahead.hold('hold_no_action', time, row);
      rows.push(row);
    }
    return rows;
  }
}
