import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeDecode, fakeEpisodeBag } from '../../test/support/episodeBag.js';
import { episode, part } from '../../test/support/runs.js';
import type { EpisodeResult } from '../episode/episode.js';
import { percentiles } from '../episode/statistics.js';
import { UserError } from '../errors.js';
import { collect } from './collect.js';
import { mergeParts } from './runs.js';

describe('collect', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'saccade-collect-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const recorded = (seed: number, success: boolean): EpisodeResult => {
    const bag = `bags/${seed}`;
    mkdirSync(join(dir, 'a', bag), { recursive: true });
    mkdirSync(join(dir, 'b', bag), { recursive: true });
    return episode(seed, success, { bag });
  };
  const opened: string[] = [];
  const open = async (path: string) => {
    opened.push(basename(path));
    return fakeEpisodeBag(episode(Number(basename(path))));
  };
  const decode = fakeDecode();

  it('reads failures before successes, one bag at a time, and skips bags that are not there', async () => {
    opened.length = 0;
    const results = [
      recorded(1, true),
      recorded(2, false),
      episode(3),
      episode(4, false, { bag: 'bags/gone' }),
    ];
    const progress: [number, number][] = [];
    const [run] = await collect([mergeParts([part(join(dir, 'a'), {}, results)])], {
      open,
      decode,
      onEpisode: (done, of) => progress.push([done, of]),
    });
    expect(opened).toEqual(['2', '1']);
    expect([...(run?.views.keys() ?? [])]).toEqual([2, 1]);
    expect(progress).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(run?.problems).toEqual([]);
  });

  it('goes on after a recording that cannot be read, and says so; anything else it lets through', async () => {
    const results = [recorded(1, true), recorded(2, true)];
    const runs = [mergeParts([part(join(dir, 'a'), {}, results)])];
    const failing = (error: Error) => async (path: string) => {
      if (basename(path) === '1') throw error;
      return open(path);
    };
    const [run] = await collect(runs, { open: failing(new UserError('Bag 1 is broken.')), decode });
    expect(run?.problems).toEqual(['Bag 1 is broken.']);
    expect([...(run?.views.keys() ?? [])]).toEqual([2]);
    await expect(collect(runs, { open: failing(new TypeError('a bug')), decode })).rejects.toThrow('a bug');
  });

  it('does not list a thousand broken recordings one by one', async () => {
    const results = Array.from({ length: 9 }, (_, i) => recorded(i + 1, true));
    const broken = async (path: string) => {
      throw new UserError(`Bag ${basename(path)} is broken.`);
    };
    const [run] = await collect([mergeParts([part(join(dir, 'a'), {}, results)])], { open: broken, decode });
    expect(run?.problems).toHaveLength(5);
    expect(run?.problems.at(-1)).toBe('5 more recordings could not be read.');
  });

  it('pools latencies of shards from their recordings, when it has them all', async () => {
    const a = part(join(dir, 'a'), { shard: { index: 1, count: 2 } }, [recorded(1, true)]);
    const b = part(join(dir, 'b'), { shard: { index: 2, count: 2 } }, [recorded(2, true)]);
    const [run] = await collect([mergeParts([a, b])], { open, decode });
    const samples = [1, 2].map((seed) => run?.views.get(seed)?.latencies as Float32Array);
    expect(run?.latency).toEqual(percentiles(...samples));
    const c = part(join(dir, 'c'), { shard: { index: 2, count: 2 } }, [episode(3)]);
    const [partly] = await collect([mergeParts([a, c])], { open, decode });
    expect(partly?.latency).toBeNull();
  });

  it('takes the latencies of a run in one folder from its summary', async () => {
    const [run] = await collect([mergeParts([part(join(dir, 'a'), {}, [episode(1)])])], { open, decode });
    expect(run?.latency).toEqual({ p50: 10, p95: 12, p99: 14 });
  });
});
