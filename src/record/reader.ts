/**
 * Opens a rosbag2 recording whatever its storage (MCAP, sqlite3) and compression (zstd by file, chunk or message).
 *
 * It streams: no more than read/limits.ts allows is in memory, whatever the files claim. What is damaged or cut
 * short is left out and named in `damage`; only a recording of which nothing can be read is refused.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UserError } from '../errors.js';
import type { BagMessage, BagReader, BagTopic, MessageFilter } from './bag.js';
import { ByteFile } from './read/byteFile.js';
import { Damage } from './read/damage.js';
import { bagFiles } from './read/folder.js';
import { openMcap } from './read/mcapFile.js';
import { MCAP_MAGIC } from './read/mcapRecords.js';
import { merge } from './read/merge.js';
import { type BagFile, joinSpans, type TimeSpan } from './read/source.js';
import { openSqlite, SQLITE_MAGIC } from './read/sqliteFile.js';
import { unpack } from './read/unpack.js';
import { isZstd, unzstd, zstdReady } from './zstd.js';

/**
 * @param at a rosbag2 folder, or one .mcap or .db3 file (.zstd too)
 * @throws UserError when nothing of it can be read
 */
export async function openBag(at: string): Promise<RecordedBag> {
  await zstdReady();
  const damage = new Damage();
  const files: BagFile[] = [];
  try {
    const paths = await bagFiles(at, damage);
    for (const file of paths) {
      try {
        files.push(await openFile(file, damage));
      } catch (error) {
        // One of several: the others are worth having.
        if (paths.length === 1 || !(error instanceof UserError)) throw error;
        damage.note(error.message);
      }
    }
    if (files.length === 0) throw new UserError(`${at} has no file that can be read: ${damage.sentence}`);
    const storages = new Set(files.map(({ storage }) => storage));
    if (storages.size > 1) throw new UserError(`${at} mixes MCAP and sqlite3 files; open them one by one`);
    return new RecordedBag(at, files, damage);
  } catch (error) {
    for (const file of files) await file.close();
    throw error;
  }
}

/** @param name what messages call it, where that is not its path */
async function openFile(at: string, damage: Damage, name = at): Promise<BagFile> {
  const file = await ByteFile.open(at, name);
  let storage: BagFile['storage'];
  try {
    const head = await file.read(0, 16);
    if (isZstd(head)) return await openPacked(file, at, damage);
    storage = storageOf(head, name);
    if (storage === 'mcap') return await openMcap(file, damage);
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return openSqlite(at, damage, name);
}

function storageOf(head: Uint8Array, at: string): BagFile['storage'] {
  const startsWith = (magic: Uint8Array) => magic.every((byte, i) => head[i] === byte);
  if (startsWith(MCAP_MAGIC)) return 'mcap';
  if (startsWith(SQLITE_MAGIC)) return 'sqlite3';
  throw new UserError(`${at} is neither an MCAP nor a SQLite file, so it is no recording; check the path`);
}

/** The unpacked file loses its name as soon as it is open: nothing of it stays, however the process ends. */
async function openPacked(packed: ByteFile, at: string, damage: Damage): Promise<BagFile> {
  const folder = await mkdtemp(path.join(tmpdir(), 'saccade-bag-'));
  try {
    const target = path.join(folder, 'unpacked');
    await unpack(packed, at, target, damage);
    await packed.close();
    return await openFile(target, damage, packed.path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export class RecordedBag implements BagReader {
  readonly storage: BagReader['storage'];
  readonly topics: readonly BagTopic[];
  readonly metadata: BagReader['metadata'];
  /** Message definitions (`ros2msg`) by type, as far as the recording has them. */
  readonly definitions: ReadonlyMap<string, string>;
  /** `logTime` of the first and the last message, ns; undefined when there is none. */
  readonly span: TimeSpan | undefined;

  constructor(
    readonly path: string,
    readonly files: readonly BagFile[],
    private readonly trouble: Damage,
  ) {
    this.storage = files[0]?.storage ?? 'mcap';
    this.topics = joinTopics(files.flatMap(({ topics }) => topics));
    this.metadata = new Map(files.flatMap(({ metadata }) => [...metadata]));
    this.definitions = new Map(files.flatMap(({ definitions }) => [...definitions]));
    this.span = files.map(({ span }) => span).reduce(joinSpans, undefined);
  }

  get damage(): string | undefined {
    return this.trouble.sentence;
  }

  /** Everything that `damage` sums up: one sentence each, the first hundred. */
  get problems(): readonly string[] {
    return this.trouble.all;
  }

  async *messages({ topics }: MessageFilter = {}): AsyncGenerator<BagMessage, void, void> {
    const sources = this.files.flatMap((file) => file.sources(topics));
    const late = () =>
      this.trouble.note(`${this.path} has messages out of order that are too far apart to be sorted`);
    for await (const message of merge(sources, late)) {
      // Compression mode "message". A CDR message begins with 0, a zstd frame does not.
      if (!isZstd(message.data)) yield message;
      else {
        const data = this.#unzstd(message);
        if (data) yield { ...message, data };
      }
    }
  }

  #unzstd({ topic, data }: BagMessage): Uint8Array | undefined {
    try {
      return unzstd(data);
    } catch (error) {
      this.trouble.note(
        `${this.path} has damaged messages on ${topic}: ${(error as Error).message}; the rest is read`,
      );
      return undefined;
    }
  }

  async close(): Promise<void> {
    for (const file of this.files) await file.close();
  }
}

/** One entry for a topic that several files, or several publishers, contribute to. */
function joinTopics(topics: readonly BagTopic[]): BagTopic[] {
  const joined = new Map<string, BagTopic>();
  for (const topic of topics) {
    const key = JSON.stringify([topic.name, topic.type]);
    const other = joined.get(key);
    const { messages, ...rest } = topic;
    const count = other ? sum(other.messages, messages) : messages;
    joined.set(key, { ...rest, ...(count !== undefined && { messages: count }) });
  }
  return [...joined.values()];
}

const sum = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b;
