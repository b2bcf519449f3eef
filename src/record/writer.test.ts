import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decompress } from '@bokuweb/zstd-wasm';
import { McapIndexedReader, McapStreamReader, type McapTypes } from '@mcap/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { UserError } from '../errors.js';
import { definition } from '../messages/definitions.js';
import type { BagMessage } from './bag.js';
import { createFile, type Disk } from './write/disk.js';
import { BagWriter } from './writer.js';

let root: string;
let bags = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'saccade-writer-'));
});
afterAll(() => rm(root, { recursive: true }));
const newDir = () => join(root, `bag_${bags++}`);

const decompressHandlers: McapTypes.DecompressHandlers = { zstd: (data) => decompress(data) };

function float(topic: string, logTime: bigint, data: Uint8Array, publishTime = logTime): BagMessage {
  return { topic, type: 'std_msgs/msg/Float32', logTime, publishTime, data };
}
const four = (n: number) => Uint8Array.of(0, 1, 0, 0, n, n >> 8, 0, 0);

/** As a reader of finished files sees it: through the summary and the indexes, checksums held. */
async function indexed(dir: string, file: string) {
  const bytes = await readFile(join(dir, file));
  const readable = {
    size: async () => BigInt(bytes.length),
    read: async (offset: bigint, size: bigint) =>
      new Uint8Array(bytes.subarray(Number(offset), Number(offset + size))),
  };
  return McapIndexedReader.Initialize({ readable, decompressHandlers });
}

/** As a reader of cut-short files sees it: record by record. */
function streamed(bytes: Uint8Array): McapTypes.TypedMcapRecord[] {
  const reader = new McapStreamReader({ decompressHandlers });
  reader.append(bytes);
  const records: McapTypes.TypedMcapRecord[] = [];
  for (let record = reader.nextRecord(); record; record = reader.nextRecord()) records.push(record);
  return records;
}
const messagesOf = (records: McapTypes.TypedMcapRecord[]) =>
  records.filter((record) => record.type === 'Message');

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A real file on a disk that fails when `room` bytes are on it, halfway through a write. */
function smallDisk(room: number, cuts: number[] = []) {
  return async (path: string): Promise<Disk> => {
    const file = await createFile(path);
    let used = 0;
    return {
      ...file,
      async write(bytes) {
        await file.write(bytes.subarray(0, Math.max(0, room - used)));
        used += bytes.length;
        if (used > room) throw new Error('ENOSPC: no space left on device, write');
      },
      truncate(length) {
        cuts.push(length);
        return file.truncate(length);
      },
    };
  };
}

describe('a bag', () => {
  it('is read back message for message by @mcap/core, whatever is written in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            topic: fc.constantFrom('/a', '/b', '/c/d'),
            logTime: fc.bigInt({ min: 0n, max: 2n ** 62n }),
            publishTime: fc.bigInt({ min: 0n, max: 2n ** 62n }),
            data: fc.uint8Array({ maxLength: 300 }),
            flush: fc.boolean(),
          }),
          { maxLength: 30 },
        ),
        async (items) => {
          const writer = await BagWriter.create(newDir());
          // Not awaited one by one: calls that overlap must not harm the file.
          const written = items.map(({ topic, logTime, publishTime, data, flush }) => [
            writer.write({ topic, type: 'std_msgs/msg/String', logTime, publishTime, data }),
            flush ? writer.flush() : undefined,
          ]);
          await Promise.all(written.flat());
          await writer.close();

          const [file] = (await readdir(writer.dir)).filter((name) => name.endsWith('.mcap'));
          const reader = await indexed(writer.dir, file as string);
          const plain = ({ topic, logTime, publishTime, data }: Omit<BagMessage, 'type'>) =>
            JSON.stringify([topic, `${logTime}`, `${publishTime}`, [...data]]);
          const got = (await all(reader.readMessages())).map((message) =>
            plain({ ...message, topic: reader.channelsById.get(message.channelId)?.topic as string }),
          );
          expect(got.sort()).toEqual(items.map(plain).sort());
          const streams = messagesOf(streamed(await readFile(join(writer.dir, file as string))));
          expect(streams).toHaveLength(items.length);
          expect(reader.statistics?.messageCount).toBe(BigInt(items.length));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('says what it is, for readers of ROS 2', async () => {
    const dir = join(root, 'episode_000007');
    const metadata = new Map([['saccade', new Map([['json', '{"größe":1}']])]]);
    const writer = await BagWriter.create(dir, { metadata, definitions: { 'my_msgs/msg/Own': 'uint8 x' } });
    await writer.write(float('/reward', 2_000_000_000n, four(1), 1_500_000_000n));
    await writer.write(float('/reward', 3_500_000_000n, four(2)));
    await writer.write({ ...float('/own', 1_000_000_000n, four(3)), type: 'my_msgs/msg/Own' });
    await writer.write({ ...float('/unknown', 1_200_000_000n, four(4)), type: 'other_msgs/msg/Unknown' });
    await writer.close();

    const reader = await indexed(dir, 'episode_000007_0.mcap');
    expect(reader.header).toMatchObject({ profile: 'ros2', library: expect.stringMatching(/^saccade \d/) });
    const schemas = [...reader.schemasById.values()].map(({ name, encoding, data }) => [
      name,
      encoding,
      new TextDecoder().decode(data),
    ]);
    expect(schemas).toEqual([
      ['std_msgs/msg/Float32', 'ros2msg', definition('std_msgs/msg/Float32')],
      ['my_msgs/msg/Own', 'ros2msg', 'uint8 x'],
      ['other_msgs/msg/Unknown', '', ''],
    ]);
    const [channel] = [...reader.channelsById.values()];
    expect(channel).toMatchObject({ topic: '/reward', messageEncoding: 'cdr' });
    const qos = parse(channel?.metadata.get('offered_qos_profiles') as string);
    expect(qos).toMatchObject([{ history: 'keep_last', reliability: 'reliable', durability: 'volatile' }]);
    expect(reader.chunkIndexes.map(({ compression }) => compression)).toEqual(['zstd']);
    const [record] = await all(reader.readMetadata({ name: 'saccade' }));
    expect(record?.metadata.get('json')).toBe('{"größe":1}');

    const yaml = parse(await readFile(join(dir, 'metadata.yaml'), 'utf8'), { intAsBigInt: true });
    const info = yaml.rosbag2_bagfile_information;
    expect(info).toMatchObject({
      version: 9n,
      storage_identifier: 'mcap',
      duration: { nanoseconds: 2_500_000_000n },
      starting_time: { nanoseconds_since_epoch: 1_000_000_000n },
      message_count: 4n,
      compression_format: '',
      relative_file_paths: ['episode_000007_0.mcap'],
      custom_data: { saccade_recording: 'complete' },
    });
    const [reward] = info.topics_with_message_count;
    expect(reward).toMatchObject({
      topic_metadata: { name: '/reward', type: 'std_msgs/msg/Float32', serialization_format: 'cdr' },
      message_count: 2n,
    });
    expect(reward.topic_metadata.offered_qos_profiles).toMatchObject([
      { reliability: 'reliable', depth: 10n },
    ]);
  });

  it('of nothing at all is complete all the same', async () => {
    const writer = await BagWriter.create(newDir());
    await writer.close();
    const [file] = (await readdir(writer.dir)).filter((name) => name.endsWith('.mcap'));
    const reader = await indexed(writer.dir, file as string);
    expect(reader.statistics?.messageCount).toBe(0n);
  });

  it('never replaces another', async () => {
    const dir = newDir();
    await (await BagWriter.create(dir)).close();
    const before = await readdir(dir);
    await expect(BagWriter.create(dir)).rejects.toThrow(
      new UserError(`bag ${dir} exists already: remove it, or record elsewhere`),
    );
    expect(await readdir(dir)).toEqual(before);
  });

  it('that cannot be made is refused and leaves nothing', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    await expect(BagWriter.create(join(file, 'bag'))).rejects.toThrow(/^bag .* cannot be written: /);
    const dir = newDir();
    await expect(BagWriter.create(dir, { create: smallDisk(10) })).rejects.toThrow(
      /cannot be written: ENOSPC/,
    );
    expect(await readdir(root)).not.toContain(dir.slice(root.length + 1));
  });
});

describe('while it is written', () => {
  it('has on the disk all that is half a second old', async () => {
    vi.useFakeTimers();
    try {
      const writer = await BagWriter.create(newDir());
      const [file] = (await readdir(writer.dir)).filter((name) => name.endsWith('.mcap'));
      const onDisk = async () =>
        messagesOf(streamed(await readFile(join(writer.dir, file as string)))).length;
      await writer.write(float('/a', 1n, four(1)));
      await vi.advanceTimersByTimeAsync(400);
      await writer.write(float('/a', 2n, four(2)));
      expect(await onDisk()).toBe(0);
      await vi.advanceTimersByTimeAsync(100);
      await vi.waitFor(async () => expect(await onDisk()).toBe(2));

      await writer.flush();
      const yaml = parse(await readFile(join(writer.dir, 'metadata.yaml'), 'utf8'));
      expect(yaml.rosbag2_bagfile_information).toMatchObject({
        custom_data: { saccade_recording: 'under way, or cut short' },
        topics_with_message_count: [{ topic_metadata: { name: '/a', type: 'std_msgs/msg/Float32' } }],
      });
      await writer.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('has every full chunk on the disk', async () => {
    const writer = await BagWriter.create(newDir());
    const before = writer.bytes;
    await writer.write(float('/a', 1n, new Uint8Array((1 << 20) - 2000)));
    expect(writer.bytes).toBe(before);
    await writer.write(float('/a', 2n, new Uint8Array(2000)));
    expect(writer.bytes).toBeGreaterThan(before);
    await writer.close();
  });
});

describe('when the disk is full', () => {
  it('says so once and again, and keeps every whole chunk readable', async () => {
    const dir = newDir();
    const cuts: number[] = [];
    const writer = await BagWriter.create(dir, { create: smallDisk(1500, cuts) });
    const noise = (n: number) => Uint8Array.from({ length: 400 }, (_, i) => (i * i * (n + 3)) >> 3);
    let kept = 0;
    const failure = await (async () => {
      for (; ; kept++) {
        await writer.write(float('/a', BigInt(kept), noise(kept)));
        await writer.flush();
      }
    })().catch((error) => error as Error);
    expect(failure.message).toContain('ENOSPC');
    expect(kept).toBeGreaterThan(0);
    expect(cuts).toEqual([writer.bytes]);
    await expect(writer.write(float('/a', 99n, four(1)))).rejects.toBe(failure);
    await expect(writer.close()).rejects.toBe(failure);
    await expect(writer.close()).rejects.toBe(failure);

    const [file] = (await readdir(dir)).filter((name) => name.endsWith('.mcap'));
    const got = messagesOf(streamed(await readFile(join(dir, file as string))));
    expect(got).toMatchObject(
      Array.from({ length: kept }, (_, n) => ({ logTime: BigInt(n), data: noise(n) })),
    );
    const yaml = parse(await readFile(join(dir, 'metadata.yaml'), 'utf8'));
    expect(yaml.rosbag2_bagfile_information.relative_file_paths).toEqual([file]);
  });
});
