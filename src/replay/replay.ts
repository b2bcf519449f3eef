/** Replays bags on worker threads. */
import { runJobs } from '../crew/crew.js';
import { workerUrl } from '../workers.js';
import type { PreparedReplay } from './prepare.js';
import type { ReplayRecord } from './results.js';
import type { ReplayFacts } from './session.js';
import type { ReplayJob, ReplaySpec } from './spec.js';
import { ReplayTotals } from './totals.js';

export interface ReplayRunOptions {
  /** Threads; the figures do not depend on it. */
  readonly threads: number;
  /** Aborting it ends running replays after their current tick, without a result, and starts no other. */
  readonly signal?: AbortSignal;
  readonly onReady?: (facts: ReplayFacts) => void;
  /** Called for each bag as it ends, one at a time. */
  readonly onResult?: (record: ReplayRecord) => void | Promise<void>;
}

/**
 * Replays every bag of `prepared`.
 * @throws UserError for bad input that shows only when a bag is read or the policy started
 */
export async function replay(
  spec: ReplaySpec,
  { bundle, jobs }: PreparedReplay,
  options: ReplayRunOptions,
): Promise<ReplayTotals> {
  const totals = new ReplayTotals({ joints: bundle.joints, rateHz: bundle.rateHz });
  await runJobs<ReplayJob, ReplayFacts, ReplayRecord>(jobs, {
    worker: workerUrl('./worker.js', import.meta.url),
    workerData: spec,
    threads: options.threads,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onReady ? { onReady: options.onReady } : {}),
    onResult: async (record) => {
      // Half a bag's errors would be taken for the whole one's.
      if (record.result.stop === 'interrupted') return;
      totals.add(record);
      await options.onResult?.(record);
    },
  });
  return totals;
}
