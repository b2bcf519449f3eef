import { compress } from '@bokuweb/zstd-wasm';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { isZstd, unzstd, zstdReady } from './zstd.js';

beforeAll(zstdReady);

/** A frame's header as RFC 8878 has it, claiming `size`, and an empty last block. */
function claiming(size: bigint): Uint8Array {
  const frame = new Uint8Array(4 + 1 + 8 + 3);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0xfd2fb528, true);
  view.setUint8(4, 0xe0);
  view.setBigUint64(5, size, true);
  view.setUint8(13, 1);
  return frame;
}

describe('unzstd', () => {
  it('gives back what was compressed, of any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 256 }), (length, range) => {
        const data = Uint8Array.from({ length }, (_, i) => (i * i) % range);
        const frame = compress(data, 1);
        expect(Buffer.compare(unzstd(frame, length), data)).toBe(0);
        expect(Buffer.compare(unzstd(frame), data)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('believes no claim beyond its limit', () => {
    const data = new Uint8Array(1000);
    expect(() => unzstd(compress(data, 1), 999)).toThrow(/claims 1000 bytes where at most 999 are allowed/);
    expect(() => unzstd(claiming(100n * 2n ** 30n))).toThrow(/claims 107374182400 bytes/);
    expect(() => unzstd(claiming(2n ** 64n - 1n))).toThrow(/claims 1\d{19} bytes/);
  });

  it('fails on what is damaged, cut short, or no zstd, and works again after it', () => {
    const data = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251);
    const frame = compress(data, 1);
    for (let length = 0; length < frame.length; length += 50)
      expect(() => unzstd(frame.subarray(0, length)), String(length)).toThrow();
    expect(() => unzstd(claiming(10n))).toThrow();
    expect(() => unzstd(Uint8Array.from([1, 2, 3, 4, 5]))).toThrow(/no zstd header/);
    expect(unzstd(frame)).toEqual(data);
  });

  it('tells a frame from a CDR message', () => {
    expect(isZstd(compress(new Uint8Array(1), 1))).toBe(true);
    expect(isZstd(Uint8Array.from([0, 1, 0, 0, 1]))).toBe(false);
    expect(isZstd(new Uint8Array())).toBe(false);
  });
});
