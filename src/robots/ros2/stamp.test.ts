import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode } from '../../messages/cdr.js';
import { nsToStamp } from '../../messages/time.js';
import { readStamp } from './stamp.js';

describe('readStamp', () => {
  it('reads either byte order', () => {
    expect(readStamp(Uint8Array.of(0, 1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0))).toBe(2_000_000_003n);
    expect(readStamp(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3))).toBe(2_000_000_003n);
  });

  it('is absent where nobody filled it in, or the message is cut off', () => {
    expect(readStamp(new Uint8Array(16))).toBeUndefined();
    expect(readStamp(Uint8Array.of(0, 1, 0, 0, 2, 0, 0, 0, 3, 0, 0))).toBeUndefined();
  });

  it('agrees with decoding the whole message', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 31n) * 10n ** 9n, max: 2n ** 31n * 10n ** 9n - 1n }), (ns) => {
        fc.pre(ns !== 0n);
        const image = encode('sensor_msgs/msg/CompressedImage', {
          header: { stamp: nsToStamp(ns), frame_id: 'head' },
          format: 'jpeg',
          data: new Uint8Array(3),
        });
        expect(readStamp(image)).toBe(ns);
      }),
    );
  });
});
