import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { workerUrl } from './workers.js';

const root = new URL('../', import.meta.url);

describe('workerUrl', () => {
  it('is the file beside a compiled module', () => {
    const caller = new URL('dist/infer/policy.js', root).href;
    expect(workerUrl('./worker.js', caller).href).toBe(new URL('dist/infer/worker.js', root).href);
  });

  it('is the compiled twin for a module run from src', () => {
    const caller = new URL('src/infer/policy.ts', root).href;
    const url = workerUrl('./worker.js', caller);
    expect(url.href).toBe(new URL('dist/infer/worker.js', root).href);
    expect(existsSync(url)).toBe(true);
  });

  it('says what to do when there is no twin', () => {
    const caller = new URL('src/infer/policy.ts', root).href;
    expect(() => workerUrl('./nobody.js', caller)).toThrow(
      /dist.infer.nobody\.js does not exist: run 'npm run build'/,
    );
  });
});
