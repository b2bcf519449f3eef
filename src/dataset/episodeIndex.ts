/** `meta/episodes/` of a dataset: which rows are which episode's; and whether the rows agree. */
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { type DatasetInfo, type FileIndex, filePath } from './format.js';
import { openTable, readTable, tablesIn, type Values } from './read.js';

type Note = (problem: string) => void;

export interface IndexedEpisode {
  readonly index: number;
  readonly length: number;
  /** Indices of its first frame and of the one after its last, in the dataset. */
  readonly from: number;
  readonly to: number;
  readonly data: FileIndex;
  /** By video feature, seconds in its file. */
  readonly videos: ReadonlyMap<string, FileIndex & { readonly from: number; readonly to: number }>;
}

/** A timestamp this far (s) from frame / fps is refused by LeRobot. */
const TIMESTAMP_TOLERANCE_S = 1e-4;

export class EpisodeIndex {
  private constructor(
    readonly episodes: readonly IndexedEpisode[],
    readonly info: DatasetInfo,
  ) {}

  static async read(dir: string, info: DatasetInfo, note: Note): Promise<EpisodeIndex> {
    const videos = Object.keys(info.features).filter((key) => info.features[key]?.dtype === 'video');
    const episodes: IndexedEpisode[] = [];
    for (const path of await tablesIn(join(dir, 'meta/episodes'))) {
      try {
        const table = await openTable(path);
        const wanted = table.columns.filter((name) => !name.startsWith('stats/') && name !== 'tasks');
        for await (const rows of readTable(table, wanted))
          episodes.push(...rows.map((row) => indexed(row, videos)));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        note(error.message);
      }
    }
    const index = new EpisodeIndex(episodes, info);
    index.#check(note);
    return index;
  }

  #check(note: Note): void {
    const { total_episodes, total_frames } = this.info;
    if (this.episodes.length !== total_episodes)
      note(`meta/episodes has ${this.episodes.length} episodes and meta/info.json says ${total_episodes}`);
    let next = 0;
    for (const [position, { index, from, to, length }] of this.episodes.entries()) {
      if (index !== position) note(`episode ${index} is number ${position} in meta/episodes`);
      if (from !== next || to - from !== length)
        note(`episode ${index} has ${length} frames, from ${from} to ${to}, after one that ends at ${next}`);
      next = to;
    }
    if (next !== total_frames)
      note(`the episodes end at frame ${next} and meta/info.json says ${total_frames} frames`);
  }

  /** Follows the rows of `data/` in their order. */
  checker(tasks: number, note: Note): { row(values: Values, path: string): void; end(): void } {
    const { fps, data_path } = this.info;
    let next = 0;
    let position = 0;
    return {
      row: (values, path) => {
        const [index, episode, frame] = [values.index, values.episode_index, values.frame_index].map(Number);
        while (position < this.episodes.length - 1 && next >= (this.episodes[position] as IndexedEpisode).to)
          position++;
        const expected = this.episodes[position];
        if (index !== next) note(`${path}: frame ${index} comes where ${next} should`);
        if (expected && (episode !== expected.index || frame !== next - expected.from))
          note(
            `${path}: frame ${index} says it is frame ${frame} of episode ${episode}, and is ${next - expected.from} of ${expected.index}`,
          );
        if (expected && !path.endsWith(filePath(data_path, expected.data)))
          note(`${path}: frame ${index} should be in ${filePath(data_path, expected.data)}`);
        const timestamp = Number(values.timestamp);
        if (!(Math.abs(timestamp - Number(frame) / fps) <= TIMESTAMP_TOLERANCE_S))
          note(`${path}: frame ${index} has timestamp ${timestamp} and not ${Number(frame) / fps}`);
        const task = Number(values.task_index);
        if (!(task >= 0 && task < tasks))
          note(`${path}: frame ${index} is of task ${task}, which is not there`);
        next++;
      },
      end: () => {
        const { total_frames } = this.info;
        if (next !== total_frames) note(`data has ${next} frames and meta/info.json says ${total_frames}`);
      },
    };
  }
}

function indexed(row: Values, videos: readonly string[]): IndexedEpisode {
  const number = (key: string) => Number(row[key]);
  const file = (prefix: string): FileIndex => ({
    chunk: number(`${prefix}/chunk_index`),
    file: number(`${prefix}/file_index`),
  });
  return {
    index: number('episode_index'),
    length: number('length'),
    from: number('dataset_from_index'),
    to: number('dataset_to_index'),
    data: file('data'),
    videos: new Map(
      videos.map((key) => [
        key,
        {
          ...file(`videos/${key}`),
          from: number(`videos/${key}/from_timestamp`),
          to: number(`videos/${key}/to_timestamp`),
        },
      ]),
    ),
  };
}
