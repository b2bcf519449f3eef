import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and its missing parents; returns the topmost one made, undefined when all were there.
 *
 * Node's own `mkdir` with `recursive` never returns where a file system answers ENOENT to any new name, as
 * /proc does: it makes the (existing) parent and tries again, for ever.
 *
 * @throws the system's error
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const dir = resolve(path);
  try {
    await mkdir(dir);
    return dir;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return undefined;
    // With nothing made above it, trying again would only be told the same.
    const top = code === 'ENOENT' && dirname(dir) !== dir ? await makeFolder(dirname(dir)) : undefined;
    if (top === undefined) throw error;
    await mkdir(dir);
    return top;
  }
}
