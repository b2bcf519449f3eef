/**
 * Waiting for an instant to well within a millisecond. Timers are good to a millisecond and fire late rather than
 * early, so the last one is left to turns of the event loop, in which everything else that is due gets done.
 */

/** A timer fires at most about so much (ms) late while nothing else holds the event loop up. */
const TIMER_LATE_MS = 0.2;

/**
 * Calls `wake` after `ms`, and hardly later.
 * @returns calls it off
 */
export function soon(ms: number, wake: () => void): () => void {
  const due = performance.now() + ms;
  let turn: NodeJS.Immediate | undefined;
  const look = () => {
    if (performance.now() >= due) wake();
    else turn = setImmediate(look);
  };
  const whole = Math.floor(ms - TIMER_LATE_MS);
  const timer = whole >= 1 ? setTimeout(look, whole) : undefined;
  if (!timer) turn = setImmediate(look);
  return () => {
    clearTimeout(timer);
    clearImmediate(turn);
  };
}

/** Resolves at `time`, s on the clock that `now` reads. */
export async function sleepUntil(now: () => number, time: number): Promise<void> {
  for (let left = time - now(); left > 0; left = time - now())
    await new Promise<void>((resolve) => soon(1000 * left, resolve));
}
