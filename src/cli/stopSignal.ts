/** Ctrl-C, and what a launch file that ends sends, for programs that go on until then. */
import { setTimeout as sleep } from 'node:timers/promises';
import { INTERRUPTED } from './interrupt.js';

/**
 * One Ctrl-C comes more than once: from the terminal and, once more, from the npm or the launch file that the
 * program runs under. What comes this soon (ms) after the first is the same.
 */
const SAME_MS = 500;

export class StopSignal {
  readonly #controller = new AbortController();
  #first = Number.POSITIVE_INFINITY;

  /** @param onStop called at the first; a second Ctrl-C does not wait for what that has begun */
  constructor(onStop: () => void = () => {}) {
    const stop = () => {
      const now = performance.now();
      if (!this.signal.aborted) {
        this.#first = now;
        onStop();
        this.#controller.abort();
      } else if (now - this.#first > SAME_MS) {
        process.exit(INTERRUPTED);
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves at the first. */
  stopped(): Promise<void> {
    return new Promise((resolve) => {
      if (this.signal.aborted) resolve();
      this.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** To be awaited last: a Ctrl-C that comes again while Node.js ends would end it with another exit code. */
  async spent(): Promise<void> {
    if (this.signal.aborted) await sleep(Math.max(0, this.#first + SAME_MS - performance.now()));
  }
}
