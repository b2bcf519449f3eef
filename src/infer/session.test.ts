import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeBundle } from '../../test/support/onnx.js';
import { UserError } from '../errors.js';
import { PROVIDER_CHOICES, parseProvider } from './providers.js';
import { openSession, providerObstacle } from './session.js';

const dir = mkdtempSync(path.join(tmpdir(), 'saccade-session-'));
afterAll(() => rmSync(dir, { recursive: true }));
const { graphFile } = writeBundle(dir);

describe('parseProvider', () => {
  it('takes each choice, and refuses others listing them', () => {
    expect(PROVIDER_CHOICES.map(parseProvider)).toEqual(PROVIDER_CHOICES);
    expect(() => parseProvider('gpu')).toThrow(
      new UserError("provider 'gpu' is unknown; use one of auto, cpu, cuda, tensorrt, webgpu"),
    );
  });
});

describe('providerObstacle', () => {
  it('finds none for the CPU', () => {
    expect(providerObstacle('cpu')).toBeNull();
  });

  // onnxruntime-node is built with these providers for Linux and Windows on x64.
  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'looks for the library of CUDA and TensorRT',
    () => {
      for (const provider of ['cuda', 'tensorrt'] as const) {
        const library = `libonnxruntime_providers_${provider}.so`;
        expect(providerObstacle(provider, dir)).toContain(
          `its library ${library} is not installed; run 'npm`,
        );
        writeFileSync(path.join(dir, library), '');
        expect(providerObstacle(provider, dir)).toBeNull();
      }
    },
  );

  it.runIf(process.platform === 'darwin')('names the providers of a build without CUDA', () => {
    expect(providerObstacle('cuda')).toMatch(
      /^onnxruntime-node has no such provider on darwin.*; it has .*cpu/,
    );
  });
});

describe('openSession', () => {
  it.runIf(providerObstacle('cuda') !== null)(
    'takes the CPU for auto where CUDA is not installed',
    async () => {
      const { session, provider } = await openSession({ graphFile, provider: 'auto', threads: 1 });
      expect(provider).toBe('cpu');
      expect(session.outputNames).toEqual(['action']);
      await session.release();
    },
  );

  it.runIf(providerObstacle('cuda') !== null)('never falls back from a provider that was named', async () => {
    const opening = openSession({ graphFile, provider: 'cuda', threads: 1 });
    await expect(opening).rejects.toThrow(UserError);
    await expect(opening).rejects.toThrow(/^provider cuda cannot be used: /);
  });
});
