/** Waits until a robot's topics deliver, and says what it waits for. */
import { UserError } from '../../errors.js';
import type { Sources } from './sources.js';

/** How often the graph is looked at, ms. */
export const LOOK_MS = 250;
/** What has come up by then was only being discovered, s. */
const QUIET_S = 1;

export interface WaitingOptions {
  readonly sources: Pick<Sources, 'look' | 'missing'>;
  /** Gives up after this long, s; never when absent. */
  readonly timeoutS?: number;
  readonly signal: AbortSignal;
  /** Told what is missing, whenever that changes. */
  readonly onWaiting: (missing: readonly string[]) => void;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * Resolves when nothing is missing, or when `signal` aborts.
 * @throws UserError naming what is missing after `timeoutS`
 */
export async function untilDelivering(options: WaitingOptions): Promise<void> {
  const { sources, timeoutS = Number.POSITIVE_INFINITY, signal, onWaiting, sleep } = options;
  let said = '';
  for (let waitedS = 0; !signal.aborted; waitedS += LOOK_MS / 1000) {
    await sources.look();
    const missing = sources.missing();
    if (missing.length === 0) return;
    if (waitedS >= timeoutS) {
      throw new UserError(
        `after ${timeoutS} s nothing has come from ${missing.join(', ')}: start what publishes it, or correct the topics in the robot contract`,
      );
    }
    if (waitedS >= QUIET_S && missing.join() !== said) {
      said = missing.join();
      onWaiting(missing);
    }
    await sleep(LOOK_MS);
  }
}
