import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeBundle } from '../../test/support/onnx.js';
import { UserError } from '../errors.js';
import { type Provider, providerSettings } from './providers.js';
import { openSession, providerObstacle } from './session.js';

const dir = mkdtempSync(path.join(tmpdir(), 'saccade-session-'));
afterAll(() => rmSync(dir, { recursive: true }));
const { graphFile } = writeBundle(dir);

/** What `listSupportedBackends` names here, but cannot be loaded: CUDA where its libraries are not installed. */
const absent = (['cuda', 'tensorrt'] as const).filter((provider) => providerObstacle(provider) !== null);
const linux64 = process.platform === 'linux' && process.arch === 'x64';

describe('providerObstacle', () => {
  it('finds none for the CPU', () => {
    expect(providerObstacle('cpu')).toBeNull();
  });

  // onnxruntime-node is built with these providers for Linux and Windows on x64.
  it.runIf(linux64)('looks for the libraries of CUDA and TensorRT, and whether they load', () => {
    for (const provider of ['cuda', 'tensorrt'] as const) {
      const libraries = mkdtempSync(path.join(dir, provider));
      const shared = path.join(libraries, 'libonnxruntime_providers_shared.so');
      const own = path.join(libraries, `libonnxruntime_providers_${provider}.so`);
      expect(providerObstacle(provider, libraries)).toBe(
        "its library libonnxruntime_providers_shared.so is not installed; run 'npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12'",
      );
      writeFileSync(shared, '');
      expect(providerObstacle(provider, libraries)).toContain(
        `its library libonnxruntime_providers_${provider}.so is not installed; run 'npm`,
      );
      writeFileSync(own, 'not a library');
      expect(providerObstacle(provider, libraries)).toBe(
        `its library cannot be loaded (${own}: file too short); install what it names`,
      );
    }
  });

  it.runIf(linux64)('takes a library that the system can load', () => {
    const libraries = mkdtempSync(path.join(dir, 'loadable'));
    // Any library will do: what is asked is whether the system's loader takes it.
    const real = process.report.getReport() as unknown as { sharedObjects: string[] };
    const libm = real.sharedObjects.find((file) => /libm\.so/.test(file)) as string;
    writeFileSync(path.join(libraries, 'libonnxruntime_providers_shared.so'), '');
    symlinkSync(libm, path.join(libraries, 'libonnxruntime_providers_cuda.so'));
    expect(providerObstacle('cuda', libraries)).toBeNull();
  });

  it.runIf(process.platform === 'darwin')('names the providers of a build without CUDA', () => {
    expect(providerObstacle('cuda')).toMatch(
      /^onnxruntime-node has no such provider on darwin.*; it has .*cpu/,
    );
  });
});

describe('openSession', () => {
  it('opens the CPU, and has nothing to note', async () => {
    const { session, provider, notes } = await openSession(graphFile, providerSettings({ provider: 'cpu' }));
    expect([provider, notes]).toEqual(['cpu', []]);
    expect(session.outputNames).toEqual(['action']);
    await session.release();
  });

  it.runIf(absent.includes('cuda'))(
    'takes the next where the first cannot be had, and says why',
    async () => {
      for (const text of ['auto', 'cuda,cpu']) {
        const opened = await openSession(graphFile, providerSettings({ provider: text }));
        expect(opened.provider).toBe('cpu');
        expect(opened.notes).toEqual([`provider cuda cannot be used: ${providerObstacle('cuda')}`]);
        await opened.session.release();
      }
    },
  );

  it.runIf(absent.length === 2)('says of each why not, in the order they were tried', async () => {
    const { notes, session } = await openSession(
      graphFile,
      providerSettings({ provider: 'tensorrt,cuda,cpu' }),
    );
    expect(notes.map((note) => note.split(':')[0])).toEqual([
      'provider tensorrt cannot be used',
      'provider cuda cannot be used',
    ]);
    await session.release();
    const none = openSession(graphFile, providerSettings({ provider: 'tensorrt,cuda' }));
    await expect(none).rejects.toThrow(UserError);
    await expect(none).rejects.toThrow(
      /^provider tensorrt cannot be used: .*; provider cuda cannot be used: /,
    );
  });

  it.each(absent)('never falls back from %s when that alone was named', async (provider: Provider) => {
    const opening = openSession(graphFile, providerSettings({ provider }));
    await expect(opening).rejects.toThrow(UserError);
    await expect(opening).rejects.toThrow(new RegExp(`^provider ${provider} cannot be used: `));
  });

  it('goes by whether the graph runs, not only by whether it opens', async () => {
    const tried: string[] = [];
    const settings = providerSettings({ provider: 'cpu' });
    const opening = openSession(graphFile, settings, async (session) => {
      tried.push(session.inputNames.join());
      throw new UserError('the driver is too old');
    });
    await expect(opening).rejects.toThrow('the driver is too old');
    expect(tried).toHaveLength(1);
  });

  it('blames the graph where it cannot be read, not the providers before', async () => {
    const broken = path.join(dir, 'broken.onnx');
    writeFileSync(broken, 'not a graph');
    await expect(openSession(broken, providerSettings({}))).rejects.toThrow(
      /^graph .*broken.onnx cannot be loaded: .*Protobuf parsing failed/,
    );
  });
});
