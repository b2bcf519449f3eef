/**
 * The inference thread. `session.run` blocks whichever thread calls it for the whole inference, so it is
 * called here and nowhere else. Memory carried from run to run never leaves this thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-node';
import { UserError } from '../errors.js';
import { type GraphEdge, graphMismatch } from './graph.js';
import type { Reply, Request, WorkerSetup } from './protocol.js';
import { SessionRunner } from './runner.js';
import { openSession } from './session.js';
import { slabLayout } from './slab.js';

const port = parentPort;
if (!port) throw new Error('src/infer/worker.ts is started as a worker thread');
const { bundle, provider: wanted, threads } = workerData as WorkerSetup;

const reply = (message: Reply, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, transfer);

try {
  const { session, provider } = await openSession({
    graphFile: bundle.graph.file,
    provider: wanted,
    threads,
  });
  const mismatch = graphMismatch(bundle, {
    inputs: session.inputMetadata.map(edge),
    outputs: session.outputMetadata.map(edge),
  });
  if (mismatch) {
    throw new UserError(`graph ${bundle.graph.file} does not fit ${bundle.manifestFile}: ${mismatch}`);
  }
  await warmUp(new SessionRunner(session, bundle));
  serve(new SessionRunner(session, bundle));
  reply({ type: 'ready', provider });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  reply({ type: 'refused', message: error.message });
}

/** The first run allocates; it also shows whether dimensions that the graph left open are as declared. */
async function warmUp(runner: SessionRunner): Promise<void> {
  try {
    await runner.run(new ArrayBuffer(slabLayout(bundle).byteLength), true, []);
  } catch (error) {
    throw new UserError(`graph ${bundle.graph.file} fails on black images: ${(error as Error).message}`);
  }
}

/** Runs requests one after another, in the order they came. */
function serve(runner: SessionRunner): void {
  let turn: Promise<void> = Promise.resolve();
  port?.on('message', (request: Request) => {
    turn = turn.then(async () => {
      if (request.type === 'close') {
        await runner.release();
        port?.close();
        return;
      }
      const { id, slab, first, views } = request;
      try {
        reply({ type: 'done', id, slab, ...(await runner.run(slab, first, views)) }, [slab]);
      } catch (error) {
        reply({ type: 'failed', id, slab, message: (error as Error).message }, [slab]);
      }
    });
  });
}

function edge(metadata: InferenceSession.ValueMetadata): GraphEdge {
  if (!metadata.isTensor) return { name: metadata.name, dtype: 'not a tensor', shape: [] };
  return { name: metadata.name, dtype: metadata.type, shape: metadata.shape };
}
