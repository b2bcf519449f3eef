import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compress } from '@bokuweb/zstd-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.js';
import { UserError } from '../../errors.js';
import { zstdReady } from '../zstd.js';
import { ByteFile } from './byteFile.js';
import { Damage } from './damage.js';
import { unpack } from './unpack.js';

const root = temporaryFolder();
let count = 0;
beforeAll(zstdReady);

async function unpacked(packed: Uint8Array, stallMs?: number) {
  const [from, to] = [join(root, `${count}.zstd`), join(root, `${count++}.out`)];
  writeFileSync(from, packed);
  const file = await ByteFile.open(from, 'the file');
  const damage = new Damage();
  try {
    await unpack(file, from, to, damage, stallMs);
    return { bytes: readFileSync(to), damage: damage.sentence };
  } finally {
    await file.close();
  }
}

const noise = Uint8Array.from({ length: 1_500_000 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) ^ (i >> 9));

describe('unpack', () => {
  it('gives back what was compressed, also in several frames', async () => {
    const packed = compress(noise, 1);
    const one = await unpacked(packed);
    expect(one.damage).toBeUndefined();
    expect(Buffer.compare(one.bytes, noise)).toBe(0);
    const two = await unpacked(Buffer.concat([packed, packed]));
    expect(Buffer.compare(two.bytes, Buffer.concat([noise, noise]))).toBe(0);
  });

  it('keeps what comes before the end of a file cut short', async () => {
    const packed = compress(noise, 1);
    const { bytes, damage } = await unpacked(packed.subarray(0, packed.length / 2));
    expect(bytes.length).toBeGreaterThan(500_000);
    expect(Buffer.compare(bytes, noise.subarray(0, bytes.length))).toBe(0);
    expect(damage).toMatch(/^the file is cut short or damaged near byte \d+: .*; what comes before is read$/);
  });

  it('refuses what is no zstd', async () => {
    await expect(unpacked(noise)).rejects.toThrow(/^the file is not a readable zstd file: /);
    await expect(unpacked(noise.subarray(0, 7))).rejects.toThrow(UserError);
  });

  it('stops a decoder that does not end', async () => {
    const endless = readFileSync(new URL('../../../test/fixtures/bags/endless.mcap.zstd', import.meta.url));
    await expect(unpacked(endless, 2000)).rejects.toThrow(
      /^the file is not a readable zstd file: it cannot be decoded$/,
    );
  });
});
