/**
 * LeRobotDataset v3.0: the names of its files and features, and `meta/info.json`. As in lerobot's
 * `datasets/utils.py`, `datasets/dataset_metadata.py` and `utils/constants.py` (0.6).
 *
 * Everything that is one value a frame is in `data/`, Parquet, a row a frame; many episodes share a file. What
 * an episode is (where its rows and its stretch of video are, its statistics) is a row in `meta/episodes/`.
 */
import type { Size } from '../observe/resize.js';

export const CODEBASE_VERSION = 'v3.0';
/** Files in a `chunk-…` folder. */
export const CHUNK_FILES = 1000;
/** A file that has grown to this size (MiB) is followed by another. */
export const DATA_FILE_MB = 100;
export const VIDEO_FILE_MB = 200;

export const INFO = 'meta/info.json';
export const STATS = 'meta/stats.json';
export const TASKS = 'meta/tasks.parquet';
/** Saccade's own addition (saccadeInfo.ts). */
export const SACCADE = 'meta/saccade.json';
/** Templates, as `info.json` gives them. */
export const DATA_PATH = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet';
export const VIDEO_PATH = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4';
export const EPISODES_PATH = 'meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet';

/** Which file of a series. */
export interface FileIndex {
  readonly chunk: number;
  readonly file: number;
}

export const FIRST_FILE: FileIndex = { chunk: 0, file: 0 };

export function nextFile({ chunk, file }: FileIndex): FileIndex {
  return file + 1 < CHUNK_FILES ? { chunk, file: file + 1 } : { chunk: chunk + 1, file: 0 };
}

/** Fills in a template: Python's `str.format` with the three fields that LeRobot uses. */
export function filePath(template: string, { chunk, file }: FileIndex, videoKey = ''): string {
  const fields: Readonly<Record<string, string | number>> = {
    chunk_index: chunk,
    file_index: file,
    video_key: videoKey,
  };
  return template.replace(/\{(\w+)(?::0(\d+)d)?\}/g, (whole, name: string, width?: string) => {
    const value = fields[name];
    return value === undefined ? whole : String(value).padStart(Number(width ?? 0), '0');
  });
}

/** What a frame's picture is stored as: a PNG in the row, exact, or a frame of an MP4, small. */
export type Pictures = 'image' | 'video';

export interface Feature {
  readonly dtype: string;
  /** Images are [height, width, 3]; one number is [1]. */
  readonly shape: readonly number[];
  readonly names: readonly string[] | null;
  /** Of videos: `video.fps`, `video.codec`, … */
  readonly info?: Readonly<Record<string, unknown>>;
}
export type Features = Readonly<Record<string, Feature>>;

export const imageKey = (camera: string) => `observation.images.${camera}`;
export const STATE = 'observation.state';
export const ACTION = 'action';
export const REWARD = 'next.reward';
export const SUCCESS = 'next.success';
export const DONE = 'next.done';

const scalar = (dtype: string): Feature => ({ dtype, shape: [1], names: null });

/** Those that every LeRobot dataset has. */
const DEFAULT_FEATURES: Features = {
  timestamp: scalar('float32'),
  frame_index: scalar('int64'),
  episode_index: scalar('int64'),
  index: scalar('int64'),
  task_index: scalar('int64'),
};

export interface CameraSize extends Size {
  readonly name: string;
}

/** The features of a dataset of Saccade's, in the order of their columns. */
export function features(
  cameras: readonly CameraSize[],
  joints: readonly string[],
  pictures: Pictures,
  videoInfo?: (size: Size) => Readonly<Record<string, unknown>>,
): Features {
  const vector: Feature = { dtype: 'float32', shape: [joints.length], names: joints };
  const images = cameras.map(({ name, width, height }): [string, Feature] => [
    imageKey(name),
    {
      dtype: pictures,
      shape: [height, width, 3],
      names: ['height', 'width', 'channels'],
      ...(videoInfo && { info: videoInfo({ width, height }) }),
    },
  ]);
  return {
    ...Object.fromEntries(images),
    [STATE]: vector,
    [ACTION]: vector,
    [REWARD]: scalar('float32'),
    [SUCCESS]: scalar('bool'),
    [DONE]: scalar('bool'),
    ...DEFAULT_FEATURES,
  };
}

/** `meta/info.json`. */
export interface DatasetInfo {
  readonly codebase_version: string;
  readonly robot_type: string | null;
  readonly total_episodes: number;
  readonly total_frames: number;
  readonly total_tasks: number;
  readonly chunks_size: number;
  readonly data_files_size_in_mb: number;
  readonly video_files_size_in_mb: number;
  readonly fps: number;
  readonly splits: Readonly<Record<string, string>>;
  readonly data_path: string;
  readonly video_path: string | null;
  readonly features: Features;
}
