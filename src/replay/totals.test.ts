import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noInterventions } from '../act/interventions.js';
import type { Compared } from './comparison.js';
import { figures, horizonSteps } from './figures.js';
import { addErrors, errorFigures, noErrors } from './jointErrors.js';
import type { ReplayInfo, ReplayRecord } from './results.js';
import { ReplayTotals, replayWall } from './totals.js';

const UNITS = { joints: ['pan', 'gripper'], rateHz: 20 };
const INFO: ReplayInfo = {
  saccade: '0',
  robot: 'fake',
  contract_sha256: '',
  policy: 'fake',
  graph_sha256: '',
  rate_hz: 20,
  chunk: 2,
  strategy: { name: 'latest' },
  provider: 'cpu',
  shard: null,
};

/** A bag whose every tick was off by one of `errors`, chunks and commands alike. */
function record(bag: string, errors: readonly number[]): ReplayRecord {
  const compared: Compared = {
    ticks: errors.length,
    inferences: errors.length,
    chunk: noErrors(2),
    horizon: { counts: new Float64Array(2), sums: new Float64Array(4) },
    action: noErrors(2),
    command: noErrors(2),
  };
  for (const error of errors) {
    const given = [error, error / 100];
    for (const of of [compared.chunk, compared.action, compared.command]) addErrors(of, [0, 0], given);
    compared.horizon.counts[0]++;
    compared.horizon.sums[0] += error;
    compared.horizon.sums[1] += error / 100;
  }
  const latencyMs = Float32Array.from(errors, () => 2);
  const safety = { ...noInterventions(), velocity_limit: errors.length };
  return {
    result: {
      bag,
      seed: 1,
      stop: 'timeout',
      ...figures(compared, errors.length, safety, UNITS),
      recorded: { success: true, return: 3, steps: errors.length, stop: 'success', safety },
      wall: replayWall(1, 0.5, [latencyMs], [latencyMs]),
    },
    compared,
    timings: { latencyMs, runMs: latencyMs },
  };
}

function summary(records: readonly ReplayRecord[]) {
  const totals = new ReplayTotals(UNITS);
  for (const each of records) totals.add(each);
  return totals.summary(INFO, 0.1);
}

const errors = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { minLength: 1, maxLength: 20 });

describe('a summary', () => {
  it('does not depend on the order in which bags were finished, to the last bit', () => {
    fc.assert(
      fc.property(fc.array(errors, { minLength: 1, maxLength: 6 }), (bags) => {
        const records = bags.map((list, i) => record(`bag_${i}`, list));
        expect(JSON.stringify(summary([...records].reverse()))).toBe(JSON.stringify(summary(records)));
      }),
    );
  });

  it('pools what its bags had', () => {
    fc.assert(
      fc.property(fc.array(errors, { minLength: 1, maxLength: 6 }), (bags) => {
        const all = noErrors(2);
        for (const error of bags.flat()) addErrors(all, [0, 0], [error, error / 100]);
        const total = summary(bags.map((list, i) => record(`bag_${i}`, list)));
        expect(total).toMatchObject({ bags: bags.length, ticks: all.count, chunk_rows: all.count });
        UNITS.joints.forEach((joint, j) => {
          const exact = errorFigures(all, j);
          const { mean, p95, max } = total.chunk_error[joint] as typeof exact;
          expect(mean).toBeCloseTo(exact.mean as number, 12);
          expect([p95, max]).toEqual([exact.p95, exact.max]);
          expect(total.action_error[joint]).toEqual(total.chunk_error[joint]);
          expect(total.horizon[0]?.mean[joint]).toBeCloseTo(exact.mean as number, 12);
        });
        expect(total.horizon[1]?.mean.pan).toBeNull();
        expect(total.command.max_difference).toBe(errorFigures(all, 0).max);
        expect(total.command.identical).toBe(bags.flat().every((error) => error === 0));
        expect(total.safety.velocity_limit).toBe(all.count);
      }),
    );
  });

  it('is valid JSON without a single bag', () => {
    const empty = JSON.parse(JSON.stringify(summary([])));
    expect(empty).toMatchObject({
      bags: 0,
      ticks: 0,
      chunk_error: { pan: { mean: null, p95: null, max: null } },
      horizon: [],
      command: { compared: 0, max_difference: null, identical: false },
      wall: { latency_ms: null },
    });
  });

  it('gives the speed as recorded time over wall time', () => {
    const ten = Array.from({ length: 10 }, () => 0);
    expect(summary([record('a', ten), record('b', ten)]).wall).toMatchObject({ seconds: 0.1, speed: 10 });
  });
});

describe('horizonSteps', () => {
  it('is the first row, the last, and the quarters', () => {
    expect(horizonSteps(20)).toEqual([0, 5, 10, 14, 19]);
    expect(horizonSteps(100)).toEqual([0, 25, 50, 74, 99]);
    expect(horizonSteps(2)).toEqual([0, 1]);
    expect(horizonSteps(1)).toEqual([0]);
  });
});
