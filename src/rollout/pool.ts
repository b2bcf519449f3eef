/** Hands the seeds of a run to worker threads, each with its own robot and policy. */
import { runJobs } from '../crew/crew.js';
import type { EpisodeRecord } from '../episode/episode.js';
import type { RecordingReport } from '../record/recorder.js';
import { workerUrl } from '../workers.js';
import type { EpisodeJob, WorkerFacts, WorkerSetup } from './messages.js';
import type { SessionEpisode } from './session.js';
import type { RolloutSpec } from './spec.js';

export interface RollOutOptions {
  /** Threads; never more than there are seeds. */
  readonly workers: number;
  /** Aborting it ends running episodes after their current tick (stop `interrupted`) and starts no other. */
  readonly signal?: AbortSignal;
  /** Of this seed's episode an animation is made. */
  readonly filmSeed?: number;
  /** Called once, before the first episode. */
  readonly onReady?: (facts: WorkerFacts) => void;
  /** Called for each episode as it ends, one at a time; the run waits for it. */
  readonly onEpisode?: (record: EpisodeRecord, recording?: RecordingReport) => void | Promise<void>;
}

export interface RollOutResult {
  /** By ascending seed. */
  readonly records: readonly EpisodeRecord[];
  /** Animated WebP of the episode of `filmSeed`. */
  readonly film?: Uint8Array;
  /** Absent when the run was interrupted before any worker was ready. */
  readonly facts?: WorkerFacts;
}

/**
 * Runs one episode a seed.
 * @throws UserError for bad input, as a worker finds it when it opens robot and policy
 * @throws Error when a worker dies; episodes that had finished were given to `onEpisode`
 */
export async function rollOut(
  spec: RolloutSpec,
  seeds: readonly number[],
  options: RollOutOptions,
): Promise<RollOutResult> {
  const setup: WorkerSetup = { spec };
  const jobs = seeds.map((seed): EpisodeJob => ({ seed, film: seed === options.filmSeed }));
  const records: EpisodeRecord[] = [];
  let film: Uint8Array | undefined;
  let facts: WorkerFacts | undefined;
  await runJobs<EpisodeJob, WorkerFacts, SessionEpisode>(jobs, {
    worker: workerUrl('./worker.js', import.meta.url),
    workerData: setup,
    threads: options.workers,
    ...(options.signal ? { signal: options.signal } : {}),
    onReady: (itsFacts) => {
      facts = itsFacts;
      options.onReady?.(itsFacts);
    },
    onResult: async (episode) => {
      records.push(episode.record);
      film ??= episode.film;
      await options.onEpisode?.(episode.record, episode.recording);
    },
  });
  records.sort((a, b) => a.result.seed - b.result.seed);
  return { records, ...(film ? { film } : {}), ...(facts ? { facts } : {}) };
}
