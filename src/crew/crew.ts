/**
 * Spreads jobs over worker threads, each of which opens what it needs once (a robot, a policy). A job's
 * result depends on the job alone, so which thread does it, and in which order, changes nothing.
 */
import { Worker } from 'node:worker_threads';
import { type FromThread, fromFailure, type ToThread } from './messages.js';

export interface CrewOptions<Job, Facts, Result> {
  /** A module that calls `serve`, and what it is started with. */
  readonly worker: URL;
  readonly workerData: unknown;
  /** Threads; never more than there are jobs. */
  readonly threads: number;
  /** Aborting it tells jobs under way to end early, and starts no other. */
  readonly signal?: AbortSignal;
  /** Called once, before the first job, with what the first thread that is ready says of itself. */
  readonly onReady?: (facts: Facts) => void;
  /** Called for each result as it comes, one at a time; the crew waits for it. */
  readonly onResult: (result: Result, job: Job) => void | Promise<void>;
}

/**
 * Does every job once.
 * @throws UserError for bad input, as a thread finds it
 * @throws Error when a thread dies; results that had come were given to `onResult`
 */
export async function runJobs<Job, Facts, Result>(
  jobs: readonly Job[],
  options: CrewOptions<Job, Facts, Result>,
): Promise<void> {
  const queue = jobs.values();
  const crew = Array.from(
    { length: Math.min(options.threads, jobs.length) },
    () => new Thread<Job, Facts, Result>(options.worker, options.workerData),
  );
  // One stop for both reasons to stop: the caller's signal, and the failure of one thread.
  const stop = new AbortController();
  const interrupt = () => {
    stop.abort();
    for (const thread of crew) thread.interrupt();
  };
  if (options.signal?.aborted) interrupt();
  options.signal?.addEventListener('abort', interrupt, { once: true });

  let ready = false;
  let reported: Promise<void> = Promise.resolve();
  const serve = async (thread: Thread<Job, Facts, Result>) => {
    const facts = await thread.ready();
    if (!ready) {
      ready = true;
      options.onReady?.(facts);
    }
    while (!stop.signal.aborted) {
      const { value: job, done } = queue.next();
      if (done) return;
      const result = await thread.run(job);
      reported = reported.then(() => options.onResult(result, job));
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
    await Promise.all(crew.map((thread) => thread.close()));
  }
}

type Reply<K, Facts, Result> = Extract<FromThread<Facts, Result>, { kind: K }>;

/** One thread: a question at a time, and its answer or its failure. */
class Thread<Job, Facts, Result> {
  readonly #thread: Worker;
  readonly #exited: Promise<void>;
  #waiting:
    | { resolve: (message: FromThread<Facts, Result>) => void; reject: (error: Error) => void }
    | undefined;
  /** Why it answers no more. */
  #dead: Error | undefined;

  constructor(worker: URL, workerData: unknown) {
    this.#thread = new Worker(worker, { workerData });
    this.#thread.on('message', (message: FromThread<Facts, Result>) => {
      this.#waiting?.resolve(message);
      this.#waiting = undefined;
    });
    this.#thread.on('error', (error) => this.#die(error));
    this.#exited = new Promise((resolve) => {
      this.#thread.once('exit', (code) => {
        this.#die(new Error(`a worker thread ended unexpectedly (exit code ${code})`));
        resolve();
      });
    });
  }

  async ready(): Promise<Facts> {
    return (await this.#reply('ready')).facts;
  }

  async run(job: Job): Promise<Result> {
    this.#post({ kind: 'job', job });
    return (await this.#reply('done')).result;
  }

  interrupt(): void {
    this.#post({ kind: 'interrupt' });
  }

  /** Lets the thread free what it holds; resolves when it is gone. Safe twice, and when it has died. */
  async close(): Promise<void> {
    this.#post({ kind: 'close' });
    await this.#exited;
  }

  #post(message: ToThread<Job>): void {
    this.#thread.postMessage(message);
  }

  async #reply<K extends FromThread<Facts, Result>['kind']>(kind: K): Promise<Reply<K, Facts, Result>> {
    const message = await new Promise<FromThread<Facts, Result>>((resolve, reject) => {
      if (this.#dead) reject(this.#dead);
      else this.#waiting = { resolve, reject };
    });
    if (message.kind === 'failed') throw fromFailure(message.failure);
    if (message.kind !== kind) throw new Error(`a worker thread said '${message.kind}', expected '${kind}'`);
    return message as Reply<K, Facts, Result>;
  }

  #die(error: Error): void {
    this.#dead ??= error;
    this.#waiting?.reject(this.#dead);
    this.#waiting = undefined;
  }
}
