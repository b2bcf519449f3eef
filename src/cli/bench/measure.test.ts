import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeBundle } from '../../../test/support/onnx.js';
import { loadBundle } from '../../infer/load.js';
import { benchText } from '../bench.js';
import { latency, type Measured, type Measurement, measure, turns } from './measure.js';

const dir = mkdtempSync(join(tmpdir(), 'saccade-bench-test-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('latency', () => {
  it('is percentiles and mean', () => {
    const samples = Array.from({ length: 101 }, (_, i) => 100 - i);
    expect(latency(samples)).toEqual({ p50: 50, p90: 90, p99: 99, mean: 50 });
  });
});

describe('measure', () => {
  it('measures each way by turns, and says why others cannot be had', async () => {
    const bundle = await loadBundle(writeBundle(join(dir, 'one')).dir);
    const variant = await loadBundle(
      writeBundle(
        join(dir, 'two'),
        { name: 'test-int8', slowness: 2 },
        {
          manifest: (manifest) => Object.assign(manifest, { provenance: { variant: { precision: 'int8' } } }),
        },
      ).dir,
    );
    const ways: number[] = [];
    const { results, unusable } = await measure(
      [
        { bundle, provider: 'cpu', threads: 1 },
        { bundle: variant, provider: 'cpu', threads: 2 },
        { bundle, provider: 'webgpu', threads: 1 },
      ],
      { runs: 12, warmup: 1, size: { width: 120, height: 100 }, onTurn: (n) => ways.push(n) },
    );
    expect(ways).toHaveLength(turns(12) * ways[0]);
    const [fast, slow] = results as [Measurement, Measurement];
    expect([fast.policy, fast.precision, fast.threads]).toEqual(['test', 'float32', 1]);
    expect([slow.policy, slow.precision, slow.threads]).toEqual(['test-int8', 'int8', 2]);
    for (const { run_ms, infer_ms, load_ms, first_run_ms } of results) {
      expect(run_ms.p50).toBeGreaterThan(0);
      expect(run_ms.p90).toBeGreaterThanOrEqual(run_ms.p50);
      expect(run_ms.p99).toBeGreaterThanOrEqual(run_ms.p90);
      expect(infer_ms.mean).toBeGreaterThan(run_ms.mean);
      expect(load_ms).toBeGreaterThan(0);
      expect(first_run_ms).toBeGreaterThan(0);
    }
    // 4 GFLOP more a run.
    expect(slow.run_ms.p50).toBeGreaterThan(fast.run_ms.p50);
    expect(results.length + unusable.length).toBe(3);
    for (const { policy, provider, reason } of unusable) {
      expect([policy, provider]).toEqual(['test', 'webgpu']);
      expect(reason).toMatch(/^provider webgpu cannot /);
    }
  });

  it('does not go on with a graph that the CPU cannot run', async () => {
    const { dir: folder } = writeBundle(join(dir, 'broken'), {}, { graph: Buffer.from('no graph') });
    const bundle = await loadBundle(folder);
    await expect(measure([{ bundle, provider: 'cpu', threads: 1 }], { runs: 1, warmup: 0 })).rejects.toThrow(
      'policy.onnx cannot be loaded',
    );
  });
});

describe('benchText', () => {
  const percentiles = { p50: 1, p90: 2, p99: 3, mean: 1.5 };
  const result: Measurement = {
    policy: 'pick',
    folder: '/pick',
    precision: 'float32',
    provider: 'cuda',
    threads: 1,
    notes: ['provider cuda leaves 1 of 9 nodes (1 Shape) to the CPU'],
    run_ms: percentiles,
    infer_ms: percentiles,
    load_ms: 100,
    first_run_ms: 5,
    memory_mb: 40,
    graph_mb: 8.1,
  };

  it('says once what holds for every policy, and of which policy the rest', () => {
    const unusable: Measured['unusable'] = [
      {
        policy: 'pick',
        provider: 'webgpu',
        threads: 1,
        reason: 'provider webgpu cannot be used: no adapter',
      },
      {
        policy: 'place',
        provider: 'webgpu',
        threads: 1,
        reason: 'provider webgpu cannot be used: no adapter',
      },
      { policy: 'place', provider: 'cuda', threads: 1, reason: 'provider cuda cannot run graph' },
    ];
    const text = benchText({ results: [result], unusable });
    expect(text.split('\n')[2]).toMatch(/^pick +float32 +cuda +1 +1\.00 +2\.00 +3\.00 +1\.50 +1\.00/);
    expect(text.split('\n').slice(-3)).toEqual([
      'pick: provider cuda leaves 1 of 9 nodes (1 Shape) to the CPU',
      'provider webgpu cannot be used: no adapter',
      'place: provider cuda cannot run graph',
    ]);
  });

  it('needs no table where nothing could be measured', () => {
    const unusable = [{ policy: 'pick', provider: 'cuda', threads: 1, reason: 'no library' }] as const;
    expect(benchText({ results: [], unusable })).toBe('no library');
  });
});
