/**
 * The interim demonstration format (docs/demonstrations.md): `.npy` arrays in a folder an episode, and an
 * index. Everything that knows the format is in this file.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RobotContract } from '../contract/contract.js';

export interface DemonstrationRows {
  readonly frames: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly states: readonly Float32Array[];
  readonly actions: readonly Float32Array[];
  readonly rewards: readonly number[];
}

export interface EpisodeEntry {
  readonly index: number;
  readonly seed: number;
  readonly steps: number;
  readonly return: number;
  readonly success: boolean;
  readonly dir: string;
}

/** Folder of one episode inside the dataset. */
export function episodeDir(seed: number): string {
  return `episode_${String(seed).padStart(6, '0')}`;
}

/** Writes the arrays of one episode. */
export async function writeEpisode(
  root: string,
  seed: number,
  contract: RobotContract,
  rows: DemonstrationRows,
): Promise<void> {
  const dir = join(root, episodeDir(seed));
  await mkdir(dir, { recursive: true });
  const steps = rows.states.length;
  for (const { name, width, height } of contract.cameras) {
    const frames = rows.frames.get(name) ?? [];
    await writeFile(join(dir, `${name}.npy`), npy('|u1', [steps, height, width, 3], frames));
  }
  const joints = contract.joints.length;
  await writeFile(join(dir, 'state.npy'), npy('<f4', [steps, joints], rows.states));
  await writeFile(join(dir, 'action.npy'), npy('<f4', [steps, joints], rows.actions));
  await writeFile(join(dir, 'reward.npy'), npy('<f4', [steps], [Float32Array.from(rows.rewards)]));
}

/** Writes `demos.json`, last: a folder without it is an unfinished recording. */
export async function writeIndex(
  root: string,
  index: {
    task: string;
    contract: RobotContract;
    seed: number;
    generator: string;
    failed: readonly number[];
    episodes: readonly EpisodeEntry[];
  },
): Promise<void> {
  const { contract } = index;
  const json = {
    format: 'saccade-demos',
    version: 1,
    task: index.task,
    robot: contract.name,
    rate_hz: contract.rateHz,
    joints: contract.joints.map((joint) => joint.name),
    cameras: contract.cameras.map(({ name, role, width, height }) => ({ name, role, width, height })),
    seed: index.seed,
    generator: index.generator,
    failed: index.failed,
    episodes: index.episodes,
  };
  await writeFile(join(root, 'demos.json'), `${JSON.stringify(json, null, 1)}\n`);
}

/**
 * An array in NumPy's `.npy` format, version 1.0 (numpy.lib.format), C order.
 * @throws Error when the parts do not fill the shape.
 */
export function npy(
  dtype: '|u1' | '<f4',
  shape: readonly number[],
  parts: readonly (Uint8Array | Float32Array)[],
): Buffer {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${dims}), }`;
  // Magic, version and length are 10 bytes; the data starts at a multiple of 64.
  const padded = `${text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 10 - 1)}\n`;
  const head = Buffer.alloc(10 + padded.length);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(padded.length, 8);
  head.write(padded, 10, 'latin1');
  const body = parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
  const bytes = body.reduce((sum, part) => sum + part.length, 0);
  const expected = shape.reduce((product, n) => product * n, dtype === '<f4' ? 4 : 1);
  if (bytes !== expected) throw new Error(`npy: ${bytes} bytes for shape (${dims}), expected ${expected}`);
  return Buffer.concat([head, ...body]);
}
