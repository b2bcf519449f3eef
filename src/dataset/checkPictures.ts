/** Whether the pictures of a dataset are there, and are pictures: of some episodes, for there are many. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.js';
import type { EpisodeIndex, IndexedEpisode } from './episodeIndex.js';
import { type DatasetInfo, filePath } from './format.js';
import { openTable, readRows, type Table, type Values } from './read.js';

type Note = (problem: string) => void;

/** Episodes whose pictures are decoded, spread over the dataset; three of each. */
const SAMPLE = 5;

export async function checkPictures(
  dir: string,
  info: DatasetInfo,
  index: EpisodeIndex,
  note: Note,
): Promise<void> {
  await checkVideos(dir, info, index, note);
  const images = Object.keys(info.features).filter((key) => info.features[key]?.dtype === 'image');
  if (images.length === 0) return;
  for (const episode of spread(index.episodes, SAMPLE)) {
    try {
      await checkImages(dir, info, index, episode, images, note);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      note(error.message);
    }
  }
}

/** Some of the items, the first and the last among them. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from(
    { length: count },
    (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))] as T,
  );
}

async function checkImages(
  dir: string,
  info: DatasetInfo,
  index: EpisodeIndex,
  episode: IndexedEpisode,
  images: readonly string[],
  note: Note,
): Promise<void> {
  const table = await openTable(join(dir, filePath(info.data_path, episode.data)));
  // A file's rows are counted from its first episode's.
  const { chunk, file } = episode.data;
  const first = index.episodes.find(
    ({ data }) => data.chunk === chunk && data.file === file,
  ) as IndexedEpisode;
  for (const frame of new Set([0, Math.floor(episode.length / 2), episode.length - 1])) {
    const row = await rowAt(table, episode.from - first.from + frame, images);
    for (const key of images) {
      const problem = await imageProblem(row?.[key], info.features[key]?.shape ?? []);
      if (problem) note(`episode ${episode.index}, frame ${frame}: ${key} ${problem}`);
    }
  }
}

async function rowAt(table: Table, row: number, columns: readonly string[]): Promise<Values | undefined> {
  return (await readRows(table, columns, row, row + 1))[0];
}

async function imageProblem(value: unknown, shape: readonly number[]): Promise<string | undefined> {
  const bytes = (value as { bytes?: Uint8Array } | null | undefined)?.bytes;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) return 'is not there';
  try {
    const { info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    // LeRobot's own are [height, width, channels]; some datasets have the channels first.
    const found = [info.height, info.width, info.channels];
    const same = (order: readonly number[]) => order.every((side, i) => side === shape[i]);
    if (same(found) || same([info.channels, info.height, info.width])) return undefined;
    return `is ${found.join('×')}, not ${shape.join('×')}`;
  } catch (error) {
    return `is no picture: ${(error as Error).message.split('\n')[0]}`;
  }
}

async function checkVideos(dir: string, info: DatasetInfo, index: EpisodeIndex, note: Note): Promise<void> {
  const checked = new Set<string>();
  const end = new Map<string, number>();
  for (const { index: number, length, videos } of index.episodes) {
    for (const [key, stretch] of videos) {
      const path = filePath(info.video_path ?? '', stretch, key);
      if (!checked.has(path)) {
        checked.add(path);
        const size = await stat(join(dir, path)).then(
          (found) => found.size,
          () => 0,
        );
        if (size === 0) note(`${path} is not there`);
      }
      const tolerance = 0.5 / info.fps;
      if (!(Math.abs(stretch.to - stretch.from - length / info.fps) <= tolerance))
        note(`episode ${number} has ${length} frames and ${stretch.to - stretch.from} s of ${key}`);
      if (!(stretch.from >= (end.get(path) ?? 0) - tolerance))
        note(`episode ${number} begins in ${path} before the one before it ends`);
      end.set(path, stretch.to);
    }
  }
}
