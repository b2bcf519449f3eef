/**
 * The records of an MCAP file (https://mcap.dev/spec), as far as a reader of recordings needs them. Every field
 * is checked against its record's end, for the bytes may be anything: see `Corrupt`.
 */
import { crc32 } from 'node:zlib';
import { UserError } from '../../errors.js';
import { unzstd } from '../zstd.js';
import { MAX_PIECE_BYTES } from './limits.js';

export const MCAP_MAGIC = Uint8Array.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);

/** A record is an opcode, the length of its content as a uint64, and the content. */
export const RECORD_HEADER_BYTES = 9;

export const OPCODE = {
  header: 0x01,
  footer: 0x02,
  schema: 0x03,
  channel: 0x04,
  message: 0x05,
  chunk: 0x06,
  metadata: 0x0c,
} as const;

/** The bytes are not what the format says. */
export class Corrupt extends Error {}

export interface Schema {
  readonly id: number;
  /** `package/msg/Name`. */
  readonly name: string;
  readonly encoding: string;
  readonly data: Uint8Array;
}

export interface Channel {
  readonly id: number;
  readonly schemaId: number;
  readonly topic: string;
  readonly messageEncoding: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A message's fields; its data is what follows them in the record. */
export const MESSAGE_FIELDS_BYTES = 2 + 4 + 8 + 8;

/** Reads little-endian fields one after the other, and never past `end`. */
export class Cursor {
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public offset = 0,
    readonly end = bytes.length,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by `length` bytes and returns where they begin. */
  #take(length: number): number {
    const at = this.offset;
    if (length > this.end - at)
      throw new Corrupt(`a field of ${length} bytes where ${this.end - at} are left`);
    this.offset = at + length;
    return at;
  }

  uint8 = (): number => this.#view.getUint8(this.#take(1));
  uint16 = (): number => this.#view.getUint16(this.#take(2), true);
  uint32 = (): number => this.#view.getUint32(this.#take(4), true);
  uint64 = (): bigint => this.#view.getBigUint64(this.#take(8), true);

  /** A view, not a copy. */
  blob(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  string = (): string => TEXT.decode(this.blob(this.uint32()));

  strings(): Map<string, string> {
    const length = this.uint32();
    const at = this.#take(length);
    const inside = new Cursor(this.bytes, at, at + length);
    const map = new Map<string, string>();
    while (inside.offset < inside.end) map.set(inside.string(), inside.string());
    return map;
  }
}
const TEXT = new TextDecoder();

export function parseSchema(content: Uint8Array): Schema {
  const cursor = new Cursor(content);
  const [id, name, encoding] = [cursor.uint16(), cursor.string(), cursor.string()];
  return { id, name, encoding, data: cursor.blob(cursor.uint32()).slice() };
}

export function parseChannel(content: Uint8Array): Channel {
  const cursor = new Cursor(content);
  const [id, schemaId] = [cursor.uint16(), cursor.uint16()];
  const [topic, messageEncoding] = [cursor.string(), cursor.string()];
  return { id, schemaId, topic, messageEncoding, metadata: cursor.strings() };
}

export function parseMetadata(content: Uint8Array): [name: string, values: ReadonlyMap<string, string>] {
  const cursor = new Cursor(content);
  return [cursor.string(), cursor.strings()];
}

export interface ChunkFields {
  readonly compression: string;
  /** Of its records, decompressed. */
  readonly size: number;
  readonly crc: number;
  /** Bytes of the records as they stand in the file, and where in the content they begin. */
  readonly stored: number;
  readonly at: number;
}

/** The fields before a chunk's records: `content` may end anywhere after them. */
export function parseChunkFields(content: Uint8Array): ChunkFields {
  const cursor = new Cursor(content);
  cursor.uint64();
  cursor.uint64();
  const [size, crc, compression, stored] = [
    cursor.uint64(),
    cursor.uint32(),
    cursor.string(),
    cursor.uint64(),
  ];
  return { compression, size: Number(size), crc, stored: Number(stored), at: cursor.offset };
}

/**
 * The records of a chunk, decompressed and checked against its CRC where it has one.
 * @throws Corrupt, Error; UserError for a compression that is known but not read
 */
export function chunkRecords(content: Uint8Array): Uint8Array {
  const { compression, size, crc, stored, at } = parseChunkFields(content);
  if (size > MAX_PIECE_BYTES) throw new Corrupt(`a chunk claims ${size} bytes`);
  if (stored > content.length - at) throw new Corrupt('a chunk’s records reach beyond its end');
  const bytes = content.subarray(at, at + stored);
  const records = compression === '' || stored === 0 ? bytes : decompress(compression, bytes, size);
  if (records.length !== size)
    throw new Corrupt(`a chunk has ${records.length} bytes where it claims ${size}`);
  if (crc !== 0 && crc32(records) !== crc) throw new Corrupt('a chunk fails its checksum');
  return records;
}

function decompress(compression: string, bytes: Uint8Array, size: number): Uint8Array {
  if (compression === 'zstd') return unzstd(bytes, size);
  if (compression === 'lz4')
    throw new UserError(
      "the recording has chunks compressed with lz4, which Saccade does not read; rewrite it with zstd ('mcap compress --compression zstd', or 'ros2 bag convert')",
    );
  throw new Corrupt(`a chunk is compressed with ${JSON.stringify(compression.slice(0, 40))}`);
}

/**
 * Calls `visit` for each record of `bytes` with where its content begins and ends.
 * @throws Corrupt at one that is cut short, after all before it were visited
 */
export function eachRecord(
  bytes: Uint8Array,
  visit: (opcode: number, start: number, end: number) => void,
): void {
  const cursor = new Cursor(bytes);
  while (cursor.offset < bytes.length) {
    const opcode = cursor.uint8();
    const length = cursor.uint64();
    const start = cursor.offset;
    if (opcode === 0 || length > BigInt(bytes.length - start)) throw new Corrupt('a record is cut short');
    cursor.offset = start + Number(length);
    visit(opcode, start, cursor.offset);
  }
}

/** Where the fields of a message record stand, for a view over the bytes that hold its content at `start`. */
export const messageField = {
  channelId: (view: DataView, start: number) => view.getUint16(start, true),
  logTime: (view: DataView, start: number) => view.getBigUint64(start + 6, true),
  publishTime: (view: DataView, start: number) => view.getBigUint64(start + 14, true),
  /** Where the content ends. */
  end: (view: DataView, start: number) => start + Number(view.getBigUint64(start - 8, true)),
} as const;
