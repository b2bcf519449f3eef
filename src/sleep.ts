/**
 * Waiting for an instant to well within a millisecond. Timers are good to a millisecond and fire late rather than
 * early, so the last one is spent on naps so short that nothing is kept waiting, with turns of the event loop in
 * between, in which everything else that is due gets done. (Turns alone kept a third of a core busy, and the garbage
 * of a hundred thousand of them a second had to be collected.)
 */

/** A timer fires at most about so much (ms) late while nothing else holds the event loop up. */
const TIMER_LATE_MS = 0.2;
/** The system adds some 0.06 ms to it. */
const NAP_MS = 0.1;
/** So long before the instant there are no more naps, ms. */
const AWAKE_MS = 0.15;

/** Nobody wakes who waits at it. */
const pillow = new Int32Array(new SharedArrayBuffer(4));

/**
 * Calls `wake` after `ms`, and hardly later.
 * @returns calls it off
 */
export function soon(ms: number, wake: () => void): () => void {
  const due = performance.now() + ms;
  let turn: NodeJS.Immediate | undefined;
  const look = () => {
    const left = due - performance.now();
    if (left > AWAKE_MS) {
      Atomics.wait(pillow, 0, 0, Math.min(NAP_MS, left - AWAKE_MS));
      turn = setImmediate(look);
      return;
    }
    while (performance.now() < due) dawdle();
    wake();
  };
  const whole = Math.floor(ms - TIMER_LATE_MS);
  const timer = whole >= 1 ? setTimeout(look, whole) : undefined;
  if (!timer) turn = setImmediate(look);
  return () => {
    clearTimeout(timer);
    clearImmediate(turn);
  };
}

/** About a microsecond: what `performance.now` returns is left on the heap, call by call. */
function dawdle(): void {
  for (let i = 0; i < 1000; i++) Atomics.load(pillow, 0);
}

/** Resolves at `time`, s on the clock that `now` reads. */
export async function sleepUntil(now: () => number, time: number): Promise<void> {
  for (let left = time - now(); left > 0; left = time - now())
    await new Promise<void>((resolve) => soon(1000 * left, resolve));
}
