import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compress } from '@bokuweb/zstd-wasm';
import fc from 'fast-check';
import sqlite from 'node-sqlite3-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type McapLayout,
  mcapBytes,
  message,
  writeMcap,
  writeMetadata,
  writeSqlite,
} from '../../test/support/bags.js';
import { temporaryFolder } from '../../test/support/cli.js';
import { UserError } from '../errors.js';
import type { BagMessage } from './bag.js';
import { openBag } from './reader.js';
import { BagWriter } from './writer.js';
import { zstdReady } from './zstd.js';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `bag_${count++}`);
beforeAll(zstdReady);

interface Reading {
  readonly messages: BagMessage[];
  readonly damage: string | undefined;
}

async function read(path: string, topics?: readonly string[]): Promise<Reading> {
  const bag = await openBag(path);
  try {
    const messages: BagMessage[] = [];
    for await (const next of bag.messages(topics && { topics: new Set(topics) })) messages.push(next);
    return { messages, damage: bag.damage };
  } finally {
    await bag.close();
  }
}

const byTime = (messages: readonly BagMessage[]) =>
  messages.toSorted((a, b) => Number(a.logTime - b.logTime));

/** Two topics; times in order but for what `jitter` does. */
const recording = (length: number, jitter = (i: number) => i) =>
  Array.from({ length }, (_, i) => message(i % 3 === 0 ? '/b' : '/a', BigInt(1000 + 10 * jitter(i)), i));

const LAYOUTS: Readonly<Record<string, McapLayout>> = {
  'zstd chunks': { chunkSize: 300 },
  'uncompressed chunks': { chunkSize: 300, compression: 'none' },
  'no chunks': { useChunks: false },
  'no index': { chunkSize: 300, useChunkIndex: false, useMessageIndex: false, useStatistics: false },
  'no message index': { chunkSize: 300, useMessageIndex: false },
  'no summary': {
    chunkSize: 300,
    useChunkIndex: false,
    useStatistics: false,
    repeatChannels: false,
    repeatSchemas: false,
    useSummaryOffsets: false,
    useMessageIndex: false,
  },
};

describe('openBag on MCAP', () => {
  for (const [name, layout] of Object.entries(LAYOUTS)) {
    it(`reads ${name}, in the order of time`, async () => {
      // Neighbours swapped, and every 40th a chunk or two late.
      const messages = recording(200, (i) => (i % 40 === 39 ? i - 30 : i ^ 1));
      const { messages: found, damage } = await read(await writeMcap(`${fresh()}.mcap`, messages, layout));
      expect(damage).toBeUndefined();
      expect(found).toEqual(byTime(messages));
    });

    it(`counts what ${name} has, and gives one topic alone`, async () => {
      const messages = recording(90);
      const file = await writeMcap(`${fresh()}.mcap`, messages, {
        ...layout,
        metadata: { saccade: { json: '{}' } },
      });
      const bag = await openBag(file);
      expect(bag.metadata.get('saccade')).toEqual(new Map([['json', '{}']]));
      expect(bag.span).toEqual({ start: 1000n, end: 1890n });
      expect(bag.topics.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
        { name: '/a', type: 'std_msgs/msg/Float32', serialization: 'cdr', messages: 60 },
        { name: '/b', type: 'std_msgs/msg/Float32', serialization: 'cdr', messages: 30 },
      ]);
      await bag.close();
      const { messages: found } = await read(file, ['/b']);
      expect(found).toEqual(messages.filter(({ topic }) => topic === '/b'));
    });

    it(`gives what is left of ${name} cut anywhere`, async () => {
      const messages = recording(40);
      const bytes = await mcapBytes(messages, layout);
      const file = `${fresh()}.mcap`;
      let most = 0;
      for (let length = 8; length < bytes.length; length += 13) {
        writeFileSync(file, bytes.subarray(0, length));
        const { messages: found, damage } = await read(file);
        expect(found).toEqual(messages.slice(0, found.length));
        expect(found.length).toBeGreaterThanOrEqual(most);
        expect(damage).toContain(file);
        most = found.length;
      }
      expect(most).toBe(messages.length);
    });
  }

  it('may be read again and again, and left off half-way', async () => {
    const messages = recording(100);
    const bag = await openBag(await writeMcap(`${fresh()}.mcap`, messages, { chunkSize: 300 }));
    for await (const { logTime } of bag.messages()) if (logTime > 1300n) break;
    for (let again = 0; again < 2; again++) {
      let n = 0;
      for await (const next of bag.messages()) expect(next).toEqual(messages[n++]);
      expect(n).toBe(100);
    }
    await bag.close();
  });

  it('gives data that belongs to the receiver', async () => {
    const bag = await openBag(await writeMcap(`${fresh()}.mcap`, recording(10)));
    for await (const { data } of bag.messages()) expect(data.byteLength).toBe(data.buffer.byteLength);
    await bag.close();
  });

  it('reads what BagWriter writes, whatever it is', async () => {
    const anyMessage = fc.record({
      topic: fc.constantFrom('/a', '/b/c', '/camera_1/image_raw'),
      logTime: fc.bigInt({ min: 0n, max: 2n ** 63n }),
      publishTime: fc.bigInt({ min: 0n, max: 2n ** 63n }),
      data: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Uint8Array.from([0, 1, 0, 0, ...bytes])),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyMessage, { maxLength: 60 }), async (parts) => {
        const messages = parts.map((part) => ({ ...part, type: 'std_msgs/msg/String' }));
        const dir = fresh();
        const writer = await BagWriter.create(dir, {
          metadata: new Map([['saccade', new Map([['json', 'é']])]]),
        });
        for (const [i, next] of messages.entries()) {
          await writer.write(next);
          if (i % 7 === 6) await writer.flush();
        }
        await writer.close();
        const { messages: found, damage } = await read(dir);
        expect(damage).toBeUndefined();
        expect(found).toEqual(
          messages.toSorted((a, b) => (a.logTime < b.logTime ? -1 : a.logTime > b.logTime ? 1 : 0)),
        );
        rmSync(dir, { recursive: true });
      }),
      { numRuns: 25 },
    );
  });

  it('leaves out a damaged chunk and says where', async () => {
    const messages = recording(100);
    const bytes = await mcapBytes(messages, { chunkSize: 300, compression: 'none' });
    // The data of a message in the middle: its chunk fails its checksum.
    const at = Buffer.from(bytes).indexOf(messages[50]?.data as Uint8Array);
    bytes[at + 5] = (bytes[at + 5] as number) ^ 0x10;
    const file = `${fresh()}.mcap`;
    writeFileSync(file, bytes);
    const { messages: found, damage } = await read(file);
    expect(damage).toMatch(/damaged near byte \d+: a chunk fails its checksum; the rest is read$/);
    expect(found.length).toBeGreaterThan(80);
    expect(messages).toEqual(expect.arrayContaining(found));
    expect(found).not.toContainEqual(messages[50]);
  });

  it('does without an index that is damaged', async () => {
    const messages = recording(100);
    const bytes = await mcapBytes(messages, { chunkSize: 300 });
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] as number) ^ 1;
    const file = `${fresh()}.mcap`;
    writeFileSync(file, bytes);
    const { messages: found, damage } = await read(file);
    expect(found).toEqual(messages);
    expect(damage).toMatch(/has a damaged index, which was not needed to read it: .*CRC/);
  });
});

describe('openBag on sqlite3', () => {
  for (const layout of [{}, { compressed: true }, { indexed: false }])
    it(`reads rosbag2's tables, ${JSON.stringify(layout)}`, async () => {
      const messages = recording(150, (i) => i ^ 3);
      const file = await writeSqlite(`${fresh()}.db3`, messages, layout);
      const bag = await openBag(file);
      expect(bag.storage).toBe('sqlite3');
      expect(bag.span).toEqual({ start: 1000n, end: 2490n + 20n });
      expect(bag.topics).toEqual([
        { name: '/b', type: 'std_msgs/msg/Float32', serialization: 'cdr', messages: 50 },
        { name: '/a', type: 'std_msgs/msg/Float32', serialization: 'cdr', messages: 100 },
      ]);
      expect(bag.definitions.get('std_msgs/msg/Float32')).toContain('float32 data');
      await bag.close();
      // This storage keeps no publish time.
      const stored = byTime(messages).map((next) => ({ ...next, publishTime: next.logTime }));
      expect(await read(file)).toEqual({ messages: stored, damage: undefined });
      expect((await read(file, ['/b'])).messages).toEqual(stored.filter(({ topic }) => topic === '/b'));
    });

  it('keeps times of today exact', async () => {
    const now = 1_795_000_000_123_456_789n;
    const file = await writeSqlite(`${fresh()}.db3`, [message('/a', now, 1), message('/a', now + 1n, 2)]);
    const { messages } = await read(file);
    expect(messages.map(({ logTime }) => logTime)).toEqual([now, now + 1n]);
  });

  it('leaves nothing beside the file, and may be open twice', async () => {
    const folder = fresh();
    const file = await writeSqlite(join(folder, 'a.db3'), recording(10));
    const [one, two] = [await openBag(file), await openBag(file)];
    for await (const a of one.messages()) {
      for await (const b of two.messages()) expect(b.type).toBe(a.type);
      break;
    }
    writeMetadata(folder, { storage: 'sqlite3', files: ['a.db3'] });
    const listing = readdirSync(folder).sort();
    expect(listing).toEqual(['a.db3', 'metadata.yaml']);
    await one.close();
    await two.close();
  });

  it('gives what can be read of a file cut short', async () => {
    const messages = recording(400).map((next, i) => ({ ...next, data: message('', 0n, i, 300).data }));
    const whole = readFileSync(await writeSqlite(`${fresh()}.db3`, messages, { indexed: false }));
    const file = `${fresh()}.db3`;
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    const result = await read(file).catch((error: unknown) => error);
    if (result instanceof Error) expect(result).toBeInstanceOf(UserError);
    else expect((result as Reading).damage).toContain('damaged');
  });

  it('refuses tables that are not tables', async () => {
    const file = `${fresh()}.db3`;
    const database = new sqlite.Database(file);
    database.exec(`
      CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT);
      CREATE VIEW messages AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)
        SELECT id, 1 AS topic_id, id AS timestamp, x'00' AS data FROM n;
    `);
    database.close();
    await expect(openBag(file)).rejects.toThrow(
      /not a rosbag2 recording: it has no table 'messages' with id, topic_id/,
    );
  });

  it('refuses columns that are computed', async () => {
    const file = `${fresh()}.db3`;
    const database = new sqlite.Database(file);
    database.exec(`
      CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT);
      CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB AS (zeroblob(900000000)));
    `);
    database.close();
    await expect(openBag(file)).rejects.toThrow(/no table 'messages' with data$/);
  });
});

describe('openBag on folders', () => {
  it('puts split files together in the order of time', async () => {
    const folder = fresh();
    const messages = recording(90);
    const files = await Promise.all(
      // The seconds before a split may land on either side of it.
      [
        messages.slice(0, 32),
        [...messages.slice(33, 60), messages[32] as BagMessage],
        messages.slice(60),
      ].map(async (part, i) => {
        await writeMcap(join(folder, `run_${i}.mcap`), part, { chunkSize: 200 });
        return `run_${i}.mcap`;
      }),
    );
    writeMetadata(folder, { files });
    expect(await read(folder)).toEqual({ messages, damage: undefined });
  });

  it('unpacks files compressed as a whole', async () => {
    const messages = recording(60);
    for (const storage of ['mcap', 'sqlite3'] as const) {
      const folder = fresh();
      const name = storage === 'mcap' ? 'run_0.mcap' : 'run_0.db3';
      const plain = join(folder, name);
      await (storage === 'mcap' ? writeMcap(plain, messages) : writeSqlite(plain, messages));
      writeFileSync(`${plain}.zstd`, compress(readFileSync(plain), 1));
      rmSync(plain);
      writeMetadata(folder, { storage, compression: 'file', files: [`${name}.zstd`] });
      const { messages: found, damage } = await read(folder);
      expect(damage).toBeUndefined();
      expect(found.map(({ data }) => data)).toEqual(messages.map(({ data }) => data));
    }
  });

  it('reads half of a compressed file that is cut short', async () => {
    const messages = Array.from({ length: 2000 }, (_, i) => message('/a', BigInt(i), i, 500));
    const packed = compress(
      Buffer.from(await mcapBytes(messages, { compression: 'none', chunkSize: 5000 })),
      1,
    );
    const file = `${fresh()}.mcap.zstd`;
    writeFileSync(file, packed.subarray(0, packed.length / 2));
    const { messages: found, damage } = await read(file);
    expect(found.length).toBeGreaterThan(500);
    expect(found).toEqual(messages.slice(0, found.length));
    expect(damage).toMatch(/cut short/);
  });

  it('takes the old way of naming files, with the folder before them', async () => {
    const folder = fresh();
    await writeMcap(join(folder, 'run_0.mcap'), recording(5));
    writeMetadata(folder, { version: 3, files: ['some_folder/run_0.mcap'] });
    expect((await read(folder)).messages).toHaveLength(5);
  });

  it('does without metadata.yaml, also with an empty one, and says so', async () => {
    const folder = fresh();
    for (const i of [0, 1, 10, 2])
      await writeMcap(join(folder, `run_${i}.mcap`), [message('/a', BigInt(i), i)]);
    for (const text of [undefined, '']) {
      if (text !== undefined) writeFileSync(join(folder, 'metadata.yaml'), text);
      const bag = await openBag(folder);
      expect(bag.files.map(({ path }) => path.slice(folder.length + 1))).toEqual(
        [0, 1, 2, 10].map((i) => `run_${i}.mcap`),
      );
      expect(bag.damage).toBe(`${folder} has no metadata.yaml: the recording was cut short`);
      await bag.close();
    }
  });

  it('reads the files that are there when others are not', async () => {
    const folder = fresh();
    await writeMcap(join(folder, 'run_0.mcap'), recording(5));
    writeMetadata(folder, { files: ['run_0.mcap', 'run_1.mcap'] });
    const { messages, damage } = await read(folder);
    expect(messages).toHaveLength(5);
    expect(damage).toContain('lists "run_1.mcap", which is not in its folder');
  });

  it('never leaves its folder', async () => {
    const folder = fresh();
    const outside = await writeMcap(join(root, 'outside.mcap'), recording(5));
    for (const name of ['../outside.mcap', outside, 'sub/../../outside.mcap', '..', '.']) {
      writeMetadata(folder, { files: [name] });
      await expect(openBag(folder), name).rejects.toThrow(/lists no file that is in its folder/);
    }
  });

  it.each([
    ['a nest', `${'['.repeat(20_000)}`],
    [
      'laughs',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((k, i) => `${k}: &${k} [${`*${'abcdefghi'[i]},`.repeat(9)}]`).join('\n')}`,
    ],
    ['a list', '- 1\n- 2'],
    ['a number for a list', 'rosbag2_bagfile_information: {version: 9, relative_file_paths: 7}'],
    ['no YAML', '{{{'],
  ])('does without a metadata.yaml that is %s', async (_, text) => {
    const folder = fresh();
    await writeMcap(join(folder, 'run_0.mcap'), recording(5));
    writeFileSync(join(folder, 'metadata.yaml'), text);
    const { messages, damage } = await read(folder);
    expect(messages).toHaveLength(5);
    expect(damage).toMatch(/metadata\.yaml.* \(run_0\.mcap read without it\)$/);
    rmSync(join(folder, 'run_0.mcap'));
    await expect(openBag(folder)).rejects.toThrow(UserError);
  });

  it('refuses what is no recording', async () => {
    const folder = fresh();
    mkdirSync(folder);
    await expect(openBag(folder)).rejects.toThrow(/is not a recording: it holds neither metadata.yaml nor/);
    await expect(openBag(join(folder, 'absent'))).rejects.toThrow(
      /cannot be read \(ENOENT\); check the path/,
    );
    const file = join(folder, 'text.mcap');
    for (const text of ['', 'x', 'no MCAP at all, but quite long']) {
      writeFileSync(file, text);
      await expect(openBag(file)).rejects.toThrow(/neither an MCAP nor a SQLite file/);
    }
    await expect(openBag(`${folder}/text.mcap/deeper`)).rejects.toThrow(UserError);
  });

  it('reads the other files when one is garbage, and lets go of them all when none is left', async () => {
    const folder = fresh();
    await writeMcap(join(folder, 'run_0.mcap'), recording(5));
    writeFileSync(join(folder, 'run_1.mcap'), 'garbage');
    writeMetadata(folder, { files: ['run_0.mcap', 'run_1.mcap'] });
    const { messages, damage } = await read(folder);
    expect(messages).toHaveLength(5);
    expect(damage).toMatch(/run_1.mcap is neither an MCAP nor a SQLite file/);
    writeFileSync(join(folder, 'run_0.mcap'), 'garbage');
    await expect(openBag(folder)).rejects.toThrow(/has no file that can be read: .*run_0.mcap is neither/);
    await writeSqlite(join(folder, 'run_2.db3'), recording(5));
    await writeMcap(join(folder, 'run_3.mcap'), recording(5));
    writeMetadata(folder, { files: ['run_2.db3', 'run_3.mcap'] });
    await expect(openBag(folder)).rejects.toThrow(/mixes MCAP and sqlite3 files/);
    if (process.platform !== 'linux') return;
    const open = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    expect(open.filter((file) => file.startsWith(folder))).toEqual([]);
  });
});
