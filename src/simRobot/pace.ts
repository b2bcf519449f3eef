/** Keeps a simulation in step with the wall clock. */

/** Further behind than this (s), the time that is lost is not made up for: a burst of steps helps nobody. */
const MAX_BEHIND_S = 0.1;
/** How long (s of wall time) the rate is averaged over. */
const WINDOW_S = 10;

export interface PaceOptions {
  /** Simulated seconds a second. */
  readonly realTimeFactor: number;
  /** Wall clock, s. */
  readonly now: () => number;
  /** Resolves after so many seconds, and lets other work be done even when that is none. */
  readonly sleep: (s: number) => Promise<void>;
  /** Told once when the machine does not keep up, of the factor that is reached. */
  readonly onSlow: (factor: number) => void;
}

export class Pace {
  readonly #options: PaceOptions;
  /** Wall time at which the time simulated so far should have passed. */
  #due: number;
  #window: { readonly began: number; simulatedS: number };
  #told = false;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#due = options.now();
    this.#window = { began: this.#due, simulatedS: 0 };
  }

  /** To be called when `simulatedS` seconds more have been simulated: resolves when it is time for the next. */
  async passed(simulatedS: number): Promise<void> {
    const { realTimeFactor, now, sleep } = this.#options;
    this.#due += simulatedS / realTimeFactor;
    this.#due = Math.max(this.#due, now() - MAX_BEHIND_S);
    this.#measure(simulatedS);
    await sleep(Math.max(0, this.#due - now()));
  }

  #measure(simulatedS: number): void {
    const { realTimeFactor, now, onSlow } = this.#options;
    this.#window.simulatedS += simulatedS;
    const passed = now() - this.#window.began;
    if (passed < WINDOW_S) return;
    const factor = this.#window.simulatedS / passed;
    this.#window = { began: now(), simulatedS: 0 };
    if (factor >= 0.95 * realTimeFactor || this.#told) return;
    this.#told = true;
    onSlow(factor);
  }
}
