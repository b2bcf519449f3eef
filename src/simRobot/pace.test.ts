import { describe, expect, it } from 'vitest';
import { Pace } from './pace.js';

const unreachable = () => expect.unreachable();

/** A wall clock that only sleeping, and `work`, move on. */
function wall() {
  const clock = { now: 100, slept: [] as number[] };
  return {
    clock,
    now: () => clock.now,
    sleep: async (s: number) => {
      clock.slept.push(s);
      clock.now += s;
    },
  };
}

describe('Pace', () => {
  it.each([0.5, 1, 4])('simulates at %d × real time, whatever each step costs', async (realTimeFactor) => {
    const { clock, now, sleep } = wall();
    const pace = new Pace({ realTimeFactor, now, sleep, onSlow: unreachable });
    for (let i = 0; i < 1000; i++) {
      clock.now += i % 5 === 0 ? 0.006 : 0.0005;
      await pace.passed(0.01);
    }
    expect(clock.now - 100).toBeCloseTo(10 / realTimeFactor, 6);
  });

  it('does not make up for a long stop with a burst', async () => {
    const { clock, now, sleep } = wall();
    const pace = new Pace({ realTimeFactor: 1, now, sleep, onSlow: unreachable });
    clock.now += 5;
    clock.slept.length = 0;
    for (let i = 0; i < 20; i++) await pace.passed(0.01);
    // A tenth of a second is made up for; from then on it sleeps again.
    expect(clock.slept.filter((s) => s === 0).length).toBeLessThanOrEqual(11);
    expect(clock.slept[19]).toBeCloseTo(0.01, 6);
  });

  it('says once that the machine is too slow, and how slow', async () => {
    const { clock, now, sleep } = wall();
    const told: number[] = [];
    const pace = new Pace({ realTimeFactor: 2, now, sleep, onSlow: (factor) => told.push(factor) });
    for (let i = 0; i < 4000; i++) {
      clock.now += 0.01;
      await pace.passed(0.01);
    }
    expect(told).toHaveLength(1);
    expect(told[0]).toBeCloseTo(1, 2);
  });
});
