import { decompress } from '@bokuweb/zstd-wasm';
import { beforeAll, expect, it } from 'vitest';
import { Random } from '../../random.js';
import { zstdReady } from '../zstd.js';
import { Compressor } from './compressor.js';

beforeAll(zstdReady);

const smooth = Uint8Array.from({ length: 10_000 }, (_, i) => i >> 6);
function noise(seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length: 10_000 }, () => random.uniform(0, 256));
}

it('compresses what gets smaller by it', () => {
  const { compression, records } = new Compressor().compress(smooth);
  expect(compression).toBe('zstd');
  expect(records.length).toBeLessThan(2000);
  expect(decompress(records)).toEqual(smooth);
});

it('stores what does not, without trying again at once, but in time', () => {
  const compressor = new Compressor();
  const first = compressor.compress(noise(1));
  expect(first).toEqual({ compression: '', records: noise(1) });
  const next = Array.from({ length: 30 }, () => compressor.compress(smooth).compression);
  expect(next[0]).toBe('');
  expect(next.indexOf('zstd')).toBeGreaterThan(5);
  expect(next.slice(next.indexOf('zstd'))).not.toContain('');
});
