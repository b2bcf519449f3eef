import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  combine,
  type Expectation,
  isSilent,
  problems,
  rateHz,
  type TopicAudit,
  TopicAuditor,
} from './audit.js';

const CAMERA: Expectation = {
  topic: '/head/image_raw',
  what: 'camera head',
  required: true,
  rateHz: 20,
  maxGapS: 0.2,
};

interface Arrival {
  readonly at: number;
  readonly stamp?: number;
}

function audit(arrivals: readonly Arrival[], start: number, end: number, expectation = CAMERA): TopicAudit {
  const auditor = new TopicAuditor(expectation, start);
  for (const { at, stamp } of arrivals) auditor.received(at, stamp);
  return auditor.finish(end);
}

/** A camera at `hz` from `start` to `end`, stamped `lag` before it arrives. */
const steady = (hz: number, start: number, end: number, lag = 0.01): Arrival[] =>
  Array.from({ length: Math.floor((end - start) * hz) }, (_, i) => {
    const at = start + (i + 0.5) / hz;
    return { at, stamp: at - lag };
  });

describe('TopicAuditor', () => {
  it('has nothing to say of a camera at its rate', () => {
    const result = audit(steady(20, 100, 110), 100, 110);
    expect(result).toMatchObject({ messages: 200, durationS: 10, outOfOrder: 0, duplicates: 0 });
    expect(rateHz(result)).toBeCloseTo(20, 9);
    expect(result.largestGapS).toBeCloseTo(0.05, 9);
    expect(result.largestLagS).toBeCloseTo(0.01, 9);
    expect(problems(result)).toEqual([]);
  });

  it('names a topic that delivered nothing, a slow one, one that died and one whose clock is wrong', () => {
    const none = audit([], 0, 10);
    expect(problems(none)).toEqual(['delivered nothing']);
    expect(none.largestGapS).toBe(10);
    expect(problems(audit(steady(8, 0, 10), 0, 10))).toEqual(['8.0 Hz is below the control rate of 20 Hz']);
    expect(problems(audit(steady(30, 0, 7), 0, 10))).toEqual([
      'silent for 3.0 s: a policy would hold after 0.200 s',
    ]);
    expect(problems(audit(steady(30, 0, 10, -3.5), 0, 10))).toEqual([
      'stamped up to 3.5 s away from its arrival: is it late, or a clock wrong?',
    ]);
  });

  it('counts stamps out of order and repeated, and passes over missing ones', () => {
    const stamps = [1, 2, 2, 1.5, 3, 3, undefined, 2.9];
    const result = audit(
      stamps.map((stamp, i) => ({ at: 3 + i / 100, ...(stamp !== undefined && { stamp }) })),
      3,
      3.08,
    );
    expect(result).toMatchObject({ messages: 8, outOfOrder: 2, duplicates: 2 });
    expect(problems(result).slice(-2)).toEqual(['2 out of order', '2 with the stamp of the one before']);
  });

  it('asks nothing of a topic of which nothing is expected', () => {
    const extra: Expectation = { topic: '/tf_static', what: 'extra', required: false };
    expect(problems(audit([{ at: 1 }], 0, 60, extra))).toEqual([]);
    const silent = audit([], 0, 60, extra);
    expect(problems(silent)).toEqual(['delivered nothing']);
    expect([isSilent(silent), isSilent(audit([], 0, 60))]).toEqual([false, true]);
  });

  const arrivals = fc.array(
    fc.record({ dt: fc.double({ min: 0, max: 2, noNaN: true }), stamp: fc.integer({ min: 0, max: 50 }) }),
    { maxLength: 60 },
  );

  it('agrees with the slow and obvious count', () => {
    fc.assert(
      fc.property(arrivals, fc.double({ min: 0, max: 3, noNaN: true }), (steps, tail) => {
        let at = 5;
        const received = steps.map(({ dt, stamp }) => {
          at += dt;
          return { at, stamp };
        });
        const end = at + tail;
        const result = audit(received, 5, end);
        const times = [5, ...received.map((r) => r.at), end];
        const gaps = times.slice(1).map((t, i) => t - times[i]);
        const newestBefore = (i: number) => Math.max(...received.slice(0, i).map((r) => r.stamp));
        expect(result.messages).toBe(received.length);
        expect(result.largestGapS).toBeCloseTo(Math.max(...gaps), 9);
        expect(result.outOfOrder).toBe(received.filter((r, i) => r.stamp < newestBefore(i)).length);
        expect(result.duplicates).toBe(received.filter((r, i) => r.stamp === newestBefore(i)).length);
        const lags = received.map((r) => Math.abs(r.at - r.stamp));
        if (lags.length === 0) expect(result.largestLagS).toBeNull();
        else expect(result.largestLagS).toBeCloseTo(Math.max(...lags), 9);
      }),
    );
  });
});

describe('combine', () => {
  it('adds up counts and time, and keeps the worst of the rest', () => {
    const good = audit(steady(20, 0, 10), 0, 10);
    const poor = audit(steady(10, 50, 60, 0.5), 50, 60);
    const [both] = combine([[good], [poor]]) as [TopicAudit];
    expect(both).toMatchObject({ topic: CAMERA.topic, messages: 300, durationS: 20 });
    expect(rateHz(both)).toBeCloseTo(15, 9);
    expect(both.largestGapS).toBeCloseTo(0.1, 9);
    expect(both.largestLagS).toBeCloseTo(0.5, 9);
  });

  it('keeps topics apart, in their order, and a lag that only some episodes have', () => {
    const bare = { ...CAMERA, topic: '/b' };
    const combined = combine([
      [audit([{ at: 1 }], 0, 2), audit([{ at: 1 }], 0, 2, bare)],
      [audit([{ at: 1, stamp: 1 }], 0, 2), audit([], 0, 2, bare)],
    ]);
    expect(combined.map(({ topic, messages, largestLagS }) => [topic, messages, largestLagS])).toEqual([
      [CAMERA.topic, 2, 0],
      ['/b', 1, null],
    ]);
    expect(combine([])).toEqual([]);
  });
});
