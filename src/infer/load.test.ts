import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type TestPolicy, writeBundle } from '../../test/support/onnx.js';
import { UserError } from '../errors.js';
import { loadBundle } from './load.js';

const root = mkdtempSync(path.join(tmpdir(), 'saccade-bundle-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const nextDir = () => path.join(root, `bundle${count++}`);

// biome-ignore lint/suspicious/noExplicitAny: tests change manifests in every place and way
type Manifest = any;

async function refusal(dir: string): Promise<string> {
  const error = await loadBundle(dir).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

/** The message about a manifest, without file and line. */
async function manifestRefusal(
  change: (manifest: Manifest) => void,
  policy: Partial<TestPolicy> = {},
): Promise<string> {
  const { dir, manifestFile } = writeBundle(nextDir(), policy, { manifest: change });
  const message = await refusal(dir);
  expect(message.startsWith(`${manifestFile}:`)).toBe(true);
  return message.slice(manifestFile.length + 1).replace(/^\d+: /, '');
}

describe('loadBundle', () => {
  it('reads plain values with absolute paths', async () => {
    const policy = {
      name: 'pick',
      joints: ['pan', 'grip'],
      cameras: [{ name: 'head', role: 'global_overview', width: 32, height: 24 }],
      chunk: 8,
      strategy: { name: 'receding', steps: 4 },
      memory: true,
      views: true,
    };
    const { dir, graphFile, manifestFile, sha256 } = writeBundle(nextDir(), policy);
    expect(await loadBundle(path.relative(process.cwd(), dir))).toEqual({
      dir,
      manifestFile,
      graph: { file: graphFile, sha256, bytes: readFileSync(graphFile).length },
      name: 'pick',
      task: 'pick_lift',
      rateHz: 20,
      cameras: [
        {
          name: 'head',
          role: 'global_overview',
          width: 32,
          height: 24,
          inputs: { current: 'head', previous: 'head_previous' },
        },
      ],
      joints: ['pan', 'grip'],
      state: { input: 'state' },
      action: { output: 'action', chunk: 8, kind: 'joint_position' },
      memory: {
        first: 'first',
        pairs: [{ input: 'count_in', output: 'count_out', dtype: 'float32', shape: [1, 1], initial: 0 }],
      },
      views: [{ output: 'flow_head', kind: 'flow', camera: 'head', rangePx: 20 }],
      strategy: { name: 'receding', steps: 4 },
      provenance: { training: { seed: 0 } },
    });
  });

  it('takes memory, views and provenance for absent when the manifest leaves them out', async () => {
    const { dir } = writeBundle(
      nextDir(),
      {},
      {
        manifest: (manifest) => {
          delete manifest.memory;
          delete manifest.views;
          delete manifest.provenance;
        },
      },
    );
    expect(await loadBundle(dir)).toMatchObject({ memory: { pairs: [] }, views: [], provenance: {} });
  });

  it('reads every kind of view', async () => {
    const views = [
      { output: 'f', kind: 'flow', camera: 'head', range_px: 10 },
      { output: 'm', kind: 'm', camera: 'head' },
      { output: 'p', kind: 'p', camera: 'head' },
      { output: 'a', kind: 'attention', camera: 'head', source: 'wrist_detail', grid: [6, 6] },
    ];
    const { dir } = writeBundle(
      nextDir(),
      {},
      {
        manifest: (manifest) => {
          manifest.views = views;
        },
      },
    );
    const [{ range_px, ...flow }, ...others] = views as [{ range_px: number }, ...object[]];
    expect((await loadBundle(dir)).views).toEqual([{ ...flow, rangePx: range_px }, ...others]);
  });

  it('refuses a folder without a manifest, or no folder', async () => {
    const dir = path.join(root, 'empty');
    expect(await refusal(dir)).toBe(
      `policy ${dir} has no readable policy.yaml; give the folder of a bundle (ENOENT)`,
    );
  });

  it('refuses a graph that is missing', async () => {
    const { dir, graphFile, manifestFile } = writeBundle(nextDir());
    rmSync(graphFile);
    expect(await refusal(dir)).toBe(
      `${graphFile} cannot be read; ${manifestFile} names it in graph.file (ENOENT)`,
    );
  });

  it('refuses a graph with one byte changed', async () => {
    const { dir, graphFile, manifestFile, sha256 } = writeBundle(nextDir());
    const bytes = readFileSync(graphFile);
    bytes[100] = (bytes[100] as number) ^ 1;
    writeFileSync(graphFile, bytes);
    const message = await refusal(dir);
    expect(message).toContain(`${graphFile} is not the graph that graph.sha256 in ${manifestFile} names`);
    expect(message).not.toContain(sha256);
  });

  it.each<[string, (manifest: Manifest) => void]>([
    ['format is "lerobot"; it must be saccade-policy', (m) => (m.format = 'lerobot')],
    ['version is 2; it must be 1', (m) => (m.version = 2)],
    ['rate_hz is 0; it must be greater than 0', (m) => (m.rate_hz = 0)],
    [
      'graph.file is "../x.onnx"; it must be the name of a file beside the manifest',
      (m) => (m.graph.file = '../x.onnx'),
    ],
    ['graph.sha256 is "beef"; it must be 64 lower-case hexadecimal digits', (m) => (m.graph.sha256 = 'beef')],
    ['cameras is []; it must have at least 1 item', (m) => (m.cameras = [])],
    [
      'cameras[2].role is "head"; it must be one of wrist_detail, wrist_context, global_overview',
      (m) => (m.cameras[2].role = 'head'),
    ],
    [
      'cameras[1].name is "wrist_detail"; it must differ from those before it',
      (m) => (m.cameras[1].name = 'wrist_detail'),
    ],
    ['cameras[0].inputs.current is missing; it must be a text', (m) => delete m.cameras[0].inputs.current],
    ['cameras[0].width is 96.5; it must be a whole number', (m) => (m.cameras[0].width = 96.5)],
    [
      'state.joints[1] is "shoulder_pan"; it must differ from those before it',
      (m) => (m.state.joints[1] = 'shoulder_pan'),
    ],
    ['action.chunk is 0; it must be greater than 0', (m) => (m.action.chunk = 0)],
    ['action.kind is "torque"; it must be joint_position', (m) => (m.action.kind = 'torque')],
    [
      'strategy.name is "best"; it must be one of ensemble, receding, latest, blend',
      (m) => (m.strategy.name = 'best'),
    ],
    ['strategy.m is missing; it must be a finite number', (m) => delete m.strategy.m],
    [
      'strategy.steps is 21; it must be at most action.chunk, 20',
      (m) => (m.strategy = { name: 'receding', steps: 21 }),
    ],
    ['strategy.fade_s is 0; it must be greater than 0', (m) => (m.strategy = { name: 'blend', fade_s: 0 })],
    [
      'strategy.interpolation is "spline"; it must be one of cubic, linear',
      (m) => (m.strategy = { name: 'latest', interpolation: 'spline' }),
    ],
    [
      'strategy.late_extrapolate_s is -1; it must be at least 0',
      (m) => (m.strategy = { name: 'latest', late_extrapolate_s: -1 }),
    ],
    [
      'views[0].camera is "hand"; it must be one of the cameras wrist_detail, wrist_context, head',
      (m) => (m.views[0].camera = 'hand'),
    ],
    [
      'views[1].output is "flow_wrist_detail"; it must differ from those before it',
      (m) => (m.views[1].output = 'flow_wrist_detail'),
    ],
    ['views[0].range_px is missing; it must be a finite number', (m) => delete m.views[0].range_px],
    ['views[0].kind is "heat"; it must be one of flow, m, p, attention', (m) => (m.views[0].kind = 'heat')],
    [
      'memory.pairs[0].dtype is "float16"; it must be one of uint8, float32, bool, int64',
      (m) => (m.memory.pairs[0].dtype = 'float16'),
    ],
    [
      'memory.pairs[0].initial is 0.5; it must be a whole number, as its dtype is',
      (m) => Object.assign(m.memory.pairs[0], { dtype: 'int64', initial: 0.5 }),
    ],
    ['trainer is not a known key; correct its spelling or remove it', (m) => (m.trainer = 'me')],
  ])('refuses: %s', async (message, change) => {
    expect(await manifestRefusal(change, { memory: true, views: true })).toBe(message);
  });

  it('refuses actions of other joints than the state’s', async () => {
    const message = await manifestRefusal((manifest) => manifest.action.joints.reverse());
    expect(message).toMatch(
      /^action\.joints is .*; it must name the joints of state\.joints in the same order \(shoulder_pan, /,
    );
  });
});
