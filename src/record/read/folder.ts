/** Which files a recording consists of: a rosbag2 folder with or without its metadata.yaml, or a single file. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { parseYaml } from '../../contract/yaml.js';
import { UserError } from '../../errors.js';
import type { Damage } from './damage.js';

const METADATA = 'metadata.yaml';
const MAX_METADATA_BYTES = 4 * 2 ** 20;

/** What is read of metadata.yaml, which rosbag2 has written in this form since version 1. */
const metadataFile = z.object({
  rosbag2_bagfile_information: z.object({
    version: z.number(),
    relative_file_paths: z.array(z.string().min(1)),
  }),
});

/**
 * The files of the recording at `at`, in their order.
 * @throws UserError when there are none
 */
export async function bagFiles(at: string, damage: Damage): Promise<string[]> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(at)).isDirectory();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UserError(`recording ${at} cannot be read (${code}); check the path`, 2, { cause });
  }
  if (!isFolder) return [at];
  const present = (await readdir(at)).filter((name) => BAG_FILE.test(name)).sort(byNumber);
  const listed = await listedFiles(at).catch((error: unknown) => {
    // What it would say is in the files too.
    if (present.length === 0 || !(error instanceof UserError)) throw error;
    damage.note(`${error.message} (${present.join(', ')} read without it)`);
    return { found: present, missing: [] };
  });
  if (listed === undefined) {
    if (present.length === 0)
      throw new UserError(
        `${at} is not a recording: it holds neither ${METADATA} nor an .mcap or .db3 file; give the folder of one bag`,
      );
    damage.note(`${at} has no ${METADATA}: the recording was cut short`);
    return present.map((name) => path.join(at, name));
  }
  for (const name of listed.missing)
    damage.note(
      `${path.join(at, METADATA)} lists ${JSON.stringify(name)}, which is not in its folder; the other files are read`,
    );
  return listed.found.map((name) => path.join(at, name));
}

const BAG_FILE = /\.(mcap|db3)(\.zstd)?$/;

/** `bag_2.mcap` before `bag_10.mcap`. */
const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

interface ListedFiles {
  /** Names within the folder. */
  readonly found: string[];
  /** As metadata.yaml has them. */
  readonly missing: string[];
}

/**
 * Undefined when there is no metadata.yaml.
 * @throws UserError when it is unusable
 */
async function listedFiles(folder: string): Promise<ListedFiles | undefined> {
  const file = path.join(folder, METADATA);
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > MAX_METADATA_BYTES)
      throw new UserError(
        `${file} has ${size} bytes; give the .mcap or .db3 file itself instead of its folder`,
      );
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${file} cannot be read (${code}); check its permissions`, 2, { cause });
  }
  // The recorder creates it empty and fills it when it stops.
  if (text.trim() === '') return undefined;
  const found: string[] = [];
  const missing: string[] = [];
  for (const name of parse(file, text).rosbag2_bagfile_information.relative_file_paths) {
    const here = await locate(folder, name);
    if (here === undefined) missing.push(name);
    else found.push(here);
  }
  if (found.length === 0) throw new UserError(`${file} lists no file that is in its folder`);
  return { found, missing };
}

function parse(file: string, text: string): z.infer<typeof metadataFile> {
  try {
    return parseYaml(file, text, metadataFile);
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof ReferenceError)) throw cause;
    throw new UserError(`${file} is nested too deeply: ${cause.message}`, 2, { cause });
  }
}

/** Up to version 3 the names begin with the folder's. Nothing outside the folder is ever opened. */
async function locate(folder: string, name: string): Promise<string | undefined> {
  for (const candidate of [name, path.basename(name)]) {
    const inside = path.relative(folder, path.resolve(folder, candidate));
    if (path.isAbsolute(candidate) || inside === '' || inside.split(path.sep)[0] === '..') continue;
    if (await isFile(path.join(folder, inside))) return inside;
  }
  return undefined;
}

const isFile = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
