/** The worker thread of a rollout: opens robot and policy, then runs the episodes it is told to. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FromWorker, type ToWorker, toFailure, type WorkerSetup } from './messages.js';
import { RolloutSession } from './session.js';

const port = parentPort;
if (!port) throw new Error('rollout/worker.js runs as a worker thread only');

const { spec } = workerData as WorkerSetup;
const interrupt = new AbortController();
const say = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

let session: RolloutSession | undefined;
/** Messages are obeyed one after another; only an interrupt does not wait for its turn. */
let turn: Promise<void> = open();

async function open(): Promise<void> {
  try {
    session = await RolloutSession.open(spec);
    say({ kind: 'ready', facts: session.facts });
  } catch (error) {
    say({ kind: 'failed', failure: toFailure(error) });
  }
}

async function obey(message: ToWorker): Promise<void> {
  if (message.kind === 'episode') {
    if (!session) return; // Its failure to open has been told.
    try {
      const { record, film } = await session.run(message.seed, {
        signal: interrupt.signal,
        film: message.film,
      });
      const { latencyMs, runMs, overheadMs } = record.timings;
      const buffers = [latencyMs, runMs, overheadMs].map(({ buffer }) => buffer as ArrayBuffer);
      say({ kind: 'episode', record, ...(film ? { film } : {}) }, buffers);
    } catch (error) {
      say({ kind: 'failed', failure: toFailure(error) });
    }
  } else if (message.kind === 'close') {
    await session?.close();
    port?.close();
  }
}

port.on('message', (message: ToWorker) => {
  if (message.kind === 'interrupt') interrupt.abort();
  else turn = turn.then(() => obey(message));
});
