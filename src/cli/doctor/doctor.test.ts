import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { writeBundle } from '../../../test/support/onnx.js';
import { loadBundle } from '../../infer/load.js';
import { line } from '../doctor.js';
import { checkRealtime, judgeClock, judgeTimers, readClocks } from './clock.js';
import { checkDisk, judge as judgeDisk } from './disk.js';
import { checkFit } from './fit.js';
import { checkImages, checkRecorder } from './media.js';
import { checkGpu, checkProviders, judge as judgeProvider } from './providers.js';
import { checkRos } from './ros.js';
import { checkCpu, checkNode } from './system.js';

const dir = mkdtempSync(join(tmpdir(), 'saccade-doctor-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

describe('node and cpu', () => {
  it.each([
    ['18.20.0', 'fail'],
    ['20.14.9', 'fail'],
    ['20.15.0', 'warn'],
    ['20.20.1', 'warn'],
    ['20.20.2', 'ok'],
    ['22.0.0', 'ok'],
  ])('Node %s: %s', (version, level) => {
    expect(checkNode(version).level).toBe(level);
  });

  it.each([
    ['performance\n', 4, 1, 'ok'],
    ['powersave\n', 4, 1, 'warn'],
    [undefined, 4, 1, 'ok'],
    [undefined, 1, 0, 'warn'],
    [undefined, 4, 4.5, 'warn'],
  ] as const)('governor %o, %d cores, load %d: %s', async (governor, cores, load, level) => {
    const path = governor === undefined ? join(dir, 'none') : file('governor', governor);
    const finding = await checkCpu(path, cores, [load]);
    expect(finding.level).toBe(level);
    expect(finding.finding).toContain(`${cores} core`);
    if (governor) expect(finding.finding).toContain(`governor ${governor.trim()}`);
  });
});

describe('clocks', () => {
  it('reads both, and how late timers are', async () => {
    const reading = await readClocks(60);
    expect(reading.overMs).toBeGreaterThanOrEqual(60);
    expect(Math.abs(reading.gainedMs)).toBeLessThan(reading.overMs);
    expect(reading.lateness.length).toBeGreaterThan(0);
    expect([...reading.lateness]).toEqual([...reading.lateness].sort((a, b) => a - b));
  });

  const reading = (more: object) => ({
    lateness: Float64Array.of(0.1, 0.2),
    gainedMs: 0,
    overMs: 1500,
    ...more,
  });

  it('warns of late timers', () => {
    expect(judgeTimers(reading({})).level).toBe('ok');
    expect(judgeTimers(reading({ lateness: Float64Array.of(0.1, 9) }))).toMatchObject({
      level: 'warn',
      finding: expect.stringContaining('8.91 ms at p99'),
    });
  });

  it('says whether a real-time priority is permitted', async () => {
    vi.stubEnv('PATH', '/nowhere');
    expect((await checkRealtime()).finding).toContain('no priority is permitted here');
    vi.unstubAllEnvs();
    const { status } = spawnSync('chrt', ['--fifo', '1', 'true']);
    expect((await checkRealtime()).finding.startsWith('a priority is permitted')).toBe(status === 0);
  });

  it('warns of a time of day that is stepped, or not synchronised', () => {
    expect(judgeClock(reading({}), true)).toMatchObject({
      level: 'ok',
      finding: 'steady, synchronised by NTP',
    });
    expect(judgeClock(reading({}), undefined).level).toBe('ok');
    expect(judgeClock(reading({}), false)).toMatchObject({
      level: 'warn',
      advice: expect.stringContaining('chrony'),
    });
    // Within what whole milliseconds and crystals explain.
    expect(judgeClock(reading({ gainedMs: 2.5 }), true).level).toBe('ok');
    for (const gainedMs of [40, -40])
      expect(judgeClock(reading({ gainedMs }), true)).toMatchObject({
        level: 'warn',
        finding: `the time of day moved ${gainedMs} ms against the monotonic clock within 1.5 s`,
      });
  });
});

describe('disk', () => {
  it('is measured, in a folder that need not exist, and left as it was', async () => {
    const finding = await checkDisk(join(dir, 'not/yet'), { megabytes: 16 });
    expect(finding.finding).toMatch(new RegExp(`^${dir} takes \\d+ MB/s, \\d+ GB free; .* need 83 MB/s$`));
    expect(readdirSync(dir).filter((name) => name.startsWith('.saccade'))).toEqual([]);
  });

  it('is judged by what three cameras need', () => {
    expect(judgeDisk('/d', 200, 50).level).toBe('ok');
    expect(judgeDisk('/d', 40, 50)).toMatchObject({ level: 'warn', advice: expect.stringContaining('jpeg') });
    expect(judgeDisk('/d', 4, 50)).toMatchObject({
      level: 'warn',
      advice: expect.stringContaining('too slow for JPEG'),
    });
  });

  it('that cannot be written is a warning', async () => {
    expect(await checkDisk('/proc/saccade')).toMatchObject({
      level: 'warn',
      finding: expect.stringContaining('/proc'),
      advice: expect.stringContaining('--record'),
    });
  });
});

describe('providers', () => {
  it('are found out by running the policy on each', async () => {
    const bundle = await loadBundle(writeBundle(join(dir, 'good')).dir);
    const findings = await checkProviders(bundle);
    expect(findings.map(({ name }) => name)).toEqual([
      'provider cpu',
      'provider cuda',
      'provider tensorrt',
      'provider webgpu',
    ]);
    expect(findings[0]).toMatchObject({
      level: 'ok',
      finding: expect.stringMatching(/^test runs in [\d.]+ ms \(opened in \d+ ms\)$/),
    });
    for (const { level, finding, advice } of findings.slice(1)) {
      expect(level).not.toBe('fail');
      if (level === 'warn') expect([finding, advice]).not.toContain('');
    }
  });

  it('and a policy that does not run is a failure', async () => {
    const { dir: folder } = writeBundle(join(dir, 'bad'), {}, { graph: Buffer.from('no graph') });
    const [cpu] = await checkProviders(await loadBundle(folder));
    expect(cpu).toMatchObject({
      level: 'fail',
      finding: expect.stringContaining('policy.onnx cannot be loaded'),
    });
  });

  it('too slow for the policy are a warning', async () => {
    const bundle = await loadBundle(writeBundle(join(dir, 'slow')).dir);
    const probed = {
      usable: true,
      notes: ['provider cuda leaves 2 of 9 nodes (2 Shape) to the CPU'],
      loadMs: 30,
    } as const;
    expect(judgeProvider('cuda', bundle, { ...probed, runMs: 49 })).toMatchObject({
      level: 'ok',
      finding:
        'test runs in 49.0 ms (opened in 30 ms); provider cuda leaves 2 of 9 nodes (2 Shape) to the CPU',
    });
    expect(judgeProvider('cuda', bundle, { ...probed, runMs: 51 })).toMatchObject({
      level: 'warn',
      finding: expect.stringContaining("longer than the policy's period of 50 ms"),
    });
  });

  it('say what to do where they cannot be used', async () => {
    const bundle = await loadBundle(writeBundle(join(dir, 'other')).dir);
    const reason = "provider cuda cannot be used: its library x.so is not installed; run 'npm rebuild'";
    expect(judgeProvider('cuda', bundle, { usable: false, reason })).toEqual({
      name: 'provider cuda',
      level: 'warn',
      finding: 'its library x.so is not installed',
      advice: "run 'npm rebuild', or do without: --provider cpu",
    });
  });

  it('need a driver', async () => {
    const finding = await checkGpu(file('version', 'NVRM version: 550.54.14\nGCC version: 12\n'));
    if (finding.level === 'warn')
      expect(finding.finding).toContain('NVRM version: 550.54.14, but nvidia-smi');
    expect((await checkGpu(join(dir, 'none'))).name).toBe('gpu driver');
  });
});

describe('ros 2', () => {
  it('that is not sourced is a warning that says how', async () => {
    expect(await checkRos({})).toEqual([
      {
        name: 'ros 2',
        level: 'warn',
        finding: 'not sourced',
        advice: expect.stringContaining('source /opt/ros/jazzy/setup.bash'),
      },
    ]);
  });
});

describe('media', () => {
  it('compress and read, record and read again', async () => {
    expect(await checkImages()).toMatchObject({ level: 'ok' });
    expect(await checkRecorder()).toMatchObject({ level: 'ok' });
  });
});

describe('policy and robot', () => {
  const robot = join(import.meta.dirname, '../../../config/robots/sim_arm.yaml');

  it('that fit', async () => {
    const { dir: policy } = writeBundle(join(dir, 'fits'));
    const { findings, bundle } = await checkFit(policy, robot);
    expect(findings.map(({ name, level }) => [name, level])).toEqual([
      ['policy', 'ok'],
      ['robot', 'ok'],
      ['fit', 'ok'],
    ]);
    expect(bundle?.name).toBe('test');
  });

  it('that do not', async () => {
    const { dir: policy } = writeBundle(join(dir, 'misfit'), { rateHz: 10 });
    const { findings } = await checkFit(policy, robot);
    expect(findings.at(-1)).toMatchObject({
      name: 'fit',
      level: 'fail',
      finding: expect.stringContaining('rate_hz'),
    });
  });

  it('that cannot be read are each a failure', async () => {
    const { findings, bundle } = await checkFit(join(dir, 'nowhere'), join(dir, 'nobody.yaml'));
    expect(findings.map(({ name, level }) => [name, level])).toEqual([
      ['policy', 'fail'],
      ['robot', 'fail'],
    ]);
    expect(bundle).toBeUndefined();
  });

  it('that nobody named are not looked for', async () => {
    expect(await checkFit(undefined, undefined)).toEqual({ findings: [] });
  });
});

describe('line', () => {
  it('puts what to do below what is', () => {
    expect(line({ name: 'disk', level: 'ok', finding: 'fast' })).toBe('ok    disk               fast');
    expect(line({ name: 'disk', level: 'warn', finding: 'slow', advice: 'buy another' })).toBe(
      'warn  disk               slow\n                         → buy another',
    );
  });
});
