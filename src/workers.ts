/**
 * Where a worker thread's file is.
 *
 * Worker threads are started by Node itself, which cannot run TypeScript. A module that runs from `src/*.ts`
 * (under Vitest, which transforms only what it imports) therefore starts the compiled twin of its worker in
 * `dist/`; `npm test` builds first. From `dist/` the worker is simply the file beside the module.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('./', import.meta.url);

/**
 * @param relative the worker's path from the calling module, ending in `.js`
 * @param caller the calling module's `import.meta.url`
 */
export function workerUrl(relative: string, caller: string): URL {
  const beside = new URL(relative, caller);
  if (!caller.endsWith('.ts')) return beside;
  const compiled = new URL(`../dist/${beside.href.slice(ROOT.href.length)}`, ROOT);
  if (!existsSync(compiled))
    throw new Error(`${fileURLToPath(compiled)} does not exist: run 'npm run build'`);
  return compiled;
}
