/** Preloaded into a program (`node --import`): at SIGUSR2 its worker threads die in the middle of their work. */
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const workers = new Set();
  process.on('worker', (worker) => {
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
  });
  process.on('SIGUSR2', () => {
    for (const worker of workers) worker.terminate();
  });
}
