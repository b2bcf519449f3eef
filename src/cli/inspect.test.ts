import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { type BundleChanges, type TestPolicy, writeBundle } from '../../test/support/onnx.js';
import { UserError } from '../errors.js';
import { inspectCommand } from './inspect.js';

const root = mkdtempSync(path.join(tmpdir(), 'saccade-inspect-'));
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => vi.restoreAllMocks());
let count = 0;

async function inspect(policy: Partial<TestPolicy>, changes: BundleChanges = {}, ...options: string[]) {
  const bundle = writeBundle(path.join(root, `bundle${count++}`), policy, changes);
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await inspectCommand().parseAsync([bundle.dir, ...options], { from: 'user' });
  const text = write.mock.calls.map(([chunk]) => chunk).join('');
  write.mockRestore();
  return { bundle, text };
}

const RICH: BundleChanges = {
  manifest: (manifest) => {
    manifest.provenance = {
      training: { seed: 7, options: { lr: 0.001 } },
      parity: { action: 3.1e-6 },
      measured: {
        ensemble: {
          episodes: 200,
          success_rate: 0.945,
          success_ci95: [0.904, 0.969],
          average_return: 151.26,
        },
        note: 'on two cores',
      },
    };
  },
};

describe('saccade inspect', () => {
  it('says in aligned text what a bundle is and needs', async () => {
    const { bundle, text } = await inspect({ memory: true, views: true, chunk: 10 }, RICH);
    const lines = text.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'policy    test, for the task pick_lift',
        `sha256    ${bundle.sha256}`,
        'rate      20 Hz',
        'action    joint_position, chunks of 10 rows (0.5 s)',
        'strategy  ensemble, m = 0.01',
        '  head           global_overview  96×96 rgb8  current and previous',
        '  shoulder_pan, shoulder_lift, elbow, wrist_1, wrist_2, wrist_3, gripper',
        '  count_out → count_in  float32 [1, 1]  0',
        '  flow_head           flow  head',
        '  ensemble  200       94.5 %   90.4 % – 96.9 %  151.3',
        '  note  on two cores',
        '  training.seed        7',
        '  training.options.lr  0.001',
        '  parity.action        0.0000031',
      ]),
    );
    expect(text).toMatch(/^graph {5}\d+\.\d kB, \d+ nodes, \d+ parameters$/m);
  });

  it('leaves out what a bundle does not have', async () => {
    const { text } = await inspect({}, { manifest: (manifest) => delete manifest.provenance });
    expect(text).not.toMatch(/^(memory|views|measured|provenance)/m);
  });

  it('prints one JSON object of the manifest’s own keys', async () => {
    const { bundle, text } = await inspect({ strategy: { name: 'receding', steps: 5 } }, RICH, '--json');
    expect(JSON.parse(text)).toMatchObject({
      dir: bundle.dir,
      format: 'saccade-policy',
      rate_hz: 20,
      graph: {
        file: 'policy.onnx',
        sha256: bundle.sha256,
        bytes: expect.any(Number),
        nodes: expect.any(Number),
        parameters: expect.any(Number),
      },
      strategy: { name: 'receding', steps: 5 },
      provenance: { measured: { ensemble: { episodes: 200 } } },
    });
  });

  it('refuses a graph that is no ONNX file', async () => {
    await expect(inspect({}, { graph: Buffer.from('this is not an ONNX file') })).rejects.toThrow(UserError);
  });
});
