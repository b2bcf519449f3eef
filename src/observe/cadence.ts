/**
 * When the policy is to see something again, judged by the stamps of what there is to see: about once a period
 * of the policy, whatever the rate of the cameras.
 *
 * The next observation is meant to be of time D. The first set of images stamped D − p/4 or later is taken
 * (p the period); if it is of time T, then
 *
 *     D ← T + p − ½·clamp(T − D, −p/4, p/2).
 *
 * Cameras at the policy's rate, or at a multiple of it, are locked on to; of others half of what one set came
 * late is made up for by the next, so that 30 Hz cameras show a 20 Hz policy 20 sets a second, 33 and 67 ms apart.
 * Two observations are never less than p/2 apart.
 */

/** Shares of the period. */
const EARLY = 0.25;
const MADE_UP_FOR = 0.5;
/** Times are good to a microsecond. */
const SLACK_S = 1e-6;

export class Cadence {
  readonly #periodS: number;
  #due = Number.NEGATIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;

  constructor(rateHz: number) {
    this.#periodS = 1 / rateHz;
  }

  /** The next observation is a first one. */
  reset(): void {
    this.#due = Number.NEGATIVE_INFINITY;
    this.#newest = Number.NEGATIVE_INFINITY;
  }

  /** Whether something of `time` (s) is to be observed; what is of the past is, for a clock has been set back. */
  isDue(time: number): boolean {
    return time < this.#newest || time >= this.#due - EARLY * this.#periodS - SLACK_S;
  }

  /** What was of `time` (s) has been observed. */
  observed(time: number): void {
    const late = Number.isFinite(this.#due)
      ? Math.min(MADE_UP_FOR * this.#periodS, Math.max(-EARLY * this.#periodS, time - this.#due))
      : 0;
    this.#due = time + this.#periodS - late / 2;
    this.#newest = time;
  }
}
