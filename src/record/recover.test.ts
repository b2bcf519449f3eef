import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { mcapBytes, message, writeMcap, writeSqlite } from '../../test/support/bags.js';
import { temporaryFolder } from '../../test/support/cli.js';
import type { BagMessage } from './bag.js';
import { openBag } from './reader.js';
import { recover } from './recover.js';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `bag_${count++}`);

const messages = Array.from({ length: 80 }, (_, i) =>
  message(i % 3 === 0 ? '/b' : '/a', BigInt(1000 + i), i),
);

async function read(path: string): Promise<BagMessage[]> {
  const bag = await openBag(path);
  const list: BagMessage[] = [];
  for await (const next of bag.messages()) list.push(next);
  expect(bag.damage).toBeUndefined();
  await bag.close();
  return list;
}

describe('recover', () => {
  it('makes a whole recording of one that was cut short', async () => {
    const whole = await mcapBytes(messages, {
      chunkSize: 300,
      metadata: { saccade: { json: '{"a":1}' }, rosbag2: { serialized_metadata: 'of the old' } },
    });
    const from = fresh();
    mkdirSync(from);
    const file = join(from, 'a_0.mcap');
    writeFileSync(file, whole.subarray(0, 3500));
    const before = readFileSync(file);
    const out = fresh();
    const recovery = await recover(from, out);
    expect(recovery.messages).toBeGreaterThan(20);
    expect(recovery).toMatchObject({
      out,
      problems: [
        expect.stringContaining('has no metadata.yaml'),
        expect.stringMatching(/cut short or damaged at byte \d+ of 3500/),
      ],
    });
    const found = await read(out);
    expect(found).toEqual(messages.slice(0, recovery.messages));
    expect(recovery.end).toBe(found.at(-1)?.logTime);
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(out).sort()).toEqual([`${basename(out)}_0.mcap`, 'metadata.yaml']);
    const { rosbag2_bagfile_information: info } = parse(readFileSync(join(out, 'metadata.yaml'), 'utf8'));
    expect(info).toMatchObject({ message_count: recovery.messages, storage_identifier: 'mcap' });
    const bag = await openBag(out);
    // What rosbag2 kept of the old recording would be wrong of the new one.
    expect([...bag.metadata]).toEqual([['saccade', new Map([['json', '{"a":1}']])]]);
    await bag.close();
  });

  it('turns sqlite3 into MCAP, with its message definitions', async () => {
    const out = fresh();
    const recovery = await recover(await writeSqlite(`${fresh()}.db3`, messages), out);
    expect(recovery).toEqual({ out, messages: 80, end: 1079n, problems: [] });
    const bag = await openBag(out);
    expect(bag.storage).toBe('mcap');
    expect(bag.definitions.get('std_msgs/msg/Float32')).toContain('float32 data');
    await bag.close();
    expect((await read(out)).map(({ data }) => data)).toEqual(messages.map(({ data }) => data));
  });

  it('keeps definitions of types that only the recording knows', async () => {
    const bytes = Buffer.from(
      await mcapBytes([{ ...(messages[0] as BagMessage), type: 'std_msgs/msg/String' }], {
        compression: 'none',
        useChunks: false,
      }),
    );
    for (let at = bytes.indexOf('std_msgs/msg/String'); at >= 0; at = bytes.indexOf('std_msgs/msg/String'))
      bytes.write('acme_msg/msg/Strong', at);
    // The checksum of the index no longer fits, so that it is read without.
    const from = `${fresh()}.mcap`;
    writeFileSync(from, bytes);
    const out = fresh();
    await recover(from, out);
    const bag = await openBag(out);
    expect(bag.topics).toMatchObject([{ type: 'acme_msg/msg/Strong' }]);
    expect(bag.definitions.get('acme_msg/msg/Strong')).toContain('string data');
    await bag.close();
  });

  it('refuses to write over anything, or to make a recording of nothing', async () => {
    const from = await writeMcap(`${fresh()}.mcap`, messages);
    const taken = fresh();
    mkdirSync(taken);
    writeFileSync(join(taken, 'precious'), '');
    await expect(recover(from, taken)).rejects.toThrow(/exists already/);
    expect(readdirSync(taken)).toEqual(['precious']);
    const empty = `${fresh()}.mcap`;
    writeFileSync(empty, (await mcapBytes(messages, { chunkSize: 10_000 })).subarray(0, 100));
    const out = fresh();
    await expect(recover(empty, out)).rejects.toThrow(/has no message that can be read: .*cut short/);
    expect(existsSync(out)).toBe(false);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const from = await writeMcap(`${fresh()}.mcap`, messages);
    const out = fresh();
    await expect(recover(from, out, AbortSignal.abort())).rejects.toThrow(/abort/i);
    expect(existsSync(out)).toBe(false);
  });
});
