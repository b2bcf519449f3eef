/**
 * Waiting for an instant to well within a millisecond. Timers are good to a millisecond and fire late rather than
 * early, so the last one is left to turns of the event loop, in which everything else that is due gets done.
 */

/** A timer fires at most about so much (ms) late while nothing else holds the event loop up. */
const TIMER_LATE_MS = 0.2;

/**
 * Calls `wake` after at most `ms`, and so early that who asks again is not late.
 * @returns calls it off
 */
export function soon(ms: number, wake: () => void): () => void {
  const whole = Math.floor(ms - TIMER_LATE_MS);
  if (whole >= 1) {
    const timer = setTimeout(wake, whole);
    return () => clearTimeout(timer);
  }
  const turn = setImmediate(wake);
  return () => clearImmediate(turn);
}

/** Resolves at `time`, s on the clock that `now` reads. */
export async function sleepUntil(now: () => number, time: number): Promise<void> {
  for (let left = time - now(); left > 0; left = time - now())
    await new Promise<void>((resolve) => soon(1000 * left, resolve));
}
