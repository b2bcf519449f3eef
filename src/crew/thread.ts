/** A crew's worker thread: opens what its jobs need once, then does the jobs it is given, one at a time. */
import { parentPort } from 'node:worker_threads';
import { type FromThread, type ToThread, toFailure } from './messages.js';

/** What a thread holds from its start to its end. */
export interface Session<Job, Facts, Result> {
  readonly facts: Facts;
  /** @param signal aborted when the job should end early, in order */
  run(job: Job, signal: AbortSignal): Promise<Result>;
  close(): Promise<void>;
}

/**
 * Serves the crew that started this thread.
 * @param transfer buffers of a result that are handed over instead of copied
 */
export function serve<Job, Facts, Result>(
  open: () => Promise<Session<Job, Facts, Result>>,
  transfer: (result: Result) => ArrayBuffer[] = () => [],
): void {
  const port = parentPort;
  if (!port) throw new Error('a worker module runs as a worker thread only');
  const say = (message: FromThread<Facts, Result>, buffers: ArrayBuffer[] = []) =>
    port.postMessage(message, buffers);
  const interrupt = new AbortController();
  let session: Session<Job, Facts, Result> | undefined;

  const start = async () => {
    session = await open();
    say({ kind: 'ready', facts: session.facts });
  };
  const obey = async (message: ToThread<Job>) => {
    if (message.kind === 'job' && session) {
      const result = await session.run(message.job, interrupt.signal);
      say({ kind: 'done', result }, transfer(result));
    } else if (message.kind === 'close') {
      await session?.close();
      port.close();
    }
  };
  const fail = (error: unknown) => say({ kind: 'failed', failure: toFailure(error) });

  /** Messages are obeyed one after another; only an interrupt does not wait for its turn. */
  let turn = start().catch(fail);
  port.on('message', (message: ToThread<Job>) => {
    if (message.kind === 'interrupt') interrupt.abort();
    else turn = turn.then(() => obey(message)).catch(fail);
  });
}
