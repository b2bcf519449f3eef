import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { softwareVersions } from './version.js';

it('names the versions that are installed', () => {
  const of = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version;
  expect(softwareVersions()).toEqual({
    saccade: of('../package.json'),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    'onnxruntime-node': of('../node_modules/onnxruntime-node/package.json'),
    '@mujoco/mujoco': of('../node_modules/@mujoco/mujoco/package.json'),
  });
});
