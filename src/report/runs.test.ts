import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { episode, INFO, part } from '../../test/support/runs.js';
import type { EpisodeResult } from '../episode/episode.js';
import type { RunInfo } from '../episode/run.js';
import { UserError } from '../errors.js';
import { groupParts, mergeParts, type Part, readPart, seedRanges } from './runs.js';

const seeds = (...list: number[]) => list.map((seed) => episode(seed));

describe('readPart', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'saccade-runs-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function write(results: readonly EpisodeResult[] = seeds(2, 1), info: object = INFO): void {
    const wall = { latency_ms: { p50: 1, p95: 2, p99: 3 }, run_ms: null, overhead_ms: null };
    writeFileSync(join(dir, 'summary.json'), JSON.stringify({ ...wall, run: info, results }));
    writeFileSync(join(dir, 'results.jsonl'), results.map((each) => `${JSON.stringify(each)}\n`).join(''));
  }

  const message = async () => {
    const error = await readPart(dir).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  };

  it('reads what a rollout wrote, by ascending seed', async () => {
    write();
    const read = await readPart(dir);
    expect(read.info).toEqual(INFO);
    expect(read.results).toEqual(seeds(1, 2));
    expect(read.wall.latency_ms).toEqual({ p50: 1, p95: 2, p99: 3 });
  });

  it('refuses a folder that is not there, is something else, or belongs to a run that has not ended', async () => {
    expect(await message()).toContain("it was not written by 'saccade rollout --out'");
    writeFileSync(join(dir, 'results.partial.jsonl'), '');
    expect(await message()).toContain('has not ended, or was killed');
    rmSync(dir, { recursive: true });
    expect(await message()).toContain(`${dir} does not exist`);
  });

  it('names file, line and key of what is wrong', async () => {
    write();
    writeFileSync(join(dir, 'summary.json'), '{"run": ');
    expect(await message()).toMatch(/summary\.json is not JSON: /);
    write(seeds(1), { ...INFO, time_limit_s: 'long' });
    expect(await message()).toMatch(/summary\.json: run\.time_limit_s: /);
    write();
    writeFileSync(join(dir, 'results.jsonl'), `${JSON.stringify(episode(1))}\n{"seed": 2}\n`);
    expect(await message()).toMatch(/results\.jsonl line 2: \w+: /);
    write(seeds(4, 4));
    expect(await message()).toContain('has seed 4 twice');
    rmSync(join(dir, 'results.jsonl'));
    expect(await message()).toContain('results.jsonl does not exist');
    mkdirSync(join(dir, 'results.jsonl'));
    expect(await message()).toContain('results.jsonl cannot be read (EISDIR)');
  });
});

describe('mergeParts', () => {
  it('sums up shards as one run, whatever their order', () => {
    const a = part('a', { shard: { index: 1, count: 2 } }, [episode(1, true), episode(3, false)]);
    const b = part('b', { shard: { index: 2, count: 2 } }, [episode(2, true), episode(4, true)]);
    const run = mergeParts([b, a]);
    expect(run.summary).toMatchObject({ episodes: 4, success_rate: 0.75 });
    expect(run.summary.results.map(({ seed }) => seed)).toEqual([1, 2, 3, 4]);
    expect(run.warnings).toEqual([]);
    expect(run.summary).toEqual(mergeParts([a, b]).summary);
  });

  it('keeps the wall-clock figures of one folder, and has none of several', () => {
    const wall = { latency_ms: { p50: 1, p95: 2, p99: 3 }, run_ms: null, overhead_ms: null };
    const a: Part = { ...part('a', {}, seeds(1)), wall };
    expect(mergeParts([a]).summary.latency_ms).toEqual(wall.latency_ms);
    expect(mergeParts([a, part('b', {}, seeds(2))]).summary.latency_ms).toBeNull();
  });

  it.each<[Partial<RunInfo>, string]>([
    [{ graph_sha256: 'f'.repeat(64) }, `their graph_sha256 is ${'a'.repeat(64)} and ${'f'.repeat(64)}`],
    [{ contract_sha256: 'f'.repeat(64) }, 'their contract_sha256 is'],
    [{ task: 'other' }, 'their task is pick_lift and other'],
    [
      { strategy: { name: 'ensemble', m: 0.1 } },
      'their strategy is {"name":"latest"} and {"name":"ensemble","m":0.1}',
    ],
    [{ control: 'blind' }, 'their control is null and blind'],
    [{ speed: 0.5 }, 'their speed is 1 and 0.5'],
    [{ added_latency_ms: 200 }, 'their added_latency_ms is 0 and 200'],
    [{ added_latency_jitter_ms: 50 }, 'their added_latency_jitter_ms is 0 and 50'],
    [{ observation_delay_ms: 100 }, 'their observation_delay_ms is 0 and 100'],
    [{ time_limit_s: 5 }, 'their time_limit_s is 12 and 5'],
    [{ provider: 'cuda' }, 'their provider is cpu and cuda'],
  ])('refuses folders that differ in what decides a result: %o', (change, words) => {
    const parts = [part('a', {}, seeds(1)), part('b', change, seeds(2))];
    expect(() => mergeParts(parts)).toThrow(UserError);
    expect(() => mergeParts(parts)).toThrow(words);
    expect(() => mergeParts(parts)).toThrow('a and b are not shards of one run');
    expect(groupParts(parts)).toHaveLength(2);
  });

  it('refuses seeds that two folders share, and names them', () => {
    expect(() => mergeParts([part('a', {}, seeds(1, 2, 3)), part('b', {}, seeds(2, 3, 4))])).toThrow(
      'a and b both hold seeds 2–3',
    );
  });

  it('warns of shards that are missing, of other divisions, of other versions', () => {
    const shard = (index: number, count: number, more: Partial<RunInfo> = {}) =>
      part(`${index}`, { shard: { index, count }, ...more }, seeds(index));
    expect(mergeParts([shard(1, 4), shard(3, 4)]).warnings).toEqual([
      'Shards 2/4, 4/4 are missing: these are the results of a part of the run.',
    ]);
    expect(mergeParts([shard(1, 2), shard(3, 4)]).warnings[0]).toContain('different divisions: 1/2, 3/4');
    expect(mergeParts([shard(1, 2), shard(2, 2, { saccade: '9.9.9' })]).warnings).toEqual([
      'The shards are of different versions of Saccade: 0.1.0, 9.9.9.',
    ]);
  });
});

describe('groupParts', () => {
  it('merges shards of each run and labels runs by what sets them apart', () => {
    const ensemble = { strategy: { name: 'ensemble', m: 0.01 } } as const;
    const runs = groupParts([
      part('a1', {}, seeds(1)),
      part('b', ensemble, seeds(1)),
      part('a2', {}, seeds(2)),
    ]);
    expect(runs.map(({ label }) => label)).toEqual(['lifter (latest)', 'lifter (ensemble, m = 0.01)']);
    expect(runs[0]?.parts.map(({ path }) => path)).toEqual(['a1', 'a2']);
  });

  it('tells two graphs of one name apart', () => {
    const runs = groupParts([part('a', {}, seeds(1)), part('b', { graph_sha256: 'b'.repeat(64) }, seeds(1))]);
    expect(runs.map(({ label }) => label)).toEqual(['lifter (graph aaaaaaaa)', 'lifter (graph bbbbbbbb)']);
  });
});

describe('seedRanges', () => {
  it('joins neighbours and leaves the rest of many out', () => {
    expect(seedRanges([3, 1, 2, 7])).toBe('1–3, 7');
    expect(seedRanges(Array.from({ length: 20 }, (_, i) => 2 * i))).toBe('0, 2, 4, 6, 8, 10, 12, 14, …');
  });
});
