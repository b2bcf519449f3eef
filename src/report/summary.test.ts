import { describe, expect, it } from 'vitest';
import { noInterventions } from '../act/interventions.js';
import type { EpisodeRecord, StopReason } from '../episode/episode.js';
import { summarise } from '../episode/statistics.js';
import { episodeTable, summaryTable } from './summary.js';

function record(
  seed: number,
  stop: StopReason,
  total: number,
  highest: number,
  reason?: string,
): EpisodeRecord {
  return {
    result: {
      seed,
      success: stop === 'success',
      return: total,
      highest_reward: highest,
      steps: 100,
      duration_s: 5,
      stop,
      ...(reason ? { reason } : {}),
      safety: { ...noInterventions(), ramp_in: 2 },
      max_camera_skew_s: 0,
      wall: {
        seconds: 1,
        latency_ms: null,
        run_ms: null,
        overhead_ms: null,
        reaction_ms: null,
        missed_ticks: 0,
        missed_commands: 0,
        dropped_observations: 0,
        spent_chunks: 0,
      },
    },
    timings: {
      latencyMs: Float32Array.of(4),
      runMs: Float32Array.of(3),
      overheadMs: new Float32Array(),
    },
  };
}

describe('episodeTable', () => {
  it('has a line an episode, and a reason column only when there is a reason', () => {
    const good = record(1, 'success', 140, 4).result;
    expect(episodeTable([good]).split('\n')[2]).toBe(
      '   1  success     140        4    100     5.00       2',
    );
    const bad = record(2, 'aborted', 0, 0, 'the policy gave NaN').result;
    expect(episodeTable([good, bad])).toContain('the policy gave NaN');
    expect(episodeTable([good])).not.toContain('reason');
  });
});

describe('metrics of the task', () => {
  const placed = (seed: number, metrics?: Record<string, number>): EpisodeRecord => {
    const { result, timings } = record(seed, 'success', 100, 4);
    return { result: { ...result, ...(metrics && { metrics }) }, timings };
  };
  const records = [
    placed(1, { position_error_m: 0.0061 }),
    placed(2, { position_error_m: 0.0101 }),
    placed(3),
  ];

  it('have a column, in centimetres, empty where an episode was not measured', () => {
    const lines = episodeTable(records.map(({ result }) => result)).split('\n');
    expect(lines[0]).toMatch(/safety {2}position error, cm$/);
    expect(lines[2]).toMatch(/ 2 {2,}0\.61$/);
    expect(lines[4]).toMatch(/ 2$/);
  });

  it('have a line, mean ± standard deviation of what was measured', () => {
    expect(summaryTable(summarise(records, { maxReward: 4 }))).toMatch(
      /\nposition error +0\.81 ± 0\.28 cm\n/,
    );
    expect(summaryTable(summarise(records.slice(0, 1), { maxReward: 4 }))).toMatch(
      /\nposition error +0\.61 cm\n/,
    );
  });
});

describe('summaryTable', () => {
  it('shows success with its interval, return, reward stages, timings and safety', () => {
    const text = summaryTable(
      summarise([record(1, 'success', 140, 4), record(2, 'timeout', 60, 2), record(3, 'interrupted', 5, 1)], {
        maxReward: 4,
      }),
    );
    expect(text).toContain('success rate    50.0 % (1 of 2; 95 % interval 9.5–90.5 %, Wilson)');
    expect(text).toContain('average return  100.0 ± 56.6');
    expect(text).toContain('interrupted     1 (not counted)');
    expect(text).toContain('safety          ramp_in 6 (ticks)');
    expect(text).toMatch(
      /reward ≥ +0 +1 +2 +3 +4\n.*\nepisodes +100\.0 % +100\.0 % +100\.0 % +50\.0 % +50\.0 %/,
    );
    expect(text).toMatch(/latency +4\.00 +4\.00 +4\.00/);
    expect(text).not.toContain('loop overhead');
  });

  it('claims nothing when nothing ran to an end', () => {
    const text = summaryTable(summarise([], { maxReward: 4 }));
    expect(text).not.toContain('success rate');
    expect(text).toContain('episodes  0');
  });
});
