import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromStamp, nsToSeconds, nsToStamp, secondsToNs, stampToNs, toStamp } from './time.js';

describe('times', () => {
  it('are nanoseconds in a message', () => {
    expect(secondsToNs(1.25)).toBe(1_250_000_000n);
    expect(toStamp(3.0000000015)).toEqual({ sec: 3, nanosec: 2 });
    expect(toStamp(1_700_000_000.5)).toEqual({ sec: 1_700_000_000, nanosec: 500_000_000 });
    expect(fromStamp({ sec: 2, nanosec: 250_000_000 })).toBe(2.25);
  });

  it('before the epoch count seconds down and nanoseconds up', () => {
    expect(nsToStamp(-1n)).toEqual({ sec: -1, nanosec: 999_999_999 });
  });

  it('on the grid of a rate that divides a nanosecond come back the same, whatever the tick', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 10, 20, 25, 50, 100, 500), fc.nat(1e9), (rate, n) => {
        expect(nsToSeconds(secondsToNs(n / rate))).toBe(n / rate);
      }),
    );
  });

  it('of any clock come back as near as a nanosecond and the number itself allow', () => {
    fc.assert(
      fc.property(fc.double({ min: -4e9, max: 4e9, noNaN: true }), (seconds) => {
        const back = nsToSeconds(secondsToNs(seconds));
        expect(Math.abs(back - seconds)).toBeLessThanOrEqual(0.51e-9 + Math.abs(seconds) * 2.3e-16);
      }),
    );
  });

  it('go through a stamp unchanged', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }), (ns) => {
        const stamp = nsToStamp(ns);
        expect(stampToNs(stamp)).toBe(ns);
        expect(stamp.nanosec).toBeGreaterThanOrEqual(0);
        expect(stamp.nanosec).toBeLessThan(1e9);
      }),
    );
  });
});
