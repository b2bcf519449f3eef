/** Bad input, from outside: exit code 2, one sentence that says what and where, nothing left behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROBOT, ROOT, type Run, saccade, temporaryFolder } from './support/cli.js';
import { TEST_CAMERAS, writeBundle } from './support/onnx.js';

const tmp = temporaryFolder();
const good = writeBundle(join(tmp, 'good')).dir;
/** Of every run here: it must not exist afterwards. */
const OUT = join(tmp, 'out', 'run');

/** `rollout` with everything right, then `changes`; null leaves an option out. */
function rollout(changes: Readonly<Record<string, string | null>> = {}): Promise<Run> {
  const options = {
    robot: ROBOT,
    policy: good,
    task: 'pick_lift',
    episodes: '1',
    workers: '1',
    'time-limit': '0.2',
    out: OUT,
    ...changes,
  };
  const given = Object.entries(options).filter((option): option is [string, string] => option[1] !== null);
  return saccade(['rollout', ...given.flatMap(([name, value]) => [`--${name}`, value])]);
}

function expectRefusal({ code, stdout, stderr }: Run, ...parts: readonly string[]): void {
  for (const part of parts) expect(stderr).toContain(part);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  expect(existsSync(join(tmp, 'out'))).toBe(false);
}

/** A copy of the robot contract with one text replaced. */
function robotWith(name: string, from: string, to: string): string {
  const text = readFileSync(ROBOT, 'utf8');
  expect(text).toContain(from);
  const file = join(tmp, `${name}.yaml`);
  const scenes = join(ROOT, 'config/scenes');
  writeFileSync(file, text.replace(from, to).replace('../scenes', scenes));
  return file;
}

describe('a policy bundle', () => {
  it('that is missing', async () => {
    const policy = join(tmp, 'nowhere');
    expectRefusal(await rollout({ policy }), policy, 'policy.yaml');
  });

  it('without its graph', async () => {
    const { dir, graphFile } = writeBundle(join(tmp, 'no-graph'));
    rmSync(graphFile);
    expectRefusal(await rollout({ policy: dir }), graphFile, 'graph.file');
  });

  it('whose graph is damaged', async () => {
    const { dir, graphFile } = writeBundle(join(tmp, 'damaged'));
    const bytes = readFileSync(graphFile);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0xff;
    writeFileSync(graphFile, bytes);
    expectRefusal(await rollout({ policy: dir }), graphFile, 'graph.sha256');
  });

  it('whose graph is no graph at all', async () => {
    const { dir, graphFile } = writeBundle(join(tmp, 'garbage'), {}, { graph: Buffer.from('not a graph') });
    expectRefusal(await rollout({ policy: dir }), graphFile);
  });

  it('whose manifest names an input the graph does not have', async () => {
    const { dir, manifestFile } = writeBundle(
      join(tmp, 'other-input'),
      {},
      {
        manifest: (manifest) => Object.assign(manifest.state as object, { input: 'proprio' }),
      },
    );
    expectRefusal(await rollout({ policy: dir }), manifestFile, 'state.input', 'proprio');
  });

  it('whose image size is not the graph’s', async () => {
    const { dir, manifestFile } = writeBundle(
      join(tmp, 'size'),
      {},
      {
        manifest: (manifest) => Object.assign((manifest.cameras as object[])[2] as object, { width: 128 }),
      },
    );
    expectRefusal(await rollout({ policy: dir }), manifestFile, 'cameras[2]', '128');
  });

  it('with a camera role that does not exist', async () => {
    const { dir, manifestFile } = writeBundle(join(tmp, 'role'), {
      cameras: [{ ...(TEST_CAMERAS[0] as (typeof TEST_CAMERAS)[0]), role: 'ceiling' }],
    });
    expectRefusal(
      await rollout({ policy: dir }),
      manifestFile,
      'role',
      'ceiling',
      'wrist_detail',
      'global_overview',
    );
  });

  it('for other joints than the robot’s', async () => {
    const { dir, manifestFile } = writeBundle(join(tmp, 'joints'), { joints: ['shoulder_pan', 'knee'] });
    expectRefusal(await rollout({ policy: dir }), ROBOT, manifestFile, 'joints', 'knee', 'elbow');
  });

  it('with a key nobody knows', async () => {
    const { dir, manifestFile } = writeBundle(
      join(tmp, 'key'),
      {},
      {
        manifest: (manifest) => Object.assign(manifest, { stratgey: 'latest' }),
      },
    );
    expectRefusal(await rollout({ policy: dir }), manifestFile, 'stratgey');
  });
});

describe('a robot contract', () => {
  it('that is missing', async () => {
    const robot = join(tmp, 'no-robot.yaml');
    expectRefusal(await rollout({ robot }), robot);
  });

  it('with a camera role that does not exist', async () => {
    const robot = robotWith('bad-role', 'global_overview', 'ceiling');
    expectRefusal(await rollout({ robot }), robot, 'role', 'ceiling', 'global_overview');
  });

  it('at another rate than the policy', async () => {
    const robot = robotWith('bad-rate', 'rate_hz: 20', 'rate_hz: 25');
    expectRefusal(await rollout({ robot }), robot, 'rate_hz', '25', '20');
  });
});

describe('an option', () => {
  it('with a value that cannot be', async () => {
    const bad: readonly [name: string, value: string][] = [
      ['episodes', '-3'],
      ['seed', '-1'],
      ['time-limit', 'NaN'],
      ['m', 'Infinity'],
      ['strategy', 'best'],
      ['provider', 'quantum'],
    ];
    for (const [name, value] of bad)
      expectRefusal(await rollout({ [name]: value }), `--${name}`, `'${value}'`);
  });

  it('that does not go with the strategy', async () => {
    expectRefusal(await rollout({ strategy: 'latest', m: '0.1' }), '--m', 'latest');
    expectRefusal(await rollout({ strategy: 'receding', steps: '21' }), 'steps', '21', '20');
  });

  it('that is unknown, or missing', async () => {
    expectRefusal(await rollout({ epsiodes: '3' }), '--epsiodes');
    expectRefusal(await rollout({ policy: null }), '--policy');
    expectRefusal(await saccade(['fly']), 'fly');
  });

  it('that names a task nobody knows', async () => {
    expectRefusal(await rollout({ task: 'juggle' }), 'juggle');
  });
});

describe('an output folder', () => {
  it('that cannot be written', async () => {
    const file = join(tmp, 'a-file');
    writeFileSync(file, 'mine');
    for (const out of [file, join(file, 'below'), '/proc/saccade/run'])
      expectRefusal(await rollout({ out }), out, '--out');
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it('that already holds results', async () => {
    const out = join(tmp, 'full');
    mkdirSync(out);
    writeFileSync(join(out, 'results.jsonl'), 'precious');
    expectRefusal(await rollout({ out }), out, 'results.jsonl');
    expect(readdirSync(out)).toEqual(['results.jsonl']);
    expect(readFileSync(join(out, 'results.jsonl'), 'utf8')).toBe('precious');
  });
});

describe('help and version', () => {
  it('come on stdout, for every command', async () => {
    for (const command of [
      [],
      ['start'],
      ['rollout'],
      ['inspect'],
      ['bench'],
      ['doctor'],
      ['sim'],
      ['sim', 'shot'],
      ['demos'],
    ]) {
      const { code, stdout, stderr } = await saccade([...command, '--help']);
      expect(stdout).toContain(`Usage: ${['saccade', ...command].join(' ')}`);
      expect([code, stderr]).toEqual([0, '']);
    }
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(await saccade(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('with --verbose an error brings its stack trace', async () => {
    const { code, stderr } = await saccade([
      '--verbose',
      'rollout',
      '--robot',
      ROBOT,
      '--policy',
      join(tmp, 'nowhere'),
      '--task',
      'pick_lift',
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^\s+at /m);
  });
});
