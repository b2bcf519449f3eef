import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeDecode } from '../../test/support/episodeBag.js';
import { episode, part, writePart } from '../../test/support/runs.js';
import { UserError } from '../errors.js';
import { makeReport, reportJson, writeHtml } from './report.js';

const noBags = {
  open: async () => {
    throw new Error('there is no bag to open');
  },
  decode: fakeDecode(),
};

describe('makeReport', () => {
  let dir: string;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'saccade-report-'));
    await writePart(part(join(dir, 'a'), {}, [episode(1), episode(2, false)]));
    await writePart(
      part(join(dir, 'b'), { strategy: { name: 'receding', steps: 5 } }, [episode(1), episode(2)]),
    );
    await writePart(part(join(dir, 'c'), { strategy: { name: 'receding', steps: 5 } }, [episode(3)]));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const make = (compare: boolean, ...names: string[]) =>
    makeReport({ paths: names.map((name) => join(dir, name)), compare, ...noBags });

  it('compares runs, shards merged, with the first', async () => {
    const report = await make(true, 'a', 'b', 'c');
    expect(report.runs.map(({ run }) => run.label)).toEqual([
      'lifter (latest)',
      'lifter (receding, steps = 5)',
    ]);
    expect(report.comparisons).toHaveLength(1);
    expect(report.comparisons[0]?.comparison).toMatchObject({
      paired: false,
      first: { successes: 1, n: 2 },
      second: { successes: 3, n: 3 },
      pairs: { both: 1, onlySecond: 1 },
    });
  });

  it('refuses to mix runs without --compare, to compare one with itself, and a folder named twice', async () => {
    await expect(make(false, 'a', 'b')).rejects.toThrow('to compare runs, add --compare');
    await expect(make(true, 'a')).rejects.toThrow('Option --compare needs two runs');
    await expect(make(true, 'b', 'c')).rejects.toThrow('all of these are shards of one');
    await expect(make(true, 'a', 'b/../a')).rejects.toThrow('named twice');
  });

  it('gives all figures as JSON', async () => {
    const json = JSON.parse(JSON.stringify(reportJson(await make(true, 'a', 'b'))));
    expect(json.runs[0]).toMatchObject({
      label: 'lifter (latest)',
      summary: { episodes: 2, success_rate: 0.5, latency_ms: { p50: 10, p95: 12, p99: 14 } },
      warnings: [],
    });
    expect(json.runs[0].summary.results).toHaveLength(2);
    expect(json.comparisons[0]).toMatchObject({
      paired: true,
      success_rate: { difference: 0.5, p: 1, p_adjusted: 1, test: "McNemar's exact test" },
      verdict: 'undecided',
      differing_seeds: [2],
    });
  });

  it('writes one file, replaces a report, and nothing else', async () => {
    const report = await make(false, 'a');
    const file = join(dir, 'out.html');
    await writeHtml(file, report);
    const first = readFileSync(file, 'utf8');
    expect(first).toContain('succeeded in 1 of 2');
    await writeHtml(file, report);
    expect(readFileSync(file, 'utf8')).toBe(first);

    writeFileSync(file, '<p>my notes</p>');
    await expect(writeHtml(file, report)).rejects.toThrow(UserError);
    expect(readFileSync(file, 'utf8')).toBe('<p>my notes</p>');
    mkdirSync(join(dir, 'folder'));
    await expect(writeHtml(join(dir, 'folder'), report)).rejects.toThrow('is not a report');
    await expect(writeHtml(join(dir, 'no/such/folder.html'), report)).rejects.toThrow(
      'cannot be written (ENOENT)',
    );
    expect(readdirSync(dir).sort()).toEqual(['a', 'b', 'c', 'folder', 'out.html']);
  });
});
