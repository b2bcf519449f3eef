/**
 * Files that rosbag2 compressed as a whole (compression mode "file"): unpacked into a temporary file, as it does.
 *
 * On a thread of its own, because no zstd decoder for Node 20 streams and may be trusted with any bytes: fzstd
 * can run for ever on damaged ones, and only a thread can be stopped.
 */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { workerUrl } from '../../workers.js';
import type { ByteFile } from './byteFile.js';
import type { Damage } from './damage.js';
import type { UnpackProgress, UnpackTask } from './unpackWorker.js';

/** A few kilobytes can claim to be a disk full of zeros: what a recording may grow to, beyond any real one. */
const growthLimit = (compressed: number) => 2 ** 32 + 100 * compressed;
/** Left free on the disk. */
const RESERVE_BYTES = 2 ** 28;
/** A step takes some milliseconds: one that takes so long does not end. */
const STALL_MS = 15_000;

/**
 * Unpacks the zstd file `from` into `to`. What can be unpacked of a damaged file is kept.
 * @param from for its size and what messages call it
 * @param at where it is
 * @param stallMs how long a step may take
 * @throws UserError when nothing can be unpacked, or the disk is too small
 */
export async function unpack(
  from: ByteFile,
  at: string,
  to: string,
  damage: Damage,
  stallMs = STALL_MS,
): Promise<void> {
  const { bavail, bsize } = await statfs(path.dirname(to));
  const limit = Math.min(growthLimit(from.size), Math.max(0, bavail * bsize - RESERVE_BYTES));
  const { read, written, problem } = await run({ from: at, to }, limit, stallMs);
  if (written > limit)
    throw new UserError(
      `${from.path} cannot be unpacked into ${path.dirname(to)}: it has more than ${limit} bytes; set TMPDIR to a folder with more room`,
    );
  if (problem === undefined) return;
  if (written === 0) throw new UserError(`${from.path} is not a readable zstd file: ${problem}`);
  damage.note(
    `${from.path} is cut short or damaged near byte ${read}: ${problem}; what comes before is read`,
  );
}

/** Ends with the thread's work, its failure, the limit, or when there is no progress. */
function run(task: UnpackTask, limit: number, stallMs: number): Promise<UnpackProgress> {
  const worker = new Worker(workerUrl('./unpackWorker.js', import.meta.url), { workerData: task });
  let last: UnpackProgress = { read: 0, written: 0, done: false };
  return new Promise<UnpackProgress>((resolve, reject) => {
    const stalled = () => resolve({ ...last, problem: 'it cannot be decoded' });
    let timer = setTimeout(stalled, stallMs);
    worker.on('message', (progress: UnpackProgress) => {
      last = progress;
      clearTimeout(timer);
      if (progress.done || progress.written > limit) resolve(progress);
      else timer = setTimeout(stalled, stallMs);
    });
    worker.once('error', reject);
    worker.once('exit', () => {
      clearTimeout(timer);
      reject(new Error('the thread that unpacks ended'));
    });
  }).finally(() => worker.terminate());
}
