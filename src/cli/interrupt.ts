/** Ctrl-C as an AbortSignal: the first one asks the work to stop in order, a later one ends the program. */
import { log } from './log.js';

/** What a shell expects of a program that SIGINT ended: 128 + 2. */
export const INTERRUPTED = 130;

/** npm hands on the SIGINT that the terminal has already sent us: what comes this soon (ms) is the same Ctrl-C. */
const SAME_MS = 1000;

/**
 * Runs `work` with a signal that SIGINT aborts.
 * @param onQuit says what is left behind when the user will not wait
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  onQuit: () => void,
): Promise<T> {
  const controller = new AbortController();
  let first: number | undefined;
  const interrupt = () => {
    if (first === undefined) {
      first = performance.now();
      log.warn('Interrupted: finishing what is under way (once more to quit at once).');
      controller.abort();
    } else if (performance.now() - first > SAME_MS) {
      onQuit();
      process.exit(INTERRUPTED);
    }
  };
  process.on('SIGINT', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
  }
}
