import { describe, expect, it } from 'vitest';
import { noInterventions } from '../act/interventions.js';
import type { ReplaySummary } from './results.js';
import { bagTable, regressionTable, replayTable } from './tables.js';

const figures: Omit<ReplaySummary, 'results' | 'replay' | 'bags' | 'recorded' | 'wall'> = {
  ticks: 50,
  inferences: 50,
  chunk_rows: 810,
  chunk_error: { pan: { mean: 0.01, p95: 0.02, max: 0.03 }, grip: { mean: null, p95: null, max: null } },
  horizon: [
    { step: 0, time_s: 0, compared: 50, mean: { pan: 0.004, grip: null } },
    { step: 19, time_s: 0.95, compared: 31, mean: { pan: 2.5e-7, grip: null } },
  ],
  actions: 50,
  action_error: { pan: { mean: 0, p95: 0, max: 0 }, grip: { mean: 0.1, p95: 0.2, max: 0.3 } },
  command: { compared: 50, max_difference: 0, identical: true },
  safety: { ...noInterventions(), velocity_limit: 3 },
};
const wall = {
  seconds: 0.25,
  speed: 10,
  latency_ms: { p50: 6, p95: 9, p99: 9.5 },
  run_ms: { p50: 5, p95: 8, p99: 8 },
};
const result = { ...figures, bag: 'episode_000001', seed: 1, stop: 'timeout', recorded: null, wall } as const;
const summary = {
  ...figures,
  replay: {} as ReplaySummary['replay'],
  bags: 1,
  recorded: { episodes: 0, successes: 0 },
  wall,
  results: [result],
};

describe('the tables of a replay', () => {
  it('give each joint its errors, and each row of the horizon', () => {
    const text = replayTable(summary);
    expect(text).toMatch(/^pan +0\.01000 +0\.02000 +0\.03000 +0\.00000 +0\.00000 +0\.00000$/m);
    expect(text).toMatch(/^grip +- +- +- +0\.10000 +0\.20000 +0\.30000$/m);
    expect(text).toMatch(/0 \(0\.00 s\) +19 \(0\.95 s\)/);
    expect(text).toMatch(/^pan +0\.00400 +2\.5e-7$/m);
    expect(text).toMatch(/^commands +identical$/m);
    expect(text).toMatch(/^safety +velocity_limit 3 \(ticks\)$/m);
    expect(text).toMatch(/^latency +6\.00 +9\.00 +9\.50$/m);
  });

  it('give each bag a line, and a reason where there is one', () => {
    expect(bagTable([result])).not.toContain('reason');
    const failed = {
      ...result,
      reason: 'inference failed',
      command: { compared: 50, max_difference: 0.25, identical: false },
    };
    expect(bagTable([failed])).toMatch(
      /episode_000001 +- +- +50 +differ by up to 0\.25000 +3 +10\.0 +inference failed$/,
    );
    expect(
      bagTable([{ ...result, command: { compared: 0, max_difference: null, identical: false } }]),
    ).toContain('none recorded');
  });

  it('name what got worse, before and now', () => {
    const worse = { bag: 'all bags', figure: 'action_error.pan', before: 0.01, now: null };
    expect(regressionTable([worse])).toMatch(/^all bags +action_error\.pan +0\.01000 +-$/m);
  });
});
