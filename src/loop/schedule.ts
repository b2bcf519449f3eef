/**
 * The instants of an episode: command n goes out at start + n / command rate, and every `perTick` of them are a
 * tick, one step of the policy. A grid, not a sum of periods: it does not drift.
 */

/** In command periods: an instant this close has come. */
const SLACK = 1e-6;

export class Schedule {
  /** Commands in a tick. */
  readonly perTick: number;
  readonly #start: number;
  readonly #commandRateHz: number;

  /** @param start time of command 0, s */
  constructor(start: number, { rateHz, commandRateHz }: { rateHz: number; commandRateHz: number }) {
    this.perTick = Math.round(commandRateHz / rateHz);
    this.#start = start;
    this.#commandRateHz = commandRateHz;
  }

  /** When command n goes out, s. */
  timeOf(n: number): number {
    return this.#start + n / this.#commandRateHz;
  }

  /** The number of the tick that command n belongs to. */
  tickOf(n: number): number {
    return Math.floor(n / this.perTick);
  }

  /** The command after n at `now`: those whose periods have gone by since are left out. */
  after(n: number, now: number): number {
    return Math.max(n + 1, Math.floor((now - this.#start) * this.#commandRateHz + SLACK));
  }
}
