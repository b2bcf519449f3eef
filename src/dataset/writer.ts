/** Writes a LeRobotDataset, an episode at a time. Memory is bounded: by a row group, not by the dataset. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RobotContract } from '../contract/contract.js';
import { type DataRow, DataTable } from './dataTable.js';
import { EpisodeStats } from './episodeStats.js';
import { EpisodeTable, isPicture, type VideoStretch } from './episodeTable.js';
import {
  type CameraSize,
  CHUNK_FILES,
  CODEBASE_VERSION,
  DATA_FILE_MB,
  DATA_PATH,
  type DatasetInfo,
  type Features,
  features,
  INFO,
  imageKey,
  type Pictures,
  SACCADE,
  STATS,
  TASKS,
  VIDEO_FILE_MB,
  VIDEO_PATH,
} from './format.js';
import { encodePng, InOrder } from './png.js';
import type { Row } from './rows.js';
import type { SaccadeInfo } from './saccadeInfo.js';
import { combine, type FeatureStats, nested, SUMMARY_KEYS } from './stats.js';
import { writeTasks } from './tasks.js';
import { VideoSeries, videoInfo } from './video.js';

export interface DatasetSpec {
  readonly contract: RobotContract;
  /** Of the contract, in their order, at the dataset's sizes. */
  readonly cameras: readonly CameraSize[];
  readonly pictures: Pictures;
}

export class DatasetWriter {
  readonly #root: string;
  readonly #spec: DatasetSpec;
  readonly #features: Features;
  readonly #data: DataTable;
  readonly #episodes: EpisodeTable;
  /** By camera; empty in a dataset with images. */
  readonly #videos: readonly VideoSeries[];
  readonly #tasks: string[] = [];
  #stats: ReadonlyMap<string, FeatureStats> = new Map();
  #episodeCount = 0;
  #frameCount = 0;

  /** @param root an empty folder; what is in it is no dataset until `finish` */
  constructor(root: string, spec: DatasetSpec) {
    const { contract, cameras, pictures } = spec;
    const fps = contract.rateHz;
    const video = pictures === 'video';
    this.#root = root;
    this.#spec = spec;
    const joints = contract.joints.map(({ name }) => name);
    this.#features = features(cameras, joints, pictures, video ? (size) => videoInfo(size, fps) : undefined);
    this.#data = new DataTable(root, this.#features, video ? [] : cameras, fps);
    this.#episodes = new EpisodeTable(root, this.#features);
    this.#videos = video
      ? cameras.map((size) => new VideoSeries({ root, key: imageKey(size.name), size, fps }))
      : [];
  }

  get episodes(): number {
    return this.#episodeCount;
  }

  get frames(): number {
    return this.#frameCount;
  }

  /** Appends an episode of exactly `length` rows, at least one. */
  async add(rows: AsyncIterable<Row>, length: number, task: string): Promise<void> {
    const { cameras, contract } = this.#spec;
    const [episode, from] = [this.#episodeCount, this.#frameCount];
    const taskIndex = this.#taskIndex(task);
    const data = await this.#data.place(length);
    const videos = new Map<string, VideoStretch>();
    for (const [c, video] of this.#videos.entries())
      videos.set(imageKey(cameras[c]?.name as string), await video.place(length));

    const stats = new EpisodeStats(cameras, contract.joints.length, length);
    const ready = new InOrder<DataRow>((row) => this.#data.add(row));
    let frame = 0;
    for await (const seen of rows) {
      stats.add(seen);
      const { images, ...rest } = seen;
      const done = frame === length - 1;
      const values = { ...rest, done, frame, index: from + frame, episode, task: taskIndex };
      const row = this.#pictures(images).then((pngs) => (pngs ? { ...values, images: pngs } : values));
      // PNGs are made many at a time, a video's frames one after the other.
      if (this.#videos.length > 0) await row;
      await ready.push(row);
      frame++;
    }
    await ready.end();
    await this.#data.endGroup();
    if (frame !== length) throw new Error(`an episode of ${length} rows came with ${frame}`);
    const all = stats.finish({ fps: contract.rateHz, from, episode, task: taskIndex });
    await this.#episodes.add({ index: episode, task, length, data, from, videos, stats: all });
    this.#stats = merge(this.#stats, all);
    this.#episodeCount++;
    this.#frameCount += length;
  }

  /** Makes a dataset of what was added. */
  async finish(saccade: SaccadeInfo): Promise<void> {
    await this.#data.close();
    await this.#episodes.close();
    for (const video of this.#videos) await video.close();
    await mkdir(join(this.#root, dirname(TASKS)), { recursive: true });
    await writeTasks(join(this.#root, TASKS), this.#tasks);
    await this.#json(STATS, this.#statsJson());
    await this.#json(SACCADE, saccade);
    await this.#json(INFO, this.#info());
  }

  /** Lets go of all files as they stand. */
  async abandon(): Promise<void> {
    await this.#data.abandon();
    await this.#episodes.abandon();
    for (const video of this.#videos) await video.abandon();
  }

  #taskIndex(task: string): number {
    if (!this.#tasks.includes(task)) this.#tasks.push(task);
    return this.#tasks.indexOf(task);
  }

  /** PNGs, or nothing when the pictures went into videos. */
  async #pictures(images: readonly Uint8Array[]): Promise<readonly Uint8Array[] | undefined> {
    if (this.#videos.length === 0) {
      const { cameras } = this.#spec;
      return Promise.all(images.map((image, c) => encodePng(image, cameras[c] as CameraSize)));
    }
    await Promise.all(this.#videos.map((video, c) => video.add(images[c] as Uint8Array)));
    return undefined;
  }

  #json(path: string, value: unknown): Promise<void> {
    return writeFile(join(this.#root, path), `${JSON.stringify(value, null, 4)}\n`);
  }

  #statsJson(): unknown {
    return Object.fromEntries(
      [...this.#stats].map(([key, stats]) => {
        const picture = isPicture(this.#features, key);
        const values = SUMMARY_KEYS.map((statistic) => [statistic, nested(stats, statistic, picture)]);
        return [key, { ...Object.fromEntries(values), count: [stats.count] }];
      }),
    );
  }

  #info(): DatasetInfo {
    const { contract, pictures } = this.#spec;
    return {
      codebase_version: CODEBASE_VERSION,
      robot_type: contract.name,
      total_episodes: this.#episodeCount,
      total_frames: this.#frameCount,
      total_tasks: this.#tasks.length,
      chunks_size: CHUNK_FILES,
      data_files_size_in_mb: DATA_FILE_MB,
      video_files_size_in_mb: VIDEO_FILE_MB,
      fps: contract.rateHz,
      splits: { train: `0:${this.#episodeCount}` },
      data_path: DATA_PATH,
      video_path: pictures === 'video' ? VIDEO_PATH : null,
      features: this.#features,
    };
  }
}

function merge(
  all: ReadonlyMap<string, FeatureStats>,
  more: ReadonlyMap<string, FeatureStats>,
): ReadonlyMap<string, FeatureStats> {
  return new Map(
    [...more].map(([key, stats]) => {
      const before = all.get(key);
      return [key, before ? combine(before, stats) : stats];
    }),
  );
}
