/** `meta/episodes/`: a row an episode. Where its frames are, and its statistics. */
import type { SchemaElement } from 'hyparquet';
import type { ColumnSource } from 'hyparquet-writer';
import { DATA_FILE_MB, EPISODES_PATH, type Features, type FileIndex } from './format.js';
import { column, schema } from './parquet.js';
import { ParquetSeries } from './series.js';
import { type FeatureStats, nested, SUMMARY_KEYS } from './stats.js';

/** Episodes in a row group. */
const GROUP = 100;

export interface VideoStretch extends FileIndex {
  /** Seconds from the start of the file. */
  readonly from: number;
  readonly to: number;
}

export interface EpisodeRow {
  readonly index: number;
  readonly task: string;
  readonly length: number;
  readonly data: FileIndex;
  /** Index of its first frame in the dataset. */
  readonly from: number;
  /** By feature; empty in a dataset with images. */
  readonly videos: ReadonlyMap<string, VideoStretch>;
  readonly stats: ReadonlyMap<string, FeatureStats>;
}

/** One column: its part of the schema, and its value of an episode. */
interface Column {
  readonly name: string;
  readonly elements: SchemaElement[];
  readonly value: (row: PlacedRow) => unknown;
}
interface PlacedRow extends EpisodeRow {
  /** The file that the row itself is in. */
  readonly place: FileIndex;
}

export class EpisodeTable {
  readonly #columns: readonly Column[];
  readonly #series: ParquetSeries;
  #rows: PlacedRow[] = [];

  constructor(root: string, features: Features) {
    this.#columns = columns(features);
    this.#series = new ParquetSeries({
      root,
      template: EPISODES_PATH,
      schema: schema(this.#columns.map(({ elements }) => elements)),
      fileBytes: DATA_FILE_MB * 2 ** 20,
    });
  }

  async add(row: EpisodeRow): Promise<void> {
    // A row group is in one file, which is known when its first row is.
    const place = this.#rows[0]?.place ?? (await this.#series.place(GROUP));
    this.#rows.push({ ...row, place });
    if (this.#rows.length === GROUP) await this.#flush();
  }

  async close(): Promise<void> {
    if (this.#rows.length > 0) await this.#flush();
    await this.#series.close();
  }

  abandon(): Promise<void> {
    return this.#series.abandon();
  }

  async #flush(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    await this.#series.write(
      this.#columns.map(({ name, value }): ColumnSource => ({ name, data: rows.map(value) })),
    );
  }
}

function columns(features: Features): Column[] {
  const integer = (name: string, value: (row: PlacedRow) => number): Column => ({
    name,
    elements: column(name, 'int64'),
    value: (row) => BigInt(value(row)),
  });
  return [
    integer('episode_index', ({ index }) => index),
    { name: 'tasks', elements: column('tasks', 'string', 1), value: ({ task }) => [task] },
    integer('length', ({ length }) => length),
    integer('data/chunk_index', ({ data }) => data.chunk),
    integer('data/file_index', ({ data }) => data.file),
    integer('dataset_from_index', ({ from }) => from),
    integer('dataset_to_index', ({ from, length }) => from + length),
    ...Object.keys(features)
      .filter((key) => features[key]?.dtype === 'video')
      .flatMap((key) => videoColumns(key, integer)),
    ...Object.keys(features).flatMap((key) => statsColumns(key, isPicture(features, key))),
    integer('meta/episodes/chunk_index', ({ place }) => place.chunk),
    integer('meta/episodes/file_index', ({ place }) => place.file),
  ];
}

export function isPicture(features: Features, key: string): boolean {
  return features[key]?.dtype === 'image' || features[key]?.dtype === 'video';
}

function videoColumns(
  key: string,
  integer: (name: string, value: (row: PlacedRow) => number) => Column,
): Column[] {
  const stretch = (row: PlacedRow) => row.videos.get(key) as VideoStretch;
  const seconds = (name: string, value: (row: PlacedRow) => number): Column => ({
    name,
    elements: column(name, 'float64'),
    value,
  });
  return [
    integer(`videos/${key}/chunk_index`, (row) => stretch(row).chunk),
    integer(`videos/${key}/file_index`, (row) => stretch(row).file),
    seconds(`videos/${key}/from_timestamp`, (row) => stretch(row).from),
    seconds(`videos/${key}/to_timestamp`, (row) => stretch(row).to),
  ];
}

function statsColumns(key: string, picture: boolean): Column[] {
  const stats = (row: PlacedRow) => row.stats.get(key) as FeatureStats;
  const values = SUMMARY_KEYS.map((statistic): Column => {
    const name = `stats/${key}/${statistic}`;
    return {
      name,
      elements: column(name, 'float64', picture ? 3 : 1),
      value: (row) => nested(stats(row), statistic, picture),
    };
  });
  const count = `stats/${key}/count`;
  return [
    ...values,
    { name: count, elements: column(count, 'int64', 1), value: (row) => [BigInt(stats(row).count)] },
  ];
}
