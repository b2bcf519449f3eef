import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Expiry } from './expiry.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Runs a clock at `rtf` until its limit of 5 s is over. @returns s of wall time, Infinity when not within a minute */
async function over(rtf: (wallS: number) => number): Promise<number> {
  const clock = { now: 100, stillS: 0 };
  const expiry = new Expiry(clock, 5);
  try {
    for (let ms = 0; ms < 60_000; ms += 10) {
      if (expiry.signal.aborted) return ms / 1000;
      const factor = rtf(ms / 1000);
      clock.now += 0.01 * factor;
      clock.stillS = factor === 0 ? clock.stillS + 0.01 : 0;
      await vi.advanceTimersByTimeAsync(10);
    }
    return Number.POSITIVE_INFINITY;
  } finally {
    expiry.close();
  }
}

describe('Expiry', () => {
  it('is over after so many seconds of the robot’s time', async () => {
    expect(await over(() => 1)).toBeCloseTo(5, 0);
    expect(await over(() => 0.2)).toBeCloseTo(25, 0);
    expect(await over(() => 0.05)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is over when that time has stood still for as long', async () => {
    expect(await over(() => 0)).toBeCloseTo(5, 0);
    expect(await over((wallS) => (wallS < 3 ? 0.5 : 0))).toBeCloseTo(8, 0);
  });

  it('takes no time over a clock that is set back', async () => {
    const clock = { now: 100, stillS: 0 };
    const expiry = new Expiry(clock, 5);
    clock.now = 0;
    await vi.advanceTimersByTimeAsync(200);
    clock.now = 4.9;
    await vi.advanceTimersByTimeAsync(200);
    expect(expiry.signal.aborted).toBe(false);
    clock.now = 5.1;
    await vi.advanceTimersByTimeAsync(200);
    expect(expiry.signal.aborted).toBe(true);
    expiry.close();
  });
});
