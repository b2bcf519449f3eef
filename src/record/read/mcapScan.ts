/**
 * The contents of an MCAP file without an index, from a walk through all of it: every chunk is decompressed
 * once, none is kept.
 */
import { UserError } from '../../errors.js';
import type { ByteFile } from './byteFile.js';
import type { Damage } from './damage.js';
import { MAX_DESCRIPTION_BYTES, MAX_PIECE_BYTES, MAX_PIECES } from './limits.js';
import { Description, type McapContents, type Piece } from './mcapContents.js';
import {
  Corrupt,
  chunkRecords,
  eachRecord,
  MCAP_MAGIC,
  MESSAGE_FIELDS_BYTES,
  messageField,
  OPCODE,
  parseChunkFields,
  RECORD_HEADER_BYTES,
} from './mcapRecords.js';
import { joinSpans, type TimeSpan } from './source.js';

/** Messages outside chunks are read in runs of about this much. */
const RUN_BYTES = 2 ** 20;
const WINDOW_BYTES = 2 ** 18;
/** Enough of a chunk's content to read the fields before its records. */
const CHUNK_FIELDS_BYTES = 256;

/**
 * Notes in `damage` whatever cannot be read.
 * @throws UserError when there is more of it than a reader can keep track of
 */
export async function scannedContents(file: ByteFile, damage: Damage): Promise<McapContents> {
  return new Scan(file, damage).run();
}

class Scan {
  readonly #pieces: Piece[] = [];
  readonly #description = new Description();
  readonly #counts = new Map<number, number>();
  #run: Piece | undefined;
  #window: { readonly offset: number; readonly bytes: Uint8Array } = { offset: 0, bytes: new Uint8Array() };

  constructor(
    private readonly file: ByteFile,
    private readonly damage: Damage,
  ) {}

  async run(): Promise<McapContents> {
    const { path, size } = this.file;
    let offset = MCAP_MAGIC.length;
    let complete = false;
    while (offset < size && !complete) {
      if (this.#pieces.length > MAX_PIECES)
        throw new UserError(`${path} has more than ${MAX_PIECES} chunks; split it with 'ros2 bag convert'`);
      const record = await this.#record(offset);
      const next = record?.end ?? (await this.#intoChunk(offset));
      if (next === undefined) break;
      complete = record?.opcode === OPCODE.footer;
      offset = next;
    }
    this.#endRun();
    if (!complete) {
      const where = offset < size ? `at byte ${offset} of ${size}` : 'before its index';
      this.damage.note(`${path} is cut short or damaged ${where}; what comes before is read`);
    }
    return { pieces: this.#pieces, description: this.#description, counts: this.#counts };
  }

  /** Takes in the record at `offset`; undefined when there is no whole one. */
  async #record(offset: number): Promise<{ opcode: number; end: number } | undefined> {
    const head = await this.#at(offset, RECORD_HEADER_BYTES + MESSAGE_FIELDS_BYTES);
    if (head.length < RECORD_HEADER_BYTES) return undefined;
    const view = viewOf(head);
    const opcode = view.getUint8(0);
    const length = Number(view.getBigUint64(1, true));
    const start = offset + RECORD_HEADER_BYTES;
    if (opcode === 0 || length > this.file.size - start) return undefined;
    if (opcode === OPCODE.message) this.#message(offset, length, view);
    else {
      this.#endRun();
      await this.#other(opcode, start, length);
    }
    return { opcode, end: start + length };
  }

  #message(offset: number, length: number, head: DataView): void {
    if (length < MESSAGE_FIELDS_BYTES || length > MAX_PIECE_BYTES) {
      this.#endRun();
      this.#lost(offset, `a message has ${length} bytes`);
      return;
    }
    const channel = messageField.channelId(head, RECORD_HEADER_BYTES);
    const time = messageField.logTime(head, RECORD_HEADER_BYTES);
    const end = offset + RECORD_HEADER_BYTES + length;
    if (this.#run && end - this.#run.offset > RUN_BYTES) this.#endRun();
    const run = this.#run ?? { offset, start: time, end: time, channels: new Set<number>() };
    const bytes = end - run.offset;
    this.#run = {
      ...{ kind: 'messages', offset: run.offset, length: bytes, bytes },
      start: time < run.start ? time : run.start,
      end: time > run.end ? time : run.end,
      channels: (run.channels as Set<number>).add(channel),
    };
    this.#counts.set(channel, (this.#counts.get(channel) ?? 0) + 1);
  }

  #endRun(): void {
    if (this.#run) this.#pieces.push(this.#run);
    this.#run = undefined;
  }

  async #other(opcode: number, start: number, length: number): Promise<void> {
    try {
      switch (opcode) {
        case OPCODE.chunk:
          await this.#chunk(start, length);
          return;
        case OPCODE.schema:
        case OPCODE.channel:
        case OPCODE.metadata:
          if (length > MAX_DESCRIPTION_BYTES) throw new Corrupt(`a record has ${length} bytes`);
          this.#description.add(opcode, await this.#at(start, length));
      }
    } catch (error) {
      if (error instanceof UserError) throw error;
      this.#lost(start, (error as Error).message);
    }
  }

  async #chunk(offset: number, length: number): Promise<void> {
    if (length > MAX_PIECE_BYTES + CHUNK_FIELDS_BYTES) throw new Corrupt(`a chunk has ${length} bytes`);
    const small = length <= WINDOW_BYTES;
    const records = chunkRecords(await (small ? this.#at(offset, length) : this.file.read(offset, length)));
    const view = viewOf(records);
    const channels = new Set<number>();
    let span: TimeSpan | undefined;
    const finish = () => {
      if (span)
        this.#pieces.push({ kind: 'chunk', offset, length, bytes: records.length, ...span, channels });
    };
    try {
      eachRecord(records, (opcode, start, end) => {
        if (opcode !== OPCODE.message) {
          this.#description.add(opcode, records.subarray(start, end));
          return;
        }
        if (end - start < MESSAGE_FIELDS_BYTES) throw new Corrupt('a message is cut short');
        const channel = messageField.channelId(view, start);
        const time = messageField.logTime(view, start);
        span = joinSpans(span, { start: time, end: time });
        channels.add(channel);
        this.#counts.set(channel, (this.#counts.get(channel) ?? 0) + 1);
      });
    } finally {
      finish();
    }
  }

  /** Where to go on when the chunk at `offset` is cut short: its records, where they are not compressed. */
  async #intoChunk(offset: number): Promise<number | undefined> {
    const head = await this.#at(offset, RECORD_HEADER_BYTES + CHUNK_FIELDS_BYTES);
    if (head[0] !== OPCODE.chunk) return undefined;
    try {
      const { compression, at } = parseChunkFields(head.subarray(RECORD_HEADER_BYTES));
      return compression === '' ? offset + RECORD_HEADER_BYTES + at : undefined;
    } catch {
      return undefined;
    }
  }

  #lost(offset: number, why: string): void {
    this.damage.note(`${this.file.path} is damaged near byte ${offset}: ${why}; the rest is read`);
  }

  /** Like `file.read`, for pieces that follow each other closely. */
  async #at(offset: number, length: number): Promise<Uint8Array> {
    const within = offset - this.#window.offset;
    if (within < 0 || within + length > this.#window.bytes.length)
      this.#window = { offset, bytes: await this.file.read(offset, Math.max(length, WINDOW_BYTES)) };
    const from = offset - this.#window.offset;
    return this.#window.bytes.subarray(from, from + length);
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
