import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROBOT, ROOT, temporaryFolder } from '../../test/support/cli.js';
import { writeBundle } from '../../test/support/onnx.js';
import { UserError } from '../errors.js';
import { rollOut } from './pool.js';
import type { RolloutSpec } from './spec.js';

const tmp = temporaryFolder();
const spec: RolloutSpec = {
  robot: ROBOT,
  policy: writeBundle(join(tmp, 'good')).dir,
  task: 'pick_lift',
  tasksDir: join(ROOT, 'config/tasks'),
  provider: 'cpu',
  timeLimitS: 0.1,
};

describe('rollOut', () => {
  it('reports each episode once, and returns all by ascending seed', async () => {
    const reported: number[] = [];
    const { records, facts, film } = await rollOut(spec, [5, 3, 9], {
      workers: 8,
      onEpisode: ({ result }) => void reported.push(result.seed),
    });
    expect(records.map(({ result }) => result.seed)).toEqual([3, 5, 9]);
    expect(reported.sort()).toEqual([3, 5, 9]);
    expect(facts).toEqual({ provider: 'cpu', providerNotes: [], maxReward: 4 });
    expect(film).toBeUndefined();
  });

  it('films the episode it is asked to', async () => {
    const { film } = await rollOut(spec, [3, 4], { workers: 1, filmSeed: 4 });
    expect(
      Buffer.from(film ?? [])
        .subarray(8, 12)
        .toString(),
    ).toBe('WEBP');
  });

  it('passes on a UserError that a worker finds, class and sentence', async () => {
    const { dir } = writeBundle(
      join(tmp, 'misfit'),
      {},
      {
        manifest: (manifest) => Object.assign(manifest.state as object, { input: 'proprio' }),
      },
    );
    const error = await rollOut({ ...spec, policy: dir }, [1, 2], { workers: 2 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining('state.input') });
  });

  it('ends, threads and all, when an episode cannot be kept', async () => {
    const full = new Error('the disk is full');
    const run = rollOut(spec, [1, 2, 3, 4, 5, 6], {
      workers: 2,
      onEpisode: () => {
        throw full;
      },
    });
    await expect(run).rejects.toBe(full);
  });

  it('runs nothing when it is interrupted before it begins', async () => {
    const { records } = await rollOut(spec, [1, 2], { workers: 1, signal: AbortSignal.abort() });
    expect(records).toEqual([]);
  });
});
