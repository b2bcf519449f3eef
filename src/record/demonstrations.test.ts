import { describe, expect, it } from 'vitest';
import { npy } from './demonstrations.js';

describe('npy', () => {
  it('writes the header numpy.lib.format describes, data aligned to 64 bytes', () => {
    const bytes = npy('<f4', [2, 3], [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]);
    expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
    const length = bytes.readUInt16LE(8);
    expect((10 + length) % 64).toBe(0);
    expect(bytes.subarray(10, 10 + length).toString('latin1')).toMatch(
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/,
    );
    const values = Array.from({ length: 6 }, (_, i) => bytes.readFloatLE(10 + length + 4 * i));
    expect(values).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('writes a one-dimensional shape as a tuple', () => {
    expect(npy('|u1', [3], [Uint8Array.of(1, 2, 3)]).toString('latin1')).toContain("'shape': (3,)");
  });

  it('refuses parts that do not fill the shape', () => {
    expect(() => npy('|u1', [2, 2], [Uint8Array.of(1, 2, 3)])).toThrow(
      'npy: 3 bytes for shape (2, 2), expected 4',
    );
  });
});
