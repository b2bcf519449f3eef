/** `data/`: a row a frame. Rows are kept until they make a row group, an episode's or what fits in memory of it. */
import type { SchemaElement } from 'hyparquet';
import type { ColumnSource } from 'hyparquet-writer';
import {
  ACTION,
  type CameraSize,
  DATA_FILE_MB,
  DATA_PATH,
  DONE,
  type Feature,
  type Features,
  type FileIndex,
  imageKey,
  REWARD,
  STATE,
  SUCCESS,
} from './format.js';
import { AS_IT_IS, column, imageColumn, type LeafType, schema } from './parquet.js';
import { ParquetSeries } from './series.js';

const MIB = 2 ** 20;
/** An episode whose pictures come to more than this is more than one row group. */
const GROUP_BYTES = 64 * MIB;

export interface DataRow {
  /** PNGs by camera; absent in a dataset with videos. */
  readonly images?: readonly Uint8Array[];
  readonly state: Float32Array;
  readonly action: Float32Array;
  readonly reward: number;
  readonly success: boolean;
  readonly done: boolean;
  /** Within the episode, and within the dataset. */
  readonly frame: number;
  readonly index: number;
  readonly episode: number;
  readonly task: number;
}

export class DataTable {
  readonly #series: ParquetSeries;
  readonly #cameras: readonly CameraSize[];
  readonly #fps: number;
  #rows: DataRow[] = [];
  #bytes = 0;

  /** @param features those of the whole dataset, `cameras` the ones among them that are images */
  constructor(root: string, features: Features, cameras: readonly CameraSize[], fps: number) {
    const stored = Object.entries(features).filter(([, { dtype }]) => dtype !== 'video');
    this.#cameras = cameras;
    this.#fps = fps;
    this.#series = new ParquetSeries({
      root,
      template: DATA_PATH,
      schema: schema(stored.map(([key, feature]) => elements(key, feature))),
      metadata: [{ key: 'huggingface', value: huggingFace(stored) }],
      fileBytes: DATA_FILE_MB * MIB,
    });
  }

  /** Says that an episode of `length` rows comes; returns the file it will be in. */
  place(length: number): Promise<FileIndex> {
    return this.#series.place(length);
  }

  async add(row: DataRow): Promise<void> {
    this.#rows.push(row);
    for (const png of row.images ?? []) this.#bytes += png.length;
    if (this.#bytes >= GROUP_BYTES) await this.endGroup();
  }

  /** Writes what is kept. */
  async endGroup(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    if (rows.length > 0) await this.#series.write(this.#columns(rows));
  }

  close(): Promise<void> {
    return this.#series.close();
  }

  abandon(): Promise<void> {
    return this.#series.abandon();
  }

  #columns(rows: readonly DataRow[]): ColumnSource[] {
    const of = (name: string, value: (row: DataRow) => unknown): ColumnSource => ({
      name,
      data: rows.map(value),
    });
    const images = this.#cameras.map(({ name }, c) => ({
      ...of(imageKey(name), ({ images, frame }) => ({ bytes: images?.[c], path: pngName(frame) })),
      ...AS_IT_IS,
    }));
    return [
      ...images,
      of(STATE, ({ state }) => Array.from(state)),
      of(ACTION, ({ action }) => Array.from(action)),
      of(REWARD, ({ reward }) => reward),
      of(SUCCESS, ({ success }) => success),
      of(DONE, ({ done }) => done),
      of('timestamp', ({ frame }) => frame / this.#fps),
      of('frame_index', ({ frame }) => BigInt(frame)),
      of('episode_index', ({ episode }) => BigInt(episode)),
      of('index', ({ index }) => BigInt(index)),
      of('task_index', ({ task }) => BigInt(task)),
    ];
  }
}

/** The name that LeRobot gives a frame's file before it takes it into the table. */
const pngName = (frame: number) => `frame-${String(frame).padStart(6, '0')}.png`;

const isVector = ({ shape }: Feature) => shape.length === 1 && shape[0] !== 1;

function elements(key: string, feature: Feature): SchemaElement[] {
  if (feature.dtype === 'image') return imageColumn(key);
  return column(key, feature.dtype as LeafType, isVector(feature) ? 1 : 0);
}

/** What Hugging Face `datasets` notes in a Parquet file of the types that Parquet does not know. */
function huggingFace(stored: readonly (readonly [string, Feature])[]): string {
  const value = (dtype: string) => ({ dtype, _type: 'Value' });
  const types = stored.map(([key, feature]) => {
    const { dtype, shape } = feature;
    if (dtype === 'image') return [key, { _type: 'Image' }];
    if (isVector(feature)) return [key, { feature: value(dtype), length: shape[0], _type: 'List' }];
    return [key, value(dtype)];
  });
  return JSON.stringify({ info: { features: Object.fromEntries(types) } });
}
