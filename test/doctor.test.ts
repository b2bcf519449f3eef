/** `saccade bench` and `saccade doctor`, and `--provider`, as a user meets them. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { providerObstacle } from '../src/infer/session.js';
import { ROBOT, saccade, temporaryFolder } from './support/cli.js';
import { writeBundle } from './support/onnx.js';

const tmp = temporaryFolder();
const policy = writeBundle(join(tmp, 'good')).dir;
const noCuda = providerObstacle('cuda') !== null;

const rollout = (...options: string[]) =>
  saccade([
    ...['rollout', '--robot', ROBOT, '--policy', policy, '--task', 'pick_lift', '--episodes', '1'],
    ...['--time-limit', '0.2', '--workers', '1', '--json', ...options],
  ]);

describe('--provider', () => {
  it.runIf(noCuda)('auto says why it is not the GPU, and which provider runs', async () => {
    const { code, stdout, stderr } = await rollout();
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Provider cuda cannot be used: [^\n]+\.\n/);
    expect(stderr).toContain('1 worker, cpu\n');
    expect(JSON.parse(stdout).run.provider).toBe('cpu');
  });

  it('that is the CPU alone needs no explanation', async () => {
    const { code, stderr } = await rollout('--provider', 'cpu', '--threads', '2');
    expect(code).toBe(0);
    expect(stderr).not.toContain('rovider');
  });

  it.runIf(noCuda)('named alone never falls back; in a list the next is taken', async () => {
    const alone = await rollout('--provider', 'cuda');
    expect([alone.code, alone.stdout]).toEqual([2, '']);
    expect(alone.stderr).toMatch(/^error: provider cuda cannot be used: [^\n]+\n$/);
    const list = await rollout('--provider', 'tensorrt,cuda,cpu');
    expect(list.code).toBe(0);
    expect(list.stderr).toMatch(
      /^Provider tensorrt cannot [^\n]+\nProvider cuda cannot [^\n]+\npick_lift on/,
    );
  });

  it('that is unknown, or does not go with another option, is refused', async () => {
    const cases: [string[], string][] = [
      [['--provider', 'cuda,quantum'], "Option --provider is 'cuda,quantum': provider 'quantum' is unknown"],
      [['--provider', 'cpu', '--device-id', '1'], 'device id 1 means nothing to provider cpu'],
      [['--device-id', '-1'], 'Option --device-id must be a whole number'],
      [['--threads', '0'], 'Option --threads must be a whole number of at least 1'],
    ];
    for (const [options, message] of cases) {
      const { code, stdout, stderr } = await rollout(...options);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain(message);
      expect(stderr).toMatch(/^error: [^\n]+\n$/);
    }
  });
});

describe('saccade bench', () => {
  const short = ['--providers', 'cpu,cuda', '--runs', '3', '--warmup', '1'];

  it('prints one object with --json', async () => {
    const { code, stdout } = await saccade([
      ...['bench', policy, ...short],
      ...['--threads', '1,2', '--images', '128x96', '--json'],
    ]);
    expect(code).toBe(0);
    const printed = JSON.parse(stdout);
    expect(printed).toMatchObject({ runs: 3, warmup: 1, images: { width: 128, height: 96 } });
    expect(printed.machine.cpu).not.toBe('');
    expect(printed.machine.software['onnxruntime-node']).toMatch(/^\d+\./);
    const cpu = printed.results.filter(({ provider }: { provider: string }) => provider === 'cpu');
    expect(cpu.map(({ threads }: { threads: number }) => threads)).toEqual([1, 2]);
    for (const { run_ms, infer_ms } of cpu) expect(infer_ms.p50).toBeGreaterThan(run_ms.p50);
    if (noCuda)
      expect(printed.unusable).toMatchObject([
        { policy: 'test', provider: 'cuda', reason: expect.any(String) },
      ]);
  });

  it('prints a table', async () => {
    const { code, stdout } = await saccade(['bench', policy, ...short, '--threads', '1']);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/ cores?; .*Node \d+.*onnxruntime-node \d+/);
    expect(lines[4]).toMatch(/^test +float32 +cpu +1( +\d+\.\d\d){8} +\d+\.\d +\d+ +-?\d+ +\d+\.\d$/);
    if (noCuda) expect(stdout).toMatch(/\nprovider cuda cannot be used: [^\n]+\n$/);
  });

  it('refuses what it cannot measure', async () => {
    const broken = writeBundle(join(tmp, 'broken'), {}, { graph: Buffer.from('no graph') }).dir;
    const cases: [string[], string][] = [
      [['bench'], 'policy'],
      [['bench', join(tmp, 'nowhere')], 'policy.yaml'],
      [['bench', broken, ...short], 'cannot be loaded'],
      [['bench', policy, '--providers', 'auto'], "not 'auto'"],
      [['bench', policy, '--threads', '1,x'], "not 'x'"],
      [['bench', policy, '--images', '640'], "not '640'"],
      [['bench', policy, '--runs', '0'], '--runs'],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await saccade(args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain(message);
      expect(stderr).toMatch(/^error: [^\n]+\n$/);
    }
  });
});

describe('saccade doctor', () => {
  it('finds this machine fit, and says what to do about the rest', async () => {
    const { code, stdout } = await saccade([
      ...['doctor', '--policy', policy, '--robot', ROBOT, '--record', join(tmp, 'runs'), '--json'],
    ]);
    expect(code).toBe(0);
    const { fit_to_run, findings } = JSON.parse(stdout);
    expect(fit_to_run).toBe(true);
    expect(findings.map(({ name }: { name: string }) => name)).toEqual([
      ...['node', 'cpu', 'timers', 'clock', 'real time', 'policy', 'robot', 'fit', 'gpu driver'],
      ...['provider cpu', 'provider cuda', 'provider tensorrt', 'provider webgpu'],
      ...['ros 2', ...(process.env.ROS_DISTRO ? ['rclnodejs'] : [])],
      ...['images', 'ffmpeg', 'recorder', 'disk'],
    ]);
    for (const { level, finding, advice } of findings) {
      expect(finding).not.toBe('');
      if (level === 'ok') expect(advice).toBeUndefined();
      else expect(advice).toMatch(/\S/);
    }
    expect(readdirSync(tmp)).not.toContain('runs');
  });

  it('ends with exit code 1 where the policy cannot run on this robot', async () => {
    const other = writeBundle(join(tmp, 'other'), { joints: ['knee'] }).dir;
    const { code, stdout } = await saccade(['doctor', '--policy', other, '--robot', ROBOT, '--record', tmp]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/\nfail {2}fit +robot .* does not fit policy .*knee/);
    expect(stdout).toMatch(/\nNot fit to run a policy: 1 check failed, \d+ warnings?\.\n$/);
  });

  it('ends with exit code 1 where they cannot be read, and 2 where it is used wrongly', async () => {
    const nothing = join(tmp, 'nothing.yaml');
    writeFileSync(nothing, 'a: [');
    const unread = await saccade([
      'doctor',
      '--policy',
      join(tmp, 'none'),
      '--robot',
      nothing,
      '--record',
      tmp,
    ]);
    expect(unread.code).toBe(1);
    expect(unread.stdout).toMatch(/\nfail {2}policy +policy .*none has no readable policy\.yaml/);
    expect(unread.stdout).toContain(nothing);
    expect((await saccade(['doctor', '--polciy', policy])).code).toBe(2);
  });
});
