/** Which software this is: what a recording says it was made with. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of this package, from package.json. */
export const version: string = versionIn(fileURLToPath(new URL('..', import.meta.url)));

/** Name → version of Saccade, Node and the libraries that decide what an episode comes to. */
export function softwareVersions(): Record<string, string> {
  return {
    saccade: version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    ...Object.fromEntries(['onnxruntime-node', '@mujoco/mujoco'].map((name) => [name, installed(name)])),
  };
}

/** Packages need not export their package.json: it is looked for above the module that they do export. */
function installed(name: string): string {
  let dir = dirname(createRequire(import.meta.url).resolve(name));
  while (!existsSync(join(dir, 'package.json')) || !versionIn(dir)) dir = dirname(dir);
  return versionIn(dir);
}

function versionIn(dir: string): string {
  return JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')).version;
}
