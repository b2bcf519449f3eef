/** Reads a bundle folder: the manifest checked against its schema, the graph against the manifest's hash. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseYaml } from '../contract/yaml.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from './bundle.js';
import { manifestSchema } from './manifest.js';

const MANIFEST = 'policy.yaml';

/** @throws UserError naming file and key */
export async function loadBundle(dir: string): Promise<PolicyBundle> {
  const manifestFile = path.join(dir, MANIFEST);
  const text = await read(
    manifestFile,
    `policy ${dir} has no readable ${MANIFEST}; give the folder of a bundle`,
  );
  const { format, version, graph, ...manifest } = parseYaml(
    manifestFile,
    text.toString('utf8'),
    manifestSchema,
  );
  const file = path.join(dir, graph.file);
  const bytes = await read(file, `${file} cannot be read; ${manifestFile} names it in graph.file`);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== graph.sha256) {
    throw new UserError(
      `${file} is not the graph that graph.sha256 in ${manifestFile} names (its hash is ${sha256}); it is damaged or from another export, copy the bundle again`,
    );
  }
  return {
    ...manifest,
    dir: path.resolve(dir),
    manifestFile: path.resolve(manifestFile),
    graph: { file: path.resolve(file), sha256, bytes: bytes.length },
  };
}

async function read(file: string, complaint: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UserError(`${complaint} (${(error as NodeJS.ErrnoException).code})`, 2, { cause: error });
  }
}
