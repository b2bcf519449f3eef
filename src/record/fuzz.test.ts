/**
 * Damaged and hostile recordings, read by a child process whose memory is watched: an error in one sentence or what
 * can be read, never a crash, a hang or memory beyond 512 MB. `bench/fuzz.ts` does the same by the thousand.
 */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compress } from '@bokuweb/zstd-wasm';
import { McapRecordBuilder, Opcode } from '@mcap/core';
import sqlite from 'node-sqlite3-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { mcapBytes, message } from '../../test/support/bags.js';
import { temporaryFolder } from '../../test/support/cli.js';
import { mutate, type Outcome, plant, readInChild, seedlings } from '../../test/support/fuzz.js';
import { Random } from '../random.js';
import { MAX_PIECE_BYTES } from './read/limits.js';
import { zstdReady } from './zstd.js';

const PEAK_MB = 512;
const root = temporaryFolder();
beforeAll(zstdReady);

async function outcomes(paths: Iterable<string>): Promise<Outcome[]> {
  const list: Outcome[] = [];
  for await (const outcome of readInChild(paths)) list.push(outcome);
  return list;
}

function expectDecent(list: readonly Outcome[]): void {
  expect(list.filter(({ error, clear }) => error !== undefined && !clear)).toEqual([]);
  expect(Math.max(...list.map(({ peakMb }) => peakMb))).toBeLessThan(PEAK_MB);
}

describe('damaged recordings', () => {
  it('are read in part or refused in one sentence', async () => {
    const kinds = await seedlings(join(root, 'whole'));
    const whole = kinds[0] as (typeof kinds)[0];
    const random = new Random(1, 'fuzz');
    const list = await outcomes(
      (function* () {
        for (let i = 0; i < 320; i++) {
          const kind = kinds[i % kinds.length] as (typeof kinds)[0];
          yield plant(join(root, kind.name), kind, mutate(kind.bytes, random), whole.bytes);
        }
      })(),
    );
    expect(list).toHaveLength(320);
    expectDecent(list);
    // Most of what is only scratched is still read.
    expect(list.filter(({ messages }) => messages > 0).length).toBeGreaterThan(100);
  }, 120_000);
});

/** An MCAP file of hand-made records. */
class Mcap {
  readonly records = new McapRecordBuilder();
  readonly #pieces: Uint8Array[] = [];

  constructor() {
    this.records.writeMagic();
    this.records.writeHeader({ profile: 'ros2', library: 'hostile' });
  }

  get length(): number {
    return this.records.length + this.#pieces.reduce((sum, { length }) => sum + length, 0);
  }

  raw(bytes: Uint8Array): this {
    this.#pieces.push(this.records.buffer.slice(), bytes);
    this.records.reset();
    return this;
  }

  chunk(records: Uint8Array, fields: Partial<Parameters<McapRecordBuilder['writeChunk']>[0]> = {}): this {
    this.records.writeChunk({
      messageStartTime: 0n,
      messageEndTime: 2n ** 60n,
      compression: 'zstd',
      uncompressedSize: BigInt(MAX_PIECE_BYTES),
      uncompressedCrc: 0,
      records,
      ...fields,
    });
    return this.raw(new Uint8Array());
  }

  write(name: string): string {
    const path = join(root, name);
    writeFileSync(path, Buffer.concat([...this.#pieces, this.records.buffer]));
    return path;
  }
}

/** Opcode and claimed length, and nothing behind them. */
function claim(opcode: number, length: bigint): Uint8Array {
  const bytes = new Uint8Array(9);
  bytes[0] = opcode;
  new DataView(bytes.buffer).setBigUint64(1, length, true);
  return bytes;
}

/** Records that make a chunk of `bytes`: a channel, one message, and zeros in a record that nobody knows. */
function padded(bytes: number, logTime: bigint): Uint8Array {
  const records = new McapRecordBuilder();
  records.writeSchema({ id: 1, name: 'a/msg/B', encoding: 'ros2msg', data: new Uint8Array() });
  records.writeChannel({ id: 1, schemaId: 1, topic: '/a', messageEncoding: 'cdr', metadata: new Map() });
  records.writeMessage({ channelId: 1, sequence: 0, logTime, publishTime: logTime, data: new Uint8Array(4) });
  const out = new Uint8Array(bytes);
  out.set(records.buffer);
  out.set(claim(0x80, BigInt(bytes - records.length - 9)), records.length);
  return out;
}

describe('hostile recordings', () => {
  it('that claim sizes they do not have cost nothing', async () => {
    const good = await mcapBytes([message('/a', 1n, 1)]);
    const sizes = [2n ** 31n, 100n * 2n ** 30n, 2n ** 63n, 2n ** 64n - 1n];
    const paths = [Opcode.CHUNK, Opcode.MESSAGE, Opcode.SCHEMA, Opcode.METADATA, Opcode.FOOTER, 0x7f].flatMap(
      (opcode) =>
        sizes.map((size, i) => new Mcap().raw(claim(opcode, size)).write(`claim_${opcode}_${i}.mcap`)),
    );
    for (const [i, uncompressedSize] of sizes.entries())
      paths.push(new Mcap().chunk(compress(good, 1), { uncompressedSize }).write(`chunk_${i}.mcap`));
    // A zstd frame that says it has 100 GB, as a chunk, a message and a file.
    const frame = Uint8Array.from([
      ...[0x28, 0xb5, 0x2f, 0xfd, 0xe0],
      ...[0, 0, 0, 0, 0x19, 0, 0, 0],
      1,
      0,
      0,
    ]);
    paths.push(new Mcap().chunk(frame).write('frame.mcap'));
    writeFileSync(join(root, 'frame.mcap.zstd'), frame);
    writeFileSync(join(root, 'message.mcap'), await mcapBytes([{ ...message('/a', 1n, 1), data: frame }]));
    paths.push(join(root, 'frame.mcap.zstd'), join(root, 'message.mcap'));
    const list = await outcomes(paths);
    expectDecent(list);
    expect(list.filter(({ error, damage }) => error === undefined && damage === null)).toEqual([]);
    expect(Math.max(...list.map(({ peakMb }) => peakMb))).toBeLessThan(200);
  }, 60_000);

  it('that blow up, all at one time, are read a few chunks at a time', async () => {
    // Eight chunks of 64 MiB that are some kilobytes each, and all say that they last for ever.
    const mcap = new Mcap();
    for (let i = 0; i < 8; i++) mcap.chunk(compress(padded(MAX_PIECE_BYTES, BigInt(i)), 1));
    const larger = padded(MAX_PIECE_BYTES + 1, 0n);
    mcap.chunk(compress(larger, 1), { uncompressedSize: BigInt(larger.length) });
    const [outcome] = await outcomes([mcap.write('bomb.mcap')]);
    expect(outcome).toMatchObject({
      messages: 8,
      damage: expect.stringContaining(`claims ${larger.length} bytes`),
    });
    expect(outcome?.peakMb).toBeLessThan(PEAK_MB);
  }, 120_000);

  it('of more small things than anybody needs are read within bounds', async () => {
    const tiny = new McapRecordBuilder();
    tiny.writeChannel({ id: 1, schemaId: 0, topic: '/a', messageEncoding: 'cdr', metadata: new Map() });
    for (let i = 0; i < 100_000; i++)
      tiny.writeMessage({
        channelId: 1,
        sequence: 0,
        logTime: BigInt(100_000 - i),
        publishTime: 0n,
        data: new Uint8Array(),
      });
    const records = tiny.buffer;
    const messages = new Mcap().chunk(compress(records, 1), { uncompressedSize: BigInt(records.length) });
    const channels = new Mcap();
    for (let id = 0; id < 65_536; id++)
      channels.records.writeChannel({
        id,
        schemaId: 0,
        topic: `/${'x'.repeat(1000)}${id}`,
        messageEncoding: 'cdr',
        metadata: new Map(),
      });
    const chunks = new Mcap();
    const empty = new Uint8Array();
    for (let i = 0; i < 100_000; i++)
      chunks.records.writeChunk({
        messageStartTime: 0n,
        messageEndTime: 9n,
        compression: '',
        uncompressedSize: 0n,
        uncompressedCrc: 0,
        records: empty,
      });
    const list = await outcomes([
      messages.write('tiny.mcap'),
      channels.write('channels.mcap'),
      chunks.write('chunks.mcap'),
    ]);
    expectDecent(list);
    expect(list[0]).toMatchObject({ messages: 100_000 });
    expect(list[1]?.damage).toContain('bytes of schemas, channels and metadata');
  }, 120_000);

  it('with a compression that is not read are refused, naming the way out, or read without those chunks', async () => {
    const lz4 = new Mcap().chunk(new Uint8Array(20), { compression: 'lz4' }).write('lz4.mcap');
    const good = padded(1000, 5n);
    const odd = new Mcap().chunk(new Uint8Array(20), { compression: 'zstc' });
    odd.chunk(good, { compression: '', uncompressedSize: 1000n });
    const list = await outcomes([lz4, odd.write('odd.mcap')]);
    expect(list[0]).toMatchObject({ clear: true, error: expect.stringContaining('rewrite it with zstd') });
    expect(list[1]).toMatchObject({ messages: 1, damage: expect.stringContaining('compressed with "zstc"') });
  });

  it('that end in zeros, as after a power cut, stop there', async () => {
    const path = join(root, 'zeros.mcap');
    const whole = await mcapBytes(
      Array.from({ length: 50 }, (_, i) => message('/a', BigInt(i), i)),
      { chunkSize: 500 },
    );
    writeFileSync(path, whole.subarray(0, 3000));
    truncateSync(path, 4 * 2 ** 30);
    const [outcome] = await outcomes([path]);
    expect(outcome?.messages).toBeGreaterThan(5);
    expect(outcome?.damage).toContain(`of ${4 * 2 ** 30}`);
  }, 60_000);

  it('whose index points where it likes are read without it', async () => {
    const mcap = new Mcap();
    const chunk = padded(1000, 5n);
    const chunkStartOffset = BigInt(mcap.length);
    mcap.chunk(chunk, { compression: '', uncompressedSize: 1000n });
    const chunkLength = BigInt(mcap.length) - chunkStartOffset;
    const index = { chunkStartOffset, chunkLength, messageStartTime: 5n, messageEndTime: 5n };
    const more = {
      messageIndexOffsets: new Map([[1, 2n ** 62n]]),
      messageIndexLength: 9n,
      compression: '',
      compressedSize: 0n,
      uncompressedSize: 2n ** 60n,
    };
    mcap.records.writeDataEnd({ dataSectionCrc: 0 });
    const summaryStart = BigInt(mcap.length);
    // The same chunk a hundred times, one beyond the end, one of negative length.
    for (let i = 0; i < 100; i++) mcap.records.writeChunkIndex({ ...index, ...more });
    mcap.records.writeChunkIndex({ ...index, ...more, chunkStartOffset: 2n ** 63n });
    mcap.records.writeChunkIndex({ ...index, ...more, chunkLength: 0n });
    mcap.records.writeFooter({ summaryStart, summaryOffsetStart: 0n, summaryCrc: 0 });
    mcap.records.writeMagic();
    const [outcome] = await outcomes([mcap.write('index.mcap')]);
    expect(outcome).toMatchObject({ messages: 1, damage: expect.stringContaining('damaged index') });
  });

  it('that are SQLite programs rather than tables do not run', async () => {
    const program = (name: string, sql: string): string => {
      const path = join(root, name);
      const database = new sqlite.Database(path);
      database.exec(
        `CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT); ${sql}`,
      );
      database.close();
      return path;
    };
    const list = await outcomes([
      program(
        'view.db3',
        "CREATE VIEW messages AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 1 AS topic_id, id AS timestamp, x'00' AS data FROM n",
      ),
      program(
        'blob.db3',
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB); INSERT INTO topics VALUES (1, '/a', 'a/msg/B', 'cdr'); INSERT INTO messages VALUES (1, 1, 1, zeroblob(100000000)), (2, 1, 'soon', x'00'), (3, 1, 5, 'text'), (4, 1, 9, x'00010000')",
      ),
    ]);
    expectDecent(list);
    expect(list[0]?.error).toContain("no table 'messages'");
    expect(list[1]).toMatchObject({
      messages: expect.any(Number),
      damage: expect.stringContaining('damaged'),
    });
  }, 60_000);

  it('whose metadata.yaml is enormous is read without', async () => {
    const folder = join(root, 'enormous');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.mcap'), await mcapBytes([message('/a', 1n, 1)]));
    writeFileSync(join(folder, 'metadata.yaml'), 'a: 1\n');
    truncateSync(join(folder, 'metadata.yaml'), 2 ** 31);
    const [outcome] = await outcomes([folder]);
    expect(outcome).toMatchObject({
      messages: 1,
      damage: expect.stringContaining('metadata.yaml has 2147483648 bytes'),
    });
  });
});
