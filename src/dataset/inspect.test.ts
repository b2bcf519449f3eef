import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.js';
import { FAKE_CONTRACT, fakeImage } from '../../test/support/fakeRobot.js';
import { inspectDataset } from './inspect.js';
import { column, imageColumn, ParquetFile, schema } from './parquet.js';
import type { Row } from './rows.js';
import { saccadeInfo } from './saccadeInfo.js';
import { DatasetWriter } from './writer.js';

const tmp = temporaryFolder();
const CAMERAS = FAKE_CONTRACT.cameras.map(({ name, width, height }) => ({ name, width, height }));
const whole = join(tmp, 'whole');

async function* rows(length: number): AsyncGenerator<Row> {
  for (let n = 0; n < length; n++) {
    const state = Float32Array.of(Math.sin(n), 0.5, n);
    const images = CAMERAS.map(({ name, width, height }) => fakeImage(width, height, state, name.length));
    yield { images, state, action: state, reward: 0, success: n === 3 };
  }
}

beforeAll(async () => {
  mkdirSync(whole);
  const writer = new DatasetWriter(whole, { contract: FAKE_CONTRACT, cameras: CAMERAS, pictures: 'image' });
  for (const length of [4, 3]) await writer.add(rows(length), length, 'stack');
  await writer.finish(saccadeInfo(FAKE_CONTRACT, 'robot.yaml', CAMERAS, []));
});

let copies = 0;

/** A copy of the dataset, broken by `harm`. */
function broken(harm: (dir: string) => void): string {
  const dir = join(tmp, `copy_${copies++}`);
  cpSync(whole, dir, { recursive: true });
  harm(dir);
  return dir;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON to be broken
const edit = (path: string, change: (json: any) => void) => (dir: string) => {
  const file = join(dir, path);
  const json = JSON.parse(readFileSync(file, 'utf8'));
  change(json);
  writeFileSync(file, JSON.stringify(json));
};

const DATA = 'data/chunk-000/file-000.parquet';

describe('inspectDataset', () => {
  it('says what is in a dataset', async () => {
    const found = await inspectDataset(whole);
    expect(found).toMatchObject({
      dir: whole,
      version: 'v3.0',
      robot: 'fake',
      fps: 20,
      episodes: 2,
      frames: 7,
      seconds: 0.35,
      success_rate: 0.5,
      tasks: ['stack'],
      problems: [],
    });
    expect(found.bytes).toBeGreaterThan(1000);
    expect(found.features).toContainEqual({
      name: 'observation.images.head',
      dtype: 'image',
      shape: [8, 12, 3],
    });
    const lift = found.ranges.find(({ name }) => name === 'observation.state gripper');
    expect(lift).toMatchObject({ min: 0, max: 3 });
    expect(lift?.mean).toBeCloseTo((0 + 1 + 2 + 3 + 0 + 1 + 2) / 7, 12);
  });

  it('calls joints by their names, however a dataset holds them, and by their numbers otherwise', async () => {
    const named = (names: unknown) =>
      inspectDataset(
        broken(edit('meta/info.json', (info) => Object.assign(info.features.action, { names }))),
      ).then(({ ranges }) => ranges.slice(3).map(({ name }) => name));
    expect(await named(['a', 'b', 'c'])).toEqual(['action a', 'action b', 'action c']);
    expect(await named({ motors: ['x', 'y', 'z'] })).toEqual(['action x', 'action y', 'action z']);
    expect(await named(null)).toEqual(['action 0', 'action 1', 'action 2']);
  });

  it.each<[string, (dir: string) => void, RegExp]>([
    [
      'another number of frames',
      edit('meta/info.json', (info) => Object.assign(info, { total_frames: 8 })),
      /data has 7 frames and meta\/info.json says 8/,
    ],
    [
      'another number of episodes',
      edit('meta/info.json', (info) => Object.assign(info, { total_episodes: 3 })),
      /meta\/episodes has 2 episodes and meta\/info.json says 3/,
    ],
    [
      'another rate',
      edit('meta/info.json', (info) => Object.assign(info, { fps: 25 })),
      /frame 1 has timestamp 0\.05\d* and not 0\.04/,
    ],
    [
      'another size of images',
      edit('meta/info.json', (info) => {
        Object.assign(info.features['observation.images.head'], { shape: [9, 12, 3] });
      }),
      /episode 0, frame 0: observation\.images\.head is 8×12×3, not 9×12×3/,
    ],
    [
      'a column that is not there',
      edit('meta/info.json', (info) => {
        Object.assign(info.features, { tired: { dtype: 'float32', shape: [1], names: null } });
      }),
      /file-000\.parquet lacks the columns tired/,
    ],
    [
      'statistics of other rows',
      edit('meta/stats.json', (stats) => Object.assign(stats.action.mean, { 2: 99 })),
      /stats\.json: mean of action, number 2, is 99 and the rows' is 1\.28/,
    ],
    ['no statistics', (dir) => rmSync(join(dir, 'meta/stats.json')), /meta\/stats\.json cannot be read/],
    ['no tasks', (dir) => rmSync(join(dir, 'meta/tasks.parquet')), /tasks\.parquet cannot be read/],
    ['no rows', (dir) => rmSync(join(dir, DATA)), /data has 0 frames and meta\/info.json says 7/],
    ['a file cut short', (dir) => truncateSync(join(dir, DATA), 3000), /file-000\.parquet cannot be read/],
    [
      'no episodes',
      (dir) => rmSync(join(dir, 'meta/episodes'), { recursive: true }),
      /meta\/episodes has 0 episodes and meta\/info\.json says 2/,
    ],
  ])('finds %s', async (_, harm, problem) => {
    const { problems } = await inspectDataset(broken(harm));
    expect(problems.join('\n')).toMatch(problem);
  });

  it('finds pixels that are no picture', async () => {
    const dir = broken((dir) => {
      const file = join(dir, DATA);
      const bytes = readFileSync(file);
      // The IHDR chunk of the first PNG.
      bytes.fill(0, bytes.indexOf('IHDR') - 8, bytes.indexOf('IHDR') + 12);
      writeFileSync(file, bytes);
    });
    expect((await inspectDataset(dir)).problems.join()).toMatch(/episode 0, frame 0: .* is no picture/);
  });

  it('finds rows that are not those of the episodes, names some and counts the others', async () => {
    const dir = join(tmp, 'long');
    mkdirSync(dir);
    const writer = new DatasetWriter(dir, { contract: FAKE_CONTRACT, cameras: CAMERAS, pictures: 'image' });
    await writer.add(rows(40), 40, 'stack');
    await writer.finish(saccadeInfo(FAKE_CONTRACT, 'robot.yaml', CAMERAS, []));
    rmSync(join(dir, DATA));
    const integers = ['frame_index', 'episode_index', 'index', 'task_index'];
    const elements = schema([
      ...integers.map((name) => column(name, 'int64')),
      column('timestamp', 'float32'),
      imageColumn('observation.images.head'),
    ]);
    const file = await ParquetFile.create(join(dir, DATA), elements);
    const count = Array.from({ length: 40 }, (_, i) => BigInt(i));
    await file.write([
      { name: 'frame_index', data: count },
      { name: 'episode_index', data: count.map(() => 1n) },
      { name: 'index', data: count },
      { name: 'task_index', data: count.map(() => 0n) },
      { name: 'timestamp', data: count.map((n) => Number(n) / 20) },
      { name: 'observation.images.head', data: count.map(() => ({ bytes: null, path: null })) },
    ]);
    await file.close();
    const { problems } = await inspectDataset(dir);
    expect(problems.join('\n')).toContain('frame 3 says it is frame 3 of episode 1, and is 3 of 0');
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toMatch(/^… and \d+ more$/);
  });

  it('refuses what is no dataset, and one of another version', async () => {
    await expect(inspectDataset(tmp)).rejects.toThrow(
      `${tmp} is no LeRobotDataset: meta/info.json cannot be read`,
    );
    const old = broken(edit('meta/info.json', (info) => Object.assign(info, { codebase_version: 'v2.1' })));
    await expect(inspectDataset(old)).rejects.toThrow(/is a LeRobotDataset v2\.1, and only v3\.x is read/);
    const odd = broken(edit('meta/info.json', (info) => Object.assign(info, { fps: 'fast' })));
    await expect(inspectDataset(odd)).rejects.toThrow(
      /info\.json:1: fps is "fast"; it must be a finite number/,
    );
  });
});
