import { describe, expect, it } from 'vitest';
import { Random } from '../random.js';
import { Cadence } from './cadence.js';

/** The stamps that are observed of `stamps`, in ms, for a policy of `rateHz`. */
function observed(rateHz: number, stamps: readonly number[]): number[] {
  const cadence = new Cadence(rateHz);
  return stamps.filter((time) => {
    if (!cadence.isDue(time)) return false;
    cadence.observed(time);
    return true;
  });
}

const camera = (rateHz: number, seconds: number, from = 100) =>
  Array.from({ length: Math.round(seconds * rateHz) }, (_, n) => from + n / rateHz);

const gaps = (times: readonly number[]) => times.slice(1).map((time, i) => time - (times[i] as number));

describe('Cadence', () => {
  it('takes every frame of a camera at the policy’s rate, however its clock drifts', () => {
    for (const rateHz of [29.9, 30, 30.1])
      expect(observed(30, camera(rateHz, 60))).toEqual(camera(rateHz, 60));
  });

  it('takes every other frame of one at twice the rate', () => {
    for (const rateHz of [59.94, 60, 60.06]) {
      const frames = camera(rateHz, 60);
      expect(observed(30, frames)).toEqual(frames.filter((_, n) => n % 2 === 0));
    }
  });

  it('takes every frame of a slower one', () => {
    for (const rateHz of [5, 15, 25]) expect(observed(30, camera(rateHz, 20))).toEqual(camera(rateHz, 20));
  });

  it('keeps about the policy’s rate where the camera’s is no multiple of it', () => {
    for (const [policy, rateHz] of [
      [20, 30],
      [30, 50],
      [30, 75],
      [25, 60],
    ] as const) {
      const taken = observed(policy, camera(rateHz, 30));
      expect(taken.length / 30).toBeGreaterThan(0.94 * policy);
      expect(taken.length / 30).toBeLessThan(1.06 * policy);
    }
    expect(new Set(gaps(observed(20, camera(30, 3))).map((gap) => Math.round(1000 * gap)))).toEqual(
      new Set([33, 67]),
    );
  });

  it('never takes two less than half a period apart, whatever comes', () => {
    const random = new Random(7);
    for (let run = 0; run < 200; run++) {
      let time = random.uniform(0, 1e9);
      const stamps = Array.from({ length: 300 }, () => {
        time += random.next() < 0.1 ? random.uniform(0, 0.2) : random.uniform(0.001, 0.03);
        return time;
      });
      const taken = observed(30, stamps);
      expect(Math.min(...gaps(taken))).toBeGreaterThan(0.5 / 30 - 2e-6);
      // Nor is it left blind: what comes a period and a half later is seen.
      for (const [i, gap] of gaps(taken).entries()) {
        const between = stamps.filter(
          (stamp) => stamp > (taken[i] as number) && stamp < (taken[i] as number) + gap,
        );
        for (const stamp of between) expect(stamp - (taken[i] as number)).toBeLessThan(1.5 / 30);
      }
    }
  });

  it('begins anew after a reset, and when a clock was set back', () => {
    const cadence = new Cadence(30);
    cadence.observed(1000);
    expect([1000, 1000.02, 1000.03, 999].map((time) => cadence.isDue(time))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    cadence.observed(999);
    expect(cadence.isDue(999.01)).toBe(false);
    cadence.reset();
    expect(cadence.isDue(999.01)).toBe(true);
  });
});
