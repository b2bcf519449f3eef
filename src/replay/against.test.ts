import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.js';
import { type Earlier, readEarlier, regressions } from './against.js';
import type { ReplaySummary } from './results.js';

const tmp = temporaryFolder();

/** Mean errors of joint `pan` by bag; only what is compared. */
function replayed(bags: Record<string, number | null>, { chunk = 20, ticks = 50 } = {}) {
  const of = (mean: number | null) => ({
    ticks,
    chunk_error: { pan: { mean, p95: mean, max: mean } },
    action_error: { pan: { mean: mean === null ? null : mean / 2, p95: mean, max: mean } },
  });
  const means = Object.values(bags) as number[];
  return {
    replay: { chunk },
    ...of(means.reduce((sum, mean) => sum + mean, 0) / means.length),
    results: Object.entries(bags).map(([bag, mean]) => ({ bag, ...of(mean) })),
  } as unknown as Earlier & ReplaySummary;
}

function file(name: string, content: unknown): string {
  const path = join(tmp, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('regressions', () => {
  const before = replayed({ a: 0.1, b: 0.2 });

  it('are none for the same figures, or better ones', () => {
    expect(regressions(before, before, 0)).toEqual([]);
    expect(regressions(before, replayed({ a: 0.05, b: 0.2 }), 0)).toEqual([]);
  });

  it('are means that rose by more than the tolerance, in a bag or in all', () => {
    const worse = regressions(before, replayed({ a: 0.1, b: 0.26 }), 0.01);
    expect(worse.map(({ bag, figure }) => `${bag} ${figure}`)).toEqual([
      'b chunk_error.pan',
      'b action_error.pan',
      'all bags chunk_error.pan',
      'all bags action_error.pan',
    ]);
    expect(worse[0]).toMatchObject({ before: 0.2, now: 0.26 });
    expect(regressions(before, replayed({ a: 0.1, b: 0.26 }), 0.07)).toEqual([]);
  });

  it('are fewer ticks, and figures that are gone', () => {
    expect(regressions(before, replayed({ a: 0.1, b: 0.2 }, { ticks: 49 }), 1)).toContainEqual({
      bag: 'a',
      figure: 'ticks',
      before: 50,
      now: 49,
    });
    expect(regressions(before, replayed({ a: null, b: 0.2 }), 1)).toContainEqual({
      bag: 'a',
      figure: 'chunk_error.pan',
      before: 0.1,
      now: null,
    });
  });

  it('leave chunks of another length alone, and all bags where only a share was replayed', () => {
    const other = regressions(before, replayed({ a: 0.5, b: 0.2 }, { chunk: 10 }), 0);
    expect(other.every(({ figure }) => figure.startsWith('action_error'))).toBe(true);
    expect(other).toHaveLength(2);
    expect(regressions(before, replayed({ b: 0.2 }), 0)).toEqual([]);
  });
});

describe('readEarlier', () => {
  const good = file('good.json', replayed({ a: 0.1, b: 0.2 }));

  it('reads the summary of a replay of the same bags, or of more where a share is replayed', async () => {
    expect((await readEarlier(good, ['b', 'a'], false)).results).toHaveLength(2);
    expect((await readEarlier(good, ['b'], true)).results).toHaveLength(2);
  });

  it('refuses anything else in one sentence', async () => {
    await expect(readEarlier(join(tmp, 'none.json'), [], false)).rejects.toThrow('cannot be read as JSON');
    await expect(readEarlier(file('x.json', '{"results": ['), [], false)).rejects.toThrow(
      'cannot be read as JSON',
    );
    await expect(readEarlier(file('y.json', { episodes: 3 }), [], false)).rejects.toThrow(
      /y\.json \(--against\) is not the summary of a replay: replay invalid input/,
    );
    await expect(readEarlier(good, ['a', 'b', 'c'], false)).rejects.toThrow('has no c: replay the same bags');
    await expect(readEarlier(good, ['a'], false)).rejects.toThrow('has b, which would not be replayed');
  });
});
