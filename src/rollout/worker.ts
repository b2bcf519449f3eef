/** The worker thread of a rollout: opens robot and policy, then runs the episodes it is told to. */
import { workerData } from 'node:worker_threads';
import { serve } from '../crew/thread.js';
import type { EpisodeJob, WorkerFacts, WorkerSetup } from './messages.js';
import { RolloutSession, type SessionEpisode } from './session.js';

const { spec } = workerData as WorkerSetup;

serve<EpisodeJob, WorkerFacts, SessionEpisode>(
  async () => {
    const session = await RolloutSession.open(spec);
    return {
      facts: session.facts,
      run: ({ seed, film }, signal) => session.run(seed, { signal, film }),
      close: () => session.close(),
    };
  },
  ({ record: { timings } }) =>
    [timings.latencyMs, timings.runMs, timings.overheadMs].map(({ buffer }) => buffer as ArrayBuffer),
);
