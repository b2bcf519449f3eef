/** Results as a rollout leaves them, for tests of what is made of them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noInterventions } from '../../src/act/interventions.js';
import type { EpisodeResult } from '../../src/episode/episode.js';
import type { RunInfo } from '../../src/episode/run.js';
import type { Part } from '../../src/report/runs.js';

export const INFO: RunInfo = {
  saccade: '0.1.0',
  robot: 'fake',
  contract_sha256: 'c'.repeat(64),
  policy: 'lifter',
  graph_sha256: 'a'.repeat(64),
  task: 'pick_lift',
  strategy: { name: 'latest' },
  provider: 'cpu',
  control: null,
  speed: 1,
  added_latency_ms: 0,
  added_latency_jitter_ms: 0,
  observation_delay_ms: 0,
  seed: 1,
  episodes: 4,
  shard: null,
  time_limit_s: 12,
  max_reward: 4,
};

/** An episode of 2 s at 20 Hz. */
export function episode(seed: number, success = true, change: Partial<EpisodeResult> = {}): EpisodeResult {
  return {
    seed,
    success,
    return: success ? 60 : 40,
    highest_reward: success ? 4 : 2,
    steps: 40,
    duration_s: 2,
    stop: success ? 'success' : 'timeout',
    safety: { ...noInterventions(), ramp_in: 2 },
    max_camera_skew_s: 0,
    wall: {
      seconds: 1,
      latency_ms: { p50: 10, p95: 12, p99: 14 },
      run_ms: { p50: 8, p95: 9, p99: 10 },
      overhead_ms: { p50: 0.5, p95: 0.7, p99: 0.9 },
      reaction_ms: null,
      missed_ticks: 0,
      missed_commands: 0,
      dropped_observations: 0,
      spent_chunks: 0,
    },
    ...change,
  };
}

/** A results folder as `readPart` gives it. */
export function part(path: string, change: Partial<RunInfo>, results: readonly EpisodeResult[]): Part {
  return {
    path,
    info: { ...INFO, ...change },
    wall: { latency_ms: { p50: 10, p95: 12, p99: 14 }, run_ms: null, overhead_ms: null },
    results,
  };
}

/** The same on disk. */
export async function writePart({ path, info, wall, results }: Part): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'summary.json'), JSON.stringify({ ...wall, run: info }));
  await writeFile(join(path, 'results.jsonl'), results.map((each) => `${JSON.stringify(each)}\n`).join(''));
}
