/**
 * Hands the seeds of a run to worker threads, each with its own robot and policy. An episode is a function
 * of its seed alone, so which thread runs it, and in which order, changes nothing.
 */
import { Worker } from 'node:worker_threads';
import type { EpisodeRecord } from '../episode/episode.js';
import { workerUrl } from '../workers.js';
import {
  type FromWorker,
  fromFailure,
  type ToWorker,
  type WorkerFacts,
  type WorkerSetup,
} from './messages.js';
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
  readonly onEpisode?: (record: EpisodeRecord) => void | Promise<void>;
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
  const queue = seeds.values();
  const records: EpisodeRecord[] = [];
  let film: Uint8Array | undefined;
  let facts: WorkerFacts | undefined;
  let reported: Promise<void> = Promise.resolve();

  const crew = Array.from({ length: Math.min(options.workers, seeds.length) }, () => new RolloutWorker(spec));
  // One stop for both reasons to stop: the caller's signal, and the failure of one worker.
  const stop = new AbortController();
  const interrupt = () => {
    stop.abort();
    for (const worker of crew) worker.interrupt();
  };
  if (options.signal?.aborted) interrupt();
  options.signal?.addEventListener('abort', interrupt, { once: true });

  const serve = async (worker: RolloutWorker) => {
    const itsFacts = await worker.ready();
    if (facts === undefined) {
      facts = itsFacts;
      options.onReady?.(itsFacts);
    }
    while (!stop.signal.aborted) {
      const { value: seed, done } = queue.next();
      if (done) return;
      const episode = await worker.episode(seed, seed === options.filmSeed);
      records.push(episode.record);
      film ??= episode.film;
      reported = reported.then(() => options.onEpisode?.(episode.record));
      await reported;
    }
  };

  const serving = crew.map(serve);
  try {
    await Promise.all(serving);
  } catch (error) {
    interrupt();
    await Promise.allSettled(serving);
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
    await Promise.all(crew.map((worker) => worker.close()));
  }
  records.sort((a, b) => a.result.seed - b.result.seed);
  return { records, ...(film ? { film } : {}), ...(facts ? { facts } : {}) };
}

type Reply<K extends FromWorker['kind']> = Extract<FromWorker, { kind: K }>;

/** One thread: a question at a time, and its answer or its failure. */
class RolloutWorker {
  readonly #thread: Worker;
  readonly #exited: Promise<void>;
  #waiting: { resolve: (message: FromWorker) => void; reject: (error: Error) => void } | undefined;
  /** Why it answers no more. */
  #dead: Error | undefined;

  constructor(spec: RolloutSpec) {
    const workerData: WorkerSetup = { spec };
    this.#thread = new Worker(workerUrl('./worker.js', import.meta.url), { workerData });
    this.#thread.on('message', (message: FromWorker) => {
      this.#waiting?.resolve(message);
      this.#waiting = undefined;
    });
    this.#thread.on('error', (error) => this.#die(error));
    this.#exited = new Promise((resolve) => {
      this.#thread.once('exit', (code) => {
        this.#die(new Error(`a rollout worker ended unexpectedly (exit code ${code})`));
        resolve();
      });
    });
  }

  async ready(): Promise<WorkerFacts> {
    return (await this.#reply('ready')).facts;
  }

  async episode(seed: number, film: boolean): Promise<Reply<'episode'>> {
    this.#post({ kind: 'episode', seed, film });
    return this.#reply('episode');
  }

  interrupt(): void {
    this.#post({ kind: 'interrupt' });
  }

  /** Lets the thread free what it holds; resolves when it is gone. Safe twice, and when it has died. */
  async close(): Promise<void> {
    this.#post({ kind: 'close' });
    await this.#exited;
  }

  #post(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  async #reply<K extends FromWorker['kind']>(kind: K): Promise<Reply<K>> {
    const message = await new Promise<FromWorker>((resolve, reject) => {
      if (this.#dead) reject(this.#dead);
      else this.#waiting = { resolve, reject };
    });
    if (message.kind === 'failed') throw fromFailure(message.failure);
    if (message.kind !== kind) throw new Error(`a rollout worker said '${message.kind}', expected '${kind}'`);
    return message as Reply<K>;
  }

  #die(error: Error): void {
    this.#dead ??= error;
    this.#waiting?.reject(this.#dead);
    this.#waiting = undefined;
  }
}
