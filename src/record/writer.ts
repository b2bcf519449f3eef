/** Writes rosbag2 folders with MCAP storage, so that whatever kills the process costs at most the last moment. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { makeFolder } from '../folder.js';
import { version } from '../version.js';
import type { BagMessage } from './bag.js';
import { createFile, type Disk } from './write/disk.js';
import { McapBuilder } from './write/mcapBuilder.js';
import { metadataText } from './write/metadata.js';
import { zstdReady } from './zstd.js';

/** A chunk is closed, and on its way to the disk, when it has this much or its first message is this old. */
const CHUNK_BYTES = 1 << 20;
const CHUNK_MS = 500;

export interface BagWriterOptions {
  /** MCAP metadata records by name, written ahead of all messages. */
  readonly metadata?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Schema texts (`ros2msg`) by type, for types outside ROS 2's common interfaces. */
  readonly definitions?: Readonly<Record<string, string>>;
  /** Makes the MCAP file. */
  readonly create?: (path: string) => Promise<Disk>;
}

/**
 * One bag, `<dir>/metadata.yaml` and `<dir>/<name of dir>_0.mcap`.
 *
 * When writing fails (a full disk), the file is cut back to its last whole chunk and the writer takes nothing
 * more: `write`, `flush` and `close` reject with the first error. What was written stays readable.
 */
export class BagWriter {
  readonly dir: string;
  readonly #file: string;
  readonly #disk: Disk;
  readonly #mcap: McapBuilder;
  /** Calls run one after another, in the order they came. */
  #turn: Promise<void> = Promise.resolve();
  #bytes = 0;
  #messages = 0;
  /** Topics in metadata.yaml. */
  #described = 0;
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;

  private constructor(dir: string, file: string, disk: Disk, mcap: McapBuilder) {
    this.dir = dir;
    this.#file = file;
    this.#disk = disk;
    this.#mcap = mcap;
  }

  /** @throws UserError when `dir` exists or cannot be made */
  static async create(dir: string, options: BagWriterOptions = {}): Promise<BagWriter> {
    const file = `${basename(resolve(dir))}_0.mcap`;
    await zstdReady();
    let made = false;
    try {
      await makeFolder(dirname(resolve(dir)));
      await mkdir(dir);
      made = true;
      const mcap = new McapBuilder(options.definitions);
      const disk = await (options.create ?? createFile)(join(dir, file));
      const writer = new BagWriter(dir, file, disk, mcap);
      await writer.#append(mcap.start(`saccade ${version}`));
      for (const [name, entries] of options.metadata ?? [])
        await writer.#append(mcap.metadata(name, entries));
      await writer.#describe(false);
      return writer;
    } catch (error) {
      // Nothing is recorded yet; a folder without a message would only be in the way.
      if (made) await rm(dir, { recursive: true, force: true });
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw new UserError(`bag ${dir} exists already: remove it, or record elsewhere`);
      throw new UserError(`bag ${dir} cannot be written: ${message}`, undefined, { cause: error });
    }
  }

  /** On the disk so far. */
  get bytes(): number {
    return this.#bytes;
  }
  /** On the disk so far, whole chunks of them. */
  get messages(): number {
    return this.#messages;
  }

  /**
   * Resolves when the message is in the open chunk, or on the disk where that filled the chunk; `data` must
   * not change before.
   */
  write(message: BagMessage): Promise<void> {
    return this.#inTurn(async () => {
      this.#mcap.add(message);
      if (this.#mcap.chunkBytes >= CHUNK_BYTES) await this.#closeChunk();
      else this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), CHUNK_MS);
    });
  }

  /** Resolves when everything is on the disk. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#closeChunk());
  }

  /** Makes the bag complete. Safe twice; always lets go of the file. */
  close(): Promise<void> {
    this.#closing ??= this.#inTurn(async () => {
      await this.#closeChunk();
      await this.#append(this.#mcap.end());
      await this.#describe(true);
    }).finally(() => {
      clearTimeout(this.#timer);
      return this.#disk.close();
    });
    return this.#closing;
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(async () => {
      if (this.#failure) throw this.#failure;
      await action();
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  async #closeChunk(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = this.#mcap.closeChunk();
    if (!bytes) return;
    await this.#append(bytes);
    this.#messages = this.#mcap.messages;
    // Should it be cut short: `ros2 bag play` publishes only what metadata.yaml names.
    if (this.#mcap.topics.length > this.#described) await this.#describe(false);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    try {
      await this.#disk.write(bytes);
      this.#bytes += bytes.length;
    } catch (error) {
      this.#failure = error as Error;
      await this.#disk.truncate(this.#bytes).catch(() => {}); // Readers cope with half a chunk, too.
      throw error;
    }
  }

  /** By renaming, since a full disk would leave nothing of a file written over. */
  async #describe(complete: boolean): Promise<void> {
    const { topics, span } = this.#mcap;
    this.#described = topics.length;
    const text = metadataText({ file: this.#file, topics, span, complete });
    const path = join(this.dir, 'metadata.yaml');
    try {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    } catch (error) {
      this.#failure = error as Error;
      await rm(`${path}.new`, { force: true });
      throw error;
    }
  }
}
