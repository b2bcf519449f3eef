/** `saccade dataset export`: bags become a LeRobotDataset (docs/dataset.md). */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { RobotContract } from '../contract/contract.js';
import { UserError } from '../errors.js';
import { makeFolder } from '../folder.js';
import type { Size } from '../observe/resize.js';
import type { FoundBag } from '../robots/bag/findBags.js';
import { type ChooseOptions, type ChosenBag, chooseBags, openBag, type Reason } from './choose.js';
import type { CameraSize, Pictures } from './format.js';
import { EpisodeRows } from './rows.js';
import { type EpisodeOrigin, origin, saccadeInfo } from './saccadeInfo.js';
import { requireFfmpeg } from './video.js';
import { DatasetWriter } from './writer.js';

export interface ExportOptions extends ChooseOptions {
  readonly out: string;
  readonly pictures: Pictures;
  /** Of the camera named, of all where none is; a later one goes before an earlier. The contract's where there is none. */
  readonly sizes: readonly (Size & { readonly camera?: string })[];
  /** Ends the export; nothing is left of it. */
  readonly signal?: AbortSignal;
  /** How many episodes are to come, once that is known. */
  readonly onStart?: (bags: number) => void;
  readonly onBag?: (name: string) => void;
  /** Takes a sentence. */
  readonly warn?: (message: string) => void;
}

/** What `--json` prints. */
export interface ExportSummary {
  readonly out: string;
  readonly episodes: number;
  readonly frames: number;
  readonly left_out: Readonly<Record<Reason, number>>;
}

/**
 * Writes the dataset beside `out`, in `<out>.unfinished`, and gives it its name when it is whole.
 * @returns undefined when `signal` ended it
 * @throws UserError when bags, options or folder do not do; nothing is left behind then
 */
export async function exportDataset(
  found: readonly FoundBag[],
  options: ExportOptions,
): Promise<ExportSummary | undefined> {
  const { out, pictures } = options;
  const choice = await chooseBags(found, options);
  const cameras = cameraSizes(choice.contract, options);
  if (pictures === 'video') await requireFfmpeg();
  const root = await claim(out);
  const writer = new DatasetWriter(root, { contract: choice.contract, cameras, pictures });
  const leftOut = { ...choice.leftOut };
  try {
    const origins: EpisodeOrigin[] = [];
    options.onStart?.(choice.chosen.length);
    for (const bag of choice.chosen) {
      if (options.signal?.aborted) break;
      const added = await addEpisode(writer, bag, cameras, options);
      if (added) origins.push(added);
      else leftOut.incomplete++;
      options.onBag?.(bag.name);
    }
    if (options.signal?.aborted) {
      await discard(writer, root);
      return undefined;
    }
    if (writer.episodes === 0)
      throw new UserError(`no dataset is written to ${out}: none of the bags has every row of its episode`);
    await writer.finish(saccadeInfo(choice.contract, choice.robotFile, cameras, origins));
  } catch (error) {
    await discard(writer, root);
    throw error;
  }
  await rmdir(out).catch(() => {});
  await rename(root, out);
  return { out, episodes: writer.episodes, frames: writer.frames, left_out: leftOut };
}

/** Undefined, after a warning, when rows cannot be made of the bag. */
async function addEpisode(
  writer: DatasetWriter,
  { path, name, task }: ChosenBag,
  cameras: readonly CameraSize[],
  { contract, warn }: ExportOptions,
): Promise<EpisodeOrigin | undefined> {
  const bag = await openBag(path, contract);
  const leaveOut = (why: string) => warn?.(`${name} is left out: ${why}.`);
  let rows: EpisodeRows;
  try {
    rows = await EpisodeRows.open(bag, cameras);
  } catch (error) {
    await bag.close();
    if (!(error instanceof UserError)) throw error;
    leaveOut(error.message);
    return undefined;
  }
  try {
    const hole = await rows.hole();
    if (hole !== undefined) {
      leaveOut(hole);
      return undefined;
    }
    await writer.add(rows.rows(), rows.length, task);
    if (bag.damage) warn?.(`${name} is not whole: ${bag.damage}`);
    return origin(name, bag);
  } finally {
    await rows.close();
  }
}

function cameraSizes({ cameras }: RobotContract, { sizes, pictures }: ExportOptions): CameraSize[] {
  const names = cameras.map(({ name }) => name);
  const unknown = sizes.find(({ camera }) => camera !== undefined && !names.includes(camera));
  if (unknown)
    throw new UserError(
      `Option --size names camera '${unknown.camera}', which the robot does not have: its cameras are ${names.join(', ')}.`,
    );
  return cameras.map(({ name, width, height }) => {
    const asked = sizes.findLast(({ camera }) => camera === undefined || camera === name);
    const size = { width: asked?.width ?? width, height: asked?.height ?? height };
    if (pictures === 'video' && (size.width % 2 === 1 || size.height % 2 === 1))
      throw new UserError(
        `camera ${name} is ${size.width}×${size.height}, and a video's sides must be even: give it another --size, or leave out --videos`,
      );
    return { name, ...size };
  });
}

/** Makes the folder that the dataset grows in. One that holds anything is refused, so no two datasets mix. */
async function claim(out: string): Promise<string> {
  const root = `${resolve(out)}.unfinished`;
  const entries = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UserError(`--out ${out} cannot be written: ${error.message}`);
  });
  if (entries.length > 0) throw new UserError(`--out ${out} is not empty: name a new folder`);
  try {
    await makeFolder(dirname(root));
    await mkdir(root);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw code === 'EEXIST'
      ? new UserError(`${root} is what an export left that was stopped: remove it`, 2, { cause })
      : new UserError(`--out ${out} cannot be written: ${message}`, 2, { cause });
  }
  return root;
}

async function discard(writer: DatasetWriter, root: string): Promise<void> {
  await writer.abandon();
  await rm(root, { recursive: true, force: true });
}
