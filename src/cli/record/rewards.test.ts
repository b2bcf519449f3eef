import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rewards } from './rewards.js';

describe('Rewards', () => {
  it('adds up the reward that stands at the end of each tick', () => {
    const rewards = new Rewards(10);
    for (const [time, reward] of [
      [0, 0],
      [0.25, 1],
      [0.3, 2],
      [0.31, 2],
      [0.5, 0],
    ] as const)
      rewards.received(time, reward);
    // Ticks end at 0.1 … 0.6: 0, 0, 2, 2, 0, 0.
    expect(rewards.sum(6)).toBe(4);
    expect(rewards.highest).toBe(2);
  });

  it('is nothing of nothing', () => {
    const rewards = new Rewards(30);
    expect([rewards.sum(100), rewards.highest]).toEqual([0, 0]);
  });

  it('agrees with looking up every tick', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 4 })));
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 60 }), (sent, ticks) => {
        const rewards = new Rewards(20);
        let tick = 0;
        const events = sent.map(([wait, reward]) => {
          tick += wait;
          return { time: tick / 40, reward };
        });
        for (const { time, reward } of events) rewards.received(time, reward);
        const at = (t: number) => events.filter((event) => event.time <= t + 1e-9).at(-1)?.reward ?? 0;
        const slow = Array.from({ length: ticks }, (_, i) => at((i + 1) / 20)).reduce((a, b) => a + b, 0);
        expect(rewards.sum(ticks)).toBe(slow);
      }),
    );
  });
});
