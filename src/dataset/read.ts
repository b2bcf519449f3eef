/** Reads a LeRobotDataset v3.0, whoever wrote it: `meta/info.json`, and tables a row group at a time. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decompress } from 'fzstd';
import {
  asyncBufferFromFile,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';
import { z } from 'zod';
import { parseYaml } from '../contract/yaml.js';
import { UserError } from '../errors.js';
import { type DatasetInfo, INFO } from './format.js';

const count = z.int().nonnegative();

/** What is needed of `info.json`; other keys are let be. */
const info = z.object({
  codebase_version: z.string(),
  robot_type: z.string().nullable().default(null),
  total_episodes: count,
  total_frames: count,
  total_tasks: count,
  chunks_size: z.int().positive(),
  data_files_size_in_mb: z.number().positive().default(100),
  video_files_size_in_mb: z.number().positive().default(200),
  fps: z.number().positive(),
  splits: z.record(z.string(), z.string()).default({}),
  data_path: z.string(),
  video_path: z.string().nullable().default(null),
  features: z.record(
    z.string(),
    z.object({
      dtype: z.string(),
      shape: z.array(count),
      names: z.unknown(),
      info: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

/** @throws UserError when `dir` holds no dataset, or one of another version */
export async function readInfo(dir: string): Promise<DatasetInfo> {
  const file = join(dir, INFO);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError(`${dir} is no LeRobotDataset: ${INFO} cannot be read`, 2, { cause });
  }
  const { codebase_version: version } = parseYaml(file, text, z.object({ codebase_version: z.string() }));
  if (!/^v3\.\d/.test(version))
    throw new UserError(
      `${dir} is a LeRobotDataset ${version}, and only v3.x is read: bring it up to date with lerobot's own convert_dataset_v21_to_v30`,
    );
  return parseYaml(file, text, info) as DatasetInfo;
}

/** A Parquet file, opened: its footer has been read. */
export interface Table {
  readonly path: string;
  readonly metadata: FileMetaData;
  readonly rows: number;
  /** Top-level columns. */
  readonly columns: readonly string[];
}

export type Values = Readonly<Record<string, unknown>>;

/** @throws UserError */
export async function openTable(path: string): Promise<Table> {
  try {
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
    const columns = new Set(metadata.row_groups[0]?.columns.map((c) => c.meta_data?.path_in_schema[0] ?? ''));
    return { path, metadata, rows: Number(metadata.num_rows), columns: [...columns] };
  } catch (cause) {
    throw new UserError(`${path} cannot be read: ${(cause as Error).message}`, 2, { cause });
  }
}

/** Every table of a series: `folder/chunk-…/file-….parquet`, in order. Those that cannot be read throw when opened. */
export async function tablesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  return entries
    .filter((entry) => entry.endsWith('.parquet'))
    .sort()
    .map((entry) => join(folder, entry));
}

const COMPRESSORS: Compressors = {
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input, outputLength) => decompress(input, new Uint8Array(outputLength)),
};

/** Rows `from` to `to` (exclusive), those of the columns that the table has. Bytes that are no text stay bytes. */
export async function readRows(
  { path, metadata, columns }: Table,
  wanted: readonly string[],
  from: number,
  to: number,
): Promise<Values[]> {
  try {
    return await parquetReadObjects({
      file: await asyncBufferFromFile(path),
      metadata,
      columns: wanted.filter((name) => columns.includes(name)),
      rowStart: from,
      rowEnd: to,
      compressors: COMPRESSORS,
      utf8: false,
    });
  } catch (cause) {
    throw new UserError(`${path}, rows ${from} to ${to}, cannot be read: ${(cause as Error).message}`, 2, {
      cause,
    });
  }
}

/** All rows, a row group at a time. */
export async function* readTable(table: Table, wanted: readonly string[]): AsyncGenerator<Values[]> {
  let from = 0;
  for (const group of table.metadata.row_groups) {
    const to = from + Number(group.num_rows);
    yield await readRows(table, wanted, from, to);
    from = to;
  }
}
