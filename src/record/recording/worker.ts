/** The recording thread: all encoding, compression and disk work of recordings happens on it. */
import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { serveRecorder } from './serve.js';

if (!parentPort) throw new Error('src/record/recording/worker.ts is started as a worker thread');
// Several small pictures at a time, a thread each; none comes twice.
sharp.concurrency(1);
sharp.cache(false);
serveRecorder(parentPort);
