import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.js';
import { FAKE_CONTRACT, fakeImage } from '../../test/support/fakeRobot.js';
import { DataTable } from './dataTable.js';
import { features } from './format.js';
import { inspectDataset } from './inspect.js';
import { openTable, readRows } from './read.js';
import type { Row } from './rows.js';
import { saccadeInfo } from './saccadeInfo.js';
import { DatasetWriter } from './writer.js';

const tmp = temporaryFolder();
const CAMERAS = FAKE_CONTRACT.cameras.map(({ name, width, height }) => ({ name, width, height }));
const JOINTS = FAKE_CONTRACT.joints.map(({ name }) => name);

function episode(salt: number, length: number): Row[] {
  return Array.from({ length }, (_, n) => {
    const state = Float32Array.from(JOINTS, (_, j) => Math.sin(salt + 0.3 * n + j));
    return {
      images: CAMERAS.map(({ name, width, height }) => fakeImage(width, height, state, name.length)),
      state,
      action: state.map((value) => value + 0.125),
      reward: n === length - 1 ? 4 : n % 3,
      success: n === length - 1,
    };
  });
}

const EPISODES = [episode(1, 5), episode(2, 1), episode(3, 120)];

async function* streamed(rows: readonly Row[]) {
  yield* rows;
}

async function write(name: string): Promise<string> {
  const root = join(tmp, name);
  mkdirSync(root);
  const writer = new DatasetWriter(root, { contract: FAKE_CONTRACT, cameras: CAMERAS, pictures: 'image' });
  const tasks = ['stack', 'pour tea — 茶', 'stack'];
  for (const [i, rows] of EPISODES.entries())
    await writer.add(streamed(rows), rows.length, tasks[i] as string);
  const origins = EPISODES.map((_, i) => ({ bag: `episode_${i}` }));
  await writer.finish(saccadeInfo(FAKE_CONTRACT, 'robot.yaml', CAMERAS, origins));
  return root;
}

function contents(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  return Object.fromEntries(
    paths.map((path) => [relative(dir, path), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

const json = (dir: string, path: string) => JSON.parse(readFileSync(join(dir, path), 'utf8'));

async function rowsOf(dir: string, path: string) {
  const table = await openTable(join(dir, path));
  return { table, rows: await readRows(table, table.columns, 0, table.rows) };
}

describe('DatasetWriter', () => {
  const whole = write('whole');

  it('writes every value and picture of every row, exactly', async () => {
    const { table, rows } = await rowsOf(await whole, 'data/chunk-000/file-000.parquet');
    // One row group an episode.
    expect(table.metadata.row_groups.map((group) => Number(group.num_rows))).toEqual([5, 1, 120]);
    let index = 0;
    for (const [e, expected] of EPISODES.entries())
      for (const [n, { images, state, action, reward, success }] of expected.entries()) {
        const row = rows[index] as Record<string, unknown>;
        expect(row).toMatchObject({
          'observation.state': Array.from(state),
          action: Array.from(action),
          'next.reward': reward,
          'next.success': success,
          'next.done': n === expected.length - 1,
          timestamp: Math.fround(n / 20),
          frame_index: BigInt(n),
          episode_index: BigInt(e),
          index: BigInt(index),
          task_index: e === 1 ? 1n : 0n,
        });
        for (const [c, { name, width, height }] of CAMERAS.entries()) {
          const { bytes, path } = row[`observation.images.${name}`] as { bytes: Uint8Array; path: string };
          expect(path).toBe(`frame-${String(n).padStart(6, '0')}.png`);
          const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
          expect(info).toMatchObject({ width, height, channels: 3 });
          expect(Buffer.compare(data, images[c] as Uint8Array)).toBe(0);
        }
        index++;
      }
    expect(rows).toHaveLength(index);
  });

  it('says in info.json what LeRobot reads there', async () => {
    const info = json(await whole, 'meta/info.json');
    expect(info).toMatchObject({
      codebase_version: 'v3.0',
      robot_type: 'fake',
      total_episodes: 3,
      total_frames: 126,
      total_tasks: 2,
      chunks_size: 1000,
      data_files_size_in_mb: 100,
      video_files_size_in_mb: 200,
      fps: 20,
      splits: { train: '0:3' },
      data_path: 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
      video_path: null,
    });
    expect(info.features['observation.images.head']).toEqual({
      dtype: 'image',
      shape: [8, 12, 3],
      names: ['height', 'width', 'channels'],
    });
    expect(info.features.action).toEqual({ dtype: 'float32', shape: [3], names: JOINTS });
    expect(Object.keys(info.features)).toEqual(
      (await rowsOf(await whole, 'data/chunk-000/file-000.parquet')).table.columns,
    );
  });

  it('says where each episode is, and its statistics', async () => {
    const { rows } = await rowsOf(await whole, 'meta/episodes/chunk-000/file-000.parquet');
    expect(rows).toHaveLength(3);
    expect(rows[2]).toMatchObject({
      episode_index: 2n,
      tasks: ['stack'],
      length: 120n,
      'data/chunk_index': 0n,
      'data/file_index': 0n,
      dataset_from_index: 6n,
      dataset_to_index: 126n,
      'meta/episodes/chunk_index': 0n,
      'meta/episodes/file_index': 0n,
      'stats/next.success/mean': [1 / 120],
      'stats/index/min': [6],
      'stats/index/count': [120n],
      // LeRobot looks at 100 of the frames of an episode of 120.
      'stats/observation.images.wrist/count': [100n],
    });
    const first = EPISODES[0] as Row[];
    const mean = first.reduce((sum, { state }) => sum + (state[1] as number), 0) / first.length;
    expect((rows[0]?.['stats/observation.state/mean'] as number[] | undefined)?.[1]).toBeCloseTo(mean, 12);
    const reds = first.flatMap(({ images }) =>
      Array.from(images[1] as Uint8Array).filter((_, i) => i % 3 === 0),
    );
    const means = rows[0]?.['stats/observation.images.head/mean'] as number[][][] | undefined;
    const red = means?.[0]?.[0]?.[0];
    expect(red).toBeCloseTo(reds.reduce((a, b) => a + b, 0) / reds.length / 255, 12);
  });

  it('indexes tasks by their texts, as pandas does', async () => {
    const { table, rows } = await rowsOf(await whole, 'meta/tasks.parquet');
    expect(rows).toEqual([
      { task_index: 0n, task: 'stack' },
      { task_index: 1n, task: 'pour tea — 茶' },
    ]);
    const pandas = table.metadata.key_value_metadata?.find(({ key }) => key === 'pandas')?.value;
    expect(JSON.parse(pandas as string)).toMatchObject({ index_columns: ['task'] });
  });

  it('sums up the statistics of all episodes', async () => {
    const stats = json(await whole, 'meta/stats.json');
    const states = EPISODES.flat().map(({ state }) => state[2] as number);
    expect(stats['observation.state'].max[2]).toBe(Math.max(...states));
    expect(stats['observation.state'].mean[2]).toBeCloseTo(states.reduce((a, b) => a + b, 0) / 126, 9);
    expect(stats['observation.state'].count).toEqual([126]);
    expect(stats['observation.images.head'].mean).toHaveLength(3);
    expect(stats['observation.images.head'].mean[0]).toHaveLength(1);
    expect(stats['observation.images.head'].mean[0][0]).toHaveLength(1);
  });

  it('keeps what LeRobot has no place for', async () => {
    expect(json(await whole, 'meta/saccade.json')).toMatchObject({
      format: 'saccade-dataset-info',
      version: 1,
      rate_hz: 20,
      robot: { file: 'robot.yaml', text: '' },
      cameras: [
        { name: 'wrist', role: 'wrist_detail', width: 8, height: 6 },
        { name: 'head', role: 'global_overview', width: 12, height: 8 },
      ],
      joints: JOINTS,
      episodes: [{ bag: 'episode_0' }, { bag: 'episode_1' }, { bag: 'episode_2' }],
    });
  });

  it('writes the same bytes for the same rows', async () => {
    expect(contents(await write('again'))).toEqual(contents(await whole));
  });

  it('writes what inspection finds whole', async () => {
    const found = await inspectDataset(await whole);
    expect(found.problems).toEqual([]);
    expect(found).toMatchObject({
      episodes: 3,
      frames: 126,
      success_rate: 1,
      tasks: ['stack', 'pour tea — 茶'],
    });
  });

  it('is no dataset before it is finished, and refuses rows that do not come', async () => {
    const root = join(tmp, 'short');
    mkdirSync(root);
    const writer = new DatasetWriter(root, { contract: FAKE_CONTRACT, cameras: CAMERAS, pictures: 'image' });
    await expect(writer.add(streamed(episode(1, 4)), 5, 'stack')).rejects.toThrow('5 rows came with 4');
    await writer.abandon();
    expect(existsSync(join(root, 'meta/info.json'))).toBe(false);
  });
});

describe('DataTable', () => {
  it('writes a long episode in several row groups, so that it need not fit in memory', async () => {
    const root = join(tmp, 'long');
    const table = new DataTable(root, features(CAMERAS, JOINTS, 'image'), CAMERAS, 20);
    await table.place(5);
    const picture = new Uint8Array(20 * 2 ** 20);
    const vector = new Float32Array(3);
    for (let frame = 0; frame < 5; frame++) {
      const values = { state: vector, action: vector, reward: 0, success: false, done: false };
      await table.add({ ...values, images: [picture, picture], frame, index: frame, episode: 0, task: 0 });
    }
    await table.endGroup();
    await table.close();
    const written = await openTable(join(root, 'data/chunk-000/file-000.parquet'));
    expect(written.metadata.row_groups.map((group) => Number(group.num_rows))).toEqual([2, 2, 1]);
    const [last] = await readRows(written, ['index', 'observation.images.head'], 4, 5);
    expect(last?.index).toBe(4n);
    expect((last?.['observation.images.head'] as { bytes: Uint8Array } | undefined)?.bytes).toHaveLength(
      picture.length,
    );
  });
});
