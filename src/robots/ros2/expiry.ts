/** A time limit on the robot's clock, as a signal. */
import type { RosClock } from './clock.js';

/** How often (ms) the clock is looked at. */
const LOOK_MS = 50;

/**
 * Over when so many seconds have passed on the robot's clock, however long a slow simulator takes over them; and when
 * that clock has stood still for as many seconds of wall time, for then it will not.
 */
export class Expiry {
  readonly #over = new AbortController();
  readonly #looking: NodeJS.Timeout;

  constructor(clock: Pick<RosClock, 'now' | 'stillS'>, seconds: number) {
    let last = clock.now;
    let left = seconds;
    const began = performance.now();
    this.#looking = setInterval(() => {
      // A reset may set the clock back; that takes no time.
      const { now } = clock;
      left -= Math.max(0, now - last);
      last = now;
      const stillS = Math.min(clock.stillS, (performance.now() - began) / 1000);
      if (left <= 0 || stillS >= seconds) this.#over.abort();
    }, LOOK_MS);
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  close(): void {
    clearInterval(this.#looking);
  }
}
