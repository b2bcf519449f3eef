/** `saccade report` on what `saccade rollout` writes: shards, their bags, and what it refuses. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROBOT, ROOT, saccade, temporaryFolder } from './support/cli.js';

const dir = temporaryFolder();
const POLICY = join(ROOT, 'models/pick_lift');

async function rollout(name: string, ...more: string[]): Promise<string> {
  const out = join(dir, name);
  const fixed = ['--robot', ROBOT, '--policy', POLICY, '--task', 'pick_lift', '--time-limit', '0.5'];
  const { code, stderr } = await saccade(['rollout', ...fixed, '--workers', '1', '--out', out, ...more]);
  expect(stderr).not.toContain('error');
  expect(code).toBe(0);
  return out;
}

describe('saccade report', () => {
  let [first, second, other] = ['', '', ''];
  beforeAll(async () => {
    const seeds = ['--seed', '300000', '--episodes', '3'];
    first = await rollout('first', ...seeds, '--shard', '1/2');
    second = await rollout('second', ...seeds, '--shard', '2/2');
    other = await rollout('other', ...seeds, '--strategy', 'latest', '--no-record');
  });

  it('merges shards into the figures of the whole run, latencies from their bags', async () => {
    const { code, stdout, stderr } = await saccade(['report', second, first, '--json']);
    expect([code, stderr.includes('warn')]).toEqual([0, false]);
    const [{ summary, parts }] = JSON.parse(stdout).runs;
    expect(summary.results.map(({ seed }: { seed: number }) => seed)).toEqual([300000, 300001, 300002]);
    expect(summary).toMatchObject({ episodes: 3, success_rate: 0 });
    expect(summary.latency_ms.p50).toBeGreaterThan(0);
    expect(parts.map(({ shard }: { shard: unknown }) => shard)).toEqual([
      { index: 2, count: 2 },
      { index: 1, count: 2 },
    ]);
  });

  it('writes pictures and curves of every bag into one file, and the same file again', async () => {
    const [file, again] = [join(dir, 'report.html'), join(dir, 'again.html')];
    expect((await saccade(['report', first, second, '--out', file])).code).toBe(0);
    const page = readFileSync(file, 'utf8');
    for (const seed of [300000, 300001, 300002])
      for (const what of ['Last image of', 'Animation of', 'Seed'])
        expect(page).toMatch(new RegExp(`${what.toLowerCase()} (seed )?${seed}`, 'i'));
    expect(page).toContain('Joint shoulder_pan');
    expect(page).toContain('Latency from observation to action chunk');
    expect((await saccade(['report', first, second, '--out', again])).code).toBe(0);
    expect(readFileSync(again, 'utf8') === page).toBe(true);
  });

  it('warns of a shard that is missing', async () => {
    const { code, stdout, stderr } = await saccade(['report', first, '--csv']);
    expect(code).toBe(0);
    expect(stderr).toContain('warn: Shard 2/2 is missing');
    expect(stdout.split('\r\n').filter((line) => line !== '')).toHaveLength(3);
  });

  it('compares runs of other strategies, with or without bags', async () => {
    const { code, stdout } = await saccade(['report', first, second, other, '--compare', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).comparisons).toMatchObject([
      { paired: true, verdict: 'undecided', success_rate: { difference: 0, p: 1 } },
    ]);
  });

  it.each([
    ['runs that differ', () => [first, other], 'their strategy is'],
    ['a seed twice', () => [other, other], 'named twice'],
    ['what is no run', () => [dir], 'has no summary.json'],
    ['nothing to compare', () => [first, second, '--compare'], 'needs two runs'],
    ['both kinds of output', () => [first, '--json', '--csv'], 'give one of them'],
  ])('refuses %s in one sentence, and writes nothing', async (_, args, words) => {
    const out = join(dir, 'refused.html');
    const { code, stdout, stderr } = await saccade(['report', ...args(), '--out', out]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(out)).toBe(false);
  });
});
