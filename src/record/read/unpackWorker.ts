/**
 * The thread that unpacks a zstd file (see unpack.ts). `workerData` is an `UnpackTask`; posts an `UnpackProgress`
 * after each step, the last one with `done`.
 */
import { open } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Decompress } from 'fzstd';

export interface UnpackTask {
  readonly from: string;
  /** Must not exist. */
  readonly to: string;
}

export interface UnpackProgress {
  /** Bytes read and written so far. */
  readonly read: number;
  readonly written: number;
  readonly done: boolean;
  /** What is wrong with the compressed data; all before it is written. */
  readonly problem?: string;
}

const READ_BYTES = 2 ** 18;
/** Handed to the decoder at a time: what comes out of it may be 32,000 times as much, and is in memory at once. */
const STEP_BYTES = 2 ** 10;

async function unpack({ from, to }: UnpackTask, report: (progress: UnpackProgress) => void): Promise<void> {
  const input = await open(from, 'r');
  const output = await open(to, 'wx');
  try {
    const { size } = await input.stat();
    const ready: Uint8Array[] = [];
    const stream = new Decompress((bytes) => ready.push(bytes));
    const bytes = new Uint8Array(READ_BYTES);
    let [read, written] = [0, 0];
    for (;;) {
      const { bytesRead } = await input.read(bytes, 0, READ_BYTES, read);
      let problem: string | undefined;
      for (let at = 0; at < bytesRead && problem === undefined; at += STEP_BYTES) {
        const step = bytes.slice(at, Math.min(at + STEP_BYTES, bytesRead));
        read += step.length;
        try {
          stream.push(step, read === size);
        } catch (error) {
          problem = (error as Error).message;
        }
        for (const piece of ready.splice(0)) {
          await output.writeFile(piece);
          written += piece.length;
        }
        report({ read, written, done: false });
      }
      if (problem === undefined && bytesRead > 0) continue;
      report({ read, written, done: true, ...(problem !== undefined && { problem }) });
      return;
    }
  } finally {
    await input.close();
    await output.close();
  }
}

if (parentPort) {
  const port = parentPort;
  await unpack(workerData as UnpackTask, (progress) => port.postMessage(progress));
}
