/** Damages recordings at random, has a child process read each, and says what came of it. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compress } from '@bokuweb/zstd-wasm';
import type { Random } from '../../src/random.js';
import { zstdReady } from '../../src/record/zstd.js';
import { mcapBytes, message, writeMetadata, writeSqlite } from './bags.js';

/** What the reader made of one recording. */
export interface Outcome {
  readonly path: string;
  readonly messages: number;
  readonly damage?: string | null;
  readonly error?: string;
  /** The error is a `UserError`. */
  readonly clear?: boolean;
  readonly ms: number;
  /** Largest resident memory of the process until then. */
  readonly peakMb: number;
}

export interface Seedling {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** File name; in a folder with a metadata.yaml where it names one. */
  readonly file: string;
}

/** Small whole recordings of every kind the reader knows. */
export async function seedlings(folder: string): Promise<Seedling[]> {
  await zstdReady();
  mkdirSync(folder, { recursive: true });
  const messages = Array.from({ length: 60 }, (_, i) =>
    message(i % 3 === 0 ? '/b' : '/a', BigInt(1e9 + 1e7 * i), i, i % 10 === 0 ? 3000 : 40),
  );
  const indexed = await mcapBytes(messages, { chunkSize: 2000, metadata: { saccade: { json: '{}' } } });
  const plain = await mcapBytes(messages, { chunkSize: 2000, compression: 'none' });
  const unchunked = await mcapBytes(messages, { useChunks: false });
  const sqlite = async (name: string, compressed: boolean) => {
    const file = join(folder, `${name}.db3`);
    rmSync(file, { force: true });
    return new Uint8Array(readFileSync(await writeSqlite(file, messages, { compressed })));
  };
  writeMetadata(folder, { files: ['bag.mcap'] });
  const yaml = new Uint8Array(readFileSync(join(folder, 'metadata.yaml')));
  return [
    { name: 'mcap, zstd chunks', bytes: indexed, file: 'bag.mcap' },
    { name: 'mcap, plain chunks', bytes: plain, file: 'bag.mcap' },
    { name: 'mcap, plain chunks, cut', bytes: plain.subarray(0, 14_000), file: 'bag.mcap' },
    { name: 'mcap, no chunks', bytes: unchunked, file: 'bag.mcap' },
    { name: 'mcap.zstd', bytes: compress(Buffer.from(plain), 1), file: 'bag.mcap.zstd' },
    { name: 'sqlite3', bytes: await sqlite('plain', false), file: 'bag.db3' },
    { name: 'sqlite3, zstd messages', bytes: await sqlite('packed', true), file: 'bag.db3' },
    { name: 'metadata.yaml', bytes: yaml, file: 'metadata.yaml' },
  ];
}

/** Sizes that a field may claim. */
const HOSTILE = [
  0n,
  1n,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  100n * 2n ** 30n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** One to four changes, each of a random kind. */
export function mutate(original: Uint8Array, random: Random): Uint8Array {
  const below = (n: number) => Math.floor(random.next() * n);
  let bytes = Uint8Array.from(original);
  for (let n = 1 + below(4); n > 0; n--) {
    // The ends hold most of what is not payload.
    const near = below(4) === 0 ? below(Math.min(300, bytes.length)) : below(bytes.length);
    const at = below(4) === 0 ? Math.max(0, bytes.length - 1 - near) : near;
    const view = new DataView(bytes.buffer);
    const size = HOSTILE[below(HOSTILE.length)] as bigint;
    switch (below(7)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        for (let flips = 1 + below(8); flips > 0; flips--) {
          const i = Math.min(bytes.length - 1, at + below(64));
          if (i >= 0) bytes[i] = (bytes[i] as number) ^ (1 << below(8));
        }
        break;
      case 2:
        if (at + 8 <= bytes.length) view.setBigUint64(at, size, true);
        break;
      case 3:
        if (at + 4 <= bytes.length) view.setUint32(at, Number(size & 0xffff_ffffn), true);
        break;
      case 4:
        bytes.fill(below(256), at, at + below(200));
        break;
      case 5:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + below(100))]);
        break;
      default:
        bytes.copyWithin(at, below(bytes.length), below(bytes.length));
    }
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

/** Writes the recording as it would be found; returns the path to open. */
export function plant(folder: string, { file }: Seedling, bytes: Uint8Array, whole: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), bytes);
  if (file !== 'metadata.yaml') return join(folder, file);
  writeFileSync(join(folder, 'bag.mcap'), whole);
  return folder;
}

const READER = fileURLToPath(new URL('./readBags.mjs', import.meta.url));
/** The heap of the child that reads, MiB; what is outside it (buffers, WebAssembly) shows in `peakMb`. */
const HEAP_MB = 192;
/** Nothing this small takes a minute: a child that says nothing for so long hangs. */
const HANG_MS = 60_000;

/**
 * Has a child process read the recordings one after the other.
 * @throws Error naming the recording at which it died or hung
 */
export async function* readInChild(paths: Iterable<string>): AsyncGenerator<Outcome, void, void> {
  const args = [`--max-old-space-size=${HEAP_MB}`, READER];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`)),
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    for (const path of paths) {
      child.stdin.write(`${path}\n`);
      const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
      const { done, value } = await lines.next();
      clearTimeout(timer);
      if (done) throw new Error(`the reader died of ${await ended} at ${path}`);
      yield JSON.parse(value) as Outcome;
    }
  } finally {
    child.stdin.end();
    await ended;
  }
}
