/** Which bags a user means who names bags and folders of bags. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { UserError } from '../../errors.js';

export interface FoundBag {
  /** Absolute. */
  readonly path: string;
  /** The end of its path: as many parts as tell all the bags found apart. */
  readonly name: string;
}

const STORAGE = /\.(mcap|db3)(\.zstd)?$/;

/**
 * A rosbag2 folder or a single storage file is a bag; any other folder stands for the bags right inside it,
 * by name, and a run's folder for those in its `bags`. A bag that is named twice counts once.
 * @throws UserError naming the path where no bag is
 */
export async function findBags(paths: readonly string[]): Promise<FoundBag[]> {
  const found = new Set<string>();
  for (const path of paths) for (const bag of await bagsAt(resolve(path), path)) found.add(bag);
  return named([...found]);
}

async function bagsAt(path: string, given: string): Promise<string[]> {
  const info = await stat(path).catch(() => undefined);
  if (!info) throw new UserError(`bag ${given} does not exist`);
  if (!info.isDirectory()) {
    if (STORAGE.test(path)) return [path];
    throw new UserError(`${given} is not a bag: name a rosbag2 folder, or an .mcap or .db3 file`);
  }
  const entries = await list(path);
  if (isBag(entries)) return [path];
  if (entries.some((entry) => entry.isDirectory() && entry.name === 'bags'))
    return bagsAt(join(path, 'bags'), given);
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
  const bags: string[] = [];
  for (const folder of folders.sort()) if (isBag(await list(folder))) bags.push(folder);
  if (bags.length === 0) throw new UserError(`${given} is neither a bag nor a folder with bags in it`);
  return bags;
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new UserError(`${folder} cannot be read: ${(cause as Error).message}`, 2, { cause });
  }
}

function isBag(entries: readonly Dirent[]): boolean {
  return entries.some(
    (entry) => entry.isFile() && (entry.name === 'metadata.yaml' || STORAGE.test(entry.name)),
  );
}

function named(paths: readonly string[]): FoundBag[] {
  const parts = paths.map((path) => path.split(sep));
  const longest = Math.max(0, ...parts.map((part) => part.length));
  for (let length = 1; ; length++) {
    const names = parts.map((part) => part.slice(-length).join('/'));
    if (length >= longest || new Set(names).size === names.length)
      return paths.map((path, i) => ({ path, name: names[i] as string }));
  }
}
