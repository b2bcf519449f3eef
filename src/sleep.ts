/**
 * Waiting for an instant to well within a millisecond. Timers are good to a millisecond and fire late rather than
 * early, so they end before it. The rest is spent on naps so short that nothing is kept waiting, with turns of the event
 * loop in between, in which everything else that is due gets done. (Turns alone kept a third of a core busy, and the
 * garbage of a hundred thousand of them a second had to be collected.) In the end there are no more turns: what takes as
 * long as an image's copy must not begin then.
 */

/** A timer fires at most about so much (ms) late while nothing else holds the event loop up. */
const TIMER_LATE_MS = 0.2;
/** The system adds some 0.06 ms to it. */
const NAP_MS = 0.1;
/** So long before the instant there are no more turns of the event loop, ms: three 640×480 images take 0.7 to copy. */
const DEAF_MS = 0.8;
/** So long before the instant there are no more naps, ms: a core that sleeps, or has been lent out, is late to wake. */
const AWAKE_MS = 0.5;

/** Nobody wakes who waits at it. */
const pillow = new Int32Array(new SharedArrayBuffer(4));

/**
 * Calls `wake` after `ms`, and hardly later. Whatever else is due has its turn before, also where `ms` is short.
 * @returns calls it off
 */
export function soon(ms: number, wake: () => void): () => void {
  const due = performance.now() + ms;
  let turn: NodeJS.Immediate | undefined;
  const look = () => {
    const left = due - performance.now();
    if (left > DEAF_MS) {
      Atomics.wait(pillow, 0, 0, NAP_MS);
      turn = setImmediate(look);
      return;
    }
    if (left > AWAKE_MS) Atomics.wait(pillow, 0, 0, left - AWAKE_MS);
    while (performance.now() < due) dawdle();
    wake();
  };
  const whole = Math.floor(ms - DEAF_MS - TIMER_LATE_MS);
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
