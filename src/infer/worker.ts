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

const port = parentPort;
if (!port) throw new Error('src/infer/worker.ts is started as a worker thread');
const { bundle, providers } = workerData as WorkerSetup;

const reply = (message: Reply) => port.postMessage(message);

try {
  const start = performance.now();
  let firstRunMs = 0;
  const { session, provider, notes } = await openSession(bundle.graph.file, providers, async (session) => {
    requireFit(session);
    const opened = performance.now();
    await warmUp(new SessionRunner(session, bundle));
    firstRunMs = performance.now() - opened;
  });
  const loadMs = performance.now() - start - firstRunMs;
  serve(new SessionRunner(session, bundle));
  reply({ type: 'ready', provider, providerNotes: notes, loadMs, firstRunMs });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  reply({ type: 'refused', message: error.message });
}

function requireFit(session: InferenceSession): void {
  const mismatch = graphMismatch(bundle, {
    inputs: session.inputMetadata.map(edge),
    outputs: session.outputMetadata.map(edge),
  });
  if (mismatch)
    throw new UserError(`graph ${bundle.graph.file} does not fit ${bundle.manifestFile}: ${mismatch}`);
}

/**
 * The first run allocates; it also shows whether dimensions that the graph left open are as declared. Images of
 * another size have resizing compiled before it counts.
 */
async function warmUp(runner: SessionRunner): Promise<void> {
  try {
    await runner.run({
      cameras: bundle.cameras.map(({ width, height }) => {
        const size = { width: 2 * width, height: 2 * height };
        const frame = { image: 0, ...size, pixels: new Uint8Array(3 * size.width * size.height) };
        return { current: 0, previous: 0, frames: [frame] };
      }),
      state: new Float32Array(bundle.joints.length),
      first: true,
      views: [],
    });
  } catch (error) {
    throw new UserError(`graph ${bundle.graph.file} fails on black images: ${(error as Error).message}`);
  }
}

/** Serves requests one after another, in the order they came. */
function serve(runner: SessionRunner): void {
  let turn: Promise<void> = Promise.resolve();
  port?.on('message', (request: Request) => {
    turn = turn.then(async () => {
      if (request.type === 'close') {
        await runner.release();
        port?.close();
        return;
      }
      if (request.type === 'frame') {
        runner.take(request.camera, request.frame);
        return;
      }
      const { id } = request;
      try {
        reply({ type: 'done', id, ...(await runner.run(request)) });
      } catch (error) {
        reply({ type: 'failed', id, message: (error as Error).message });
      }
    });
  });
}

function edge(metadata: InferenceSession.ValueMetadata): GraphEdge {
  if (!metadata.isTensor) return { name: metadata.name, dtype: 'not a tensor', shape: [] };
  return { name: metadata.name, dtype: metadata.type, shape: metadata.shape };
}
