/** The folder of a recording session: `bags/episode_000000`, `bags/episode_000001`, … */
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { makeFolder } from '../../folder.js';

export interface BagsFolder {
  readonly dir: string;
  /** One more than the highest number there is: no recording is ever overwritten. */
  readonly next: number;
  /** Leaves nothing behind where nothing was kept. */
  tidy(): Promise<void>;
}

/** @throws UserError when it cannot be made or read */
export async function openBagsFolder(out: string): Promise<BagsFolder> {
  const dir = join(out, 'bags');
  try {
    const made = await makeFolder(dir);
    const numbers = (await readdir(dir)).flatMap((name) => {
      const digits = /^episode_(\d+)$/.exec(name)?.[1];
      return digits === undefined ? [] : [Number(digits)];
    });
    return {
      dir,
      next: numbers.reduce((next, number) => Math.max(next, number + 1), 0),
      tidy: async () => {
        // Only what was made here, and only while it is empty; anything else answers with an error.
        if (made !== undefined) await rmdir(dir).catch(() => {});
        if (made !== undefined && made !== dir) await rmdir(out).catch(() => {});
      },
    };
  } catch (cause) {
    throw new UserError(`--out ${out} cannot be written: ${(cause as Error).message}`, 2, { cause });
  }
}
