import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamMonitor } from './streamMonitor.js';

const MAX_AGE = 0.1;
const EARLY = 0.005;
const monitor = () => new StreamMonitor(MAX_AGE, EARLY);

/** Messages by the time that passes before each, and how long before its arrival it was stamped, in ms. */
const stream = fc.array(fc.record({ passes: fc.nat(60), lag: fc.integer({ min: -90, max: 250 }) }), {
  minLength: 1,
  maxLength: 80,
});

describe('StreamMonitor', () => {
  it('counts every message, and takes each stamp once, in order', () => {
    fc.assert(
      fc.property(stream, (messages) => {
        const seen = monitor();
        const taken: number[] = [];
        let [at, late, early] = [10_000, 0, 0];
        for (const { passes, lag } of messages) {
          at += passes;
          const stamp = (at - lag) / 1000;
          if (at / 1000 - stamp > MAX_AGE) late++;
          if (at / 1000 - stamp < -EARLY) early++;
          if (seen.received(at / 1000, stamp)) taken.push(stamp);
        }
        for (let i = 1; i < taken.length; i++) expect(taken[i]).toBeGreaterThan(taken[i - 1]);
        const status = seen.status(at / 1000);
        expect(status).toMatchObject({ received: messages.length, late, early, dropped: 0, faulty: 0 });
        expect(status.duplicates + status.outOfOrder).toBe(messages.length - taken.length);
      }),
    );
  });

  it('tells duplicates from messages that were overtaken', () => {
    const seen = monitor();
    expect([1, 1.05, 1.02, 1.05, 1.06].map((stamp) => seen.received(1.06, stamp))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(seen.status(1.06)).toMatchObject({ duplicates: 1, outOfOrder: 1 });
  });

  it('does not hold several publishers of one topic against each other', () => {
    const seen = monitor();
    expect([1, 0.99, 1].map((stamp) => seen.received(1, stamp, false))).toEqual([true, true, true]);
    expect(seen.status(1)).toMatchObject({ duplicates: 0, outOfOrder: 0 });
  });

  it('is waiting, well, stale, and well again', () => {
    const seen = monitor();
    expect(seen.status(0)).toMatchObject({ state: 'waiting', problem: 'nothing has come', rateHz: 0 });
    seen.received(1, 0.99);
    expect(seen.status(1.05)).toMatchObject({ state: 'ok', problem: undefined });
    expect(seen.status(1.5)).toMatchObject({ state: 'stale', problem: 'nothing for 0.5 s', silentS: 0.5 });
    seen.received(2, 1.99);
    expect(seen.status(2).state).toBe('ok');
  });

  it('is stale while what arrives is old already', () => {
    const seen = monitor();
    seen.received(5, 2);
    expect(seen.status(5)).toMatchObject({ state: 'stale', problem: 'stamped 3.0 s before it arrives' });
  });

  it('is faulty until something of use comes', () => {
    const seen = monitor();
    seen.received(1, 1);
    seen.faulty('the image is cut off');
    expect(seen.status(1)).toMatchObject({ state: 'faulty', problem: 'the image is cut off', faulty: 1 });
    seen.received(1.1, 1.1);
    expect(seen.status(1.1)).toMatchObject({ state: 'ok', faulty: 1 });
  });

  it('goes on after the clock, or one stamp, was wrong', () => {
    const setBack = monitor();
    setBack.received(100, 100);
    expect(setBack.received(3, 3)).toBe(true);
    const fromTheFuture = monitor();
    fromTheFuture.received(1, 50);
    expect(fromTheFuture.received(1.1, 1.1)).toBe(true);
  });

  it('measures the rate, up to date when it falls', () => {
    const seen = monitor();
    for (let n = 0; n < 100; n++) seen.received(n / 30, n / 30);
    expect(seen.status(99 / 30).rateHz).toBeCloseTo(30, 0);
    expect(seen.status(99 / 30 + 20).rateHz).toBeLessThan(3);
  });

  it('takes messages without a stamp as they come', () => {
    const seen = monitor();
    expect([seen.received(1), seen.received(1)]).toEqual([true, true]);
    expect(seen.status(1)).toMatchObject({ received: 2, lagS: undefined, state: 'ok' });
  });
});
