/** `saccade dataset inspect`: what a LeRobotDataset v3.0 holds, and whether it is whole. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { checkPictures } from './checkPictures.js';
import { checkStats, type Measured, Measuring } from './checkStats.js';
import { EpisodeIndex } from './episodeIndex.js';
import { ACTION, type DatasetInfo, STATE, SUCCESS, TASKS } from './format.js';
import { openTable, readInfo, readRows, readTable, type Table, tablesIn } from './read.js';

/** Of one number of a vector: `action shoulder_pan`. */
export interface Range {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
}

/** What `--json` prints. */
export interface Inspection {
  readonly dir: string;
  readonly version: string;
  readonly robot: string | null;
  readonly fps: number;
  readonly episodes: number;
  readonly frames: number;
  readonly seconds: number;
  /** Share of the episodes with a successful frame; null where the dataset does not say. */
  readonly success_rate: number | null;
  readonly bytes: number;
  readonly tasks: readonly string[];
  readonly features: readonly {
    readonly name: string;
    readonly dtype: string;
    readonly shape: readonly number[];
  }[];
  /** Measured in the rows, not taken from the statistics. */
  readonly ranges: readonly Range[];
  /** Sentences; none when the dataset is whole. */
  readonly problems: readonly string[];
}

/** Problems that are named; a broken table has one in every row, which is only counted. */
const MAX_PROBLEMS = 20;

class Problems {
  readonly #named: string[] = [];
  #more = 0;

  note(problem: string): void {
    if (this.#named.length < MAX_PROBLEMS) this.#named.push(problem);
    else this.#more++;
  }

  list(): string[] {
    return this.#more === 0 ? this.#named : [...this.#named, `… and ${this.#more} more`];
  }
}

/** @throws UserError when there is no dataset of this version to look at */
export async function inspectDataset(dir: string): Promise<Inspection> {
  const info = await readInfo(dir);
  const problems = new Problems();
  const note = (problem: string) => problems.note(problem);
  const tasks = await readTasks(dir).catch(problemOr(note, [] as string[]));
  if (tasks.length !== info.total_tasks)
    note(`${TASKS} has ${tasks.length} tasks and meta/info.json says ${info.total_tasks}`);
  const index = await EpisodeIndex.read(dir, info, note);
  const scanned = await scan(dir, info, index, tasks.length, note);
  await checkStats(dir, info, scanned.measured, note);
  await checkPictures(dir, info, index, note);
  return {
    dir,
    version: info.codebase_version,
    robot: info.robot_type,
    fps: info.fps,
    episodes: info.total_episodes,
    frames: info.total_frames,
    seconds: info.total_frames / info.fps,
    success_rate: SUCCESS in info.features ? scanned.successes / info.total_episodes : null,
    bytes: await folderSize(dir),
    tasks,
    features: Object.entries(info.features).map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    ranges: [STATE, ACTION].flatMap((key) => ranges(key, info, scanned.measured)),
    problems: problems.list(),
  };
}

/** Notes what a user error says and goes on with `fallback`. */
function problemOr<T>(note: (problem: string) => void, fallback: T): (error: unknown) => T {
  return (error) => {
    if (!(error instanceof UserError)) throw error;
    note(error.message);
    return fallback;
  };
}

/** The texts of the tasks, by index: pandas calls the column `task`, or nothing. */
async function readTasks(dir: string): Promise<string[]> {
  const table = await openTable(join(dir, TASKS));
  const rows = await readRows(table, table.columns, 0, table.rows);
  const text = table.columns.find((name) => name !== 'task_index') ?? '';
  return rows
    .map((row) => ({ index: Number(row.task_index), task: String(row[text]) }))
    .sort((a, b) => a.index - b.index)
    .map(({ task }) => task);
}

/** Reads every number of every row once. */
async function scan(
  dir: string,
  info: DatasetInfo,
  index: EpisodeIndex,
  tasks: number,
  note: (problem: string) => void,
): Promise<{ measured: Measured; successes: number }> {
  const numbers = Object.keys(info.features).filter((key) => {
    const { dtype, shape } = info.features[key] as DatasetInfo['features'][string];
    return /^(float|int|bool)/.test(dtype) && shape.length === 1;
  });
  const measuring = new Measuring(numbers);
  const successful = new Set<number>();
  const rows = index.checker(tasks, note);
  for (const path of await tablesIn(join(dir, 'data'))) {
    const table: Table | undefined = await openTable(path).catch(problemOr(note, undefined));
    if (!table) continue;
    const missing = Object.keys(info.features).filter(
      (key) => info.features[key]?.dtype !== 'video' && !table.columns.includes(key),
    );
    if (missing.length > 0) note(`${path} lacks the columns ${missing.join(', ')}`);
    try {
      for await (const group of readTable(table, numbers)) {
        for (const row of group) {
          rows.row(row, path);
          measuring.add(row);
          if (row[SUCCESS] === true) successful.add(Number(row.episode_index));
        }
      }
    } catch (error) {
      problemOr(note, undefined)(error);
    }
  }
  rows.end();
  return { measured: measuring.finish(), successes: successful.size };
}

function ranges(key: string, { features }: DatasetInfo, measured: Measured): Range[] {
  const names = namesOf(features[key]?.names);
  return (measured.get(key) ?? []).map((values, j) => ({ name: `${key} ${names[j] ?? j}`, ...values }));
}

/** Most datasets have a list; some have it in an object, as `{ motors: […] }`. */
function namesOf(names: unknown): readonly unknown[] {
  if (Array.isArray(names)) return names;
  const [inner] = Object.values(names ?? {});
  return Array.isArray(inner) ? inner : [];
}

async function folderSize(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) => stat(join(entry.parentPath ?? entry.path, entry.name)));
  return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
}
