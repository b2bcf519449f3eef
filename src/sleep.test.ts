import { describe, expect, it } from 'vitest';
import { sleepUntil, soon } from './sleep.js';

const now = () => performance.now() / 1000;

describe('sleepUntil', () => {
  it('is never early, and is there at once where the time has passed', async () => {
    for (const seconds of [0.0003, 0.0017, 0.004, 0.0131, -1]) {
      const until = now() + seconds;
      await sleepUntil(now, until);
      expect(now()).toBeGreaterThanOrEqual(until);
    }
  });

  it('goes by the clock it is given, however that runs', async () => {
    let asked = 0;
    await sleepUntil(() => asked++ * 0.001, 0.01);
    expect(asked).toBe(11);
  });

  it('lets everything else have its turn meanwhile', async () => {
    let turns = 0;
    const count = () => {
      turns++;
      again = setImmediate(count);
    };
    let again = setImmediate(count);
    await sleepUntil(now, now() + 0.0009);
    clearImmediate(again);
    expect(turns).toBeGreaterThan(0);
  });
});

describe('soon', () => {
  it('can be called off', async () => {
    let woken = false;
    const wake = () => {
      woken = true;
    };
    for (const ms of [0.5, 5]) soon(ms, wake)();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(woken).toBe(false);
  });
});
