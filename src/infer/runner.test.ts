import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { float32, type Graph, int64, writeBundle } from '../../test/support/onnx.js';
import type { PolicyBundle } from './bundle.js';
import { graphMismatch } from './graph.js';
import { loadBundle } from './load.js';
import { SessionRunner } from './runner.js';
import { openSession } from './session.js';

const root = mkdtempSync(path.join(tmpdir(), 'saccade-runner-'));
afterAll(() => rmSync(root, { recursive: true }));

const EYE = { name: 'eye', role: 'wrist_detail', width: 5, height: 3 };

/**
 * action[0, 0, j] = state[j] + mean byte of the image + [count, flag, level] of the memory that goes in.
 * A state of 3 or more makes a run fail (it indexes a list of three).
 */
const graph: Graph = {
  inputs: [
    { name: 'eye', dtype: 'uint8', shape: [1, 3, 5, 3] },
    { name: 'state', dtype: 'float32', shape: [1, 3] },
    { name: 'count_in', dtype: 'int64', shape: [1] },
    { name: 'flag_in', dtype: 'bool', shape: [1] },
    { name: 'level_in', dtype: 'uint8', shape: [1] },
  ],
  outputs: [
    { name: 'action', dtype: 'float32', shape: [1, 1, 3] },
    { name: 'count_out', dtype: 'int64', shape: [1] },
    { name: 'flag_out', dtype: 'bool', shape: [1] },
    { name: 'level_out', dtype: 'uint8', shape: [1] },
  ],
  initializers: [
    int64('three', [3]),
    int64('row', [1, 1, 3]),
    float32('ten', [1], [10]),
    float32('zeros', [3], [0, 0, 0]),
  ],
  nodes: [
    { op: 'Add', inputs: ['count_in', 'three'], outputs: ['count_out'] },
    { op: 'Not', inputs: ['flag_in'], outputs: ['flag_out'] },
    ...['count', 'flag', 'level'].map((name) => ({
      op: 'Cast',
      inputs: [`${name}_in`],
      outputs: [name],
      attributes: { to: 1 },
    })),
    { op: 'Add', inputs: ['level', 'ten'], outputs: ['level_next'] },
    { op: 'Cast', inputs: ['level_next'], outputs: ['level_out'], attributes: { to: 2 } },
    { op: 'Concat', inputs: ['count', 'flag', 'level'], outputs: ['memory'], attributes: { axis: 0 } },
    { op: 'Cast', inputs: ['eye'], outputs: ['pixels'], attributes: { to: 1 } },
    { op: 'ReduceMean', inputs: ['pixels'], outputs: ['mean'], attributes: { keepdims: 0 } },
    { op: 'Add', inputs: ['memory', 'mean'], outputs: ['sum'] },
    { op: 'ReduceMax', inputs: ['state'], outputs: ['top'], attributes: { keepdims: 0 } },
    { op: 'Cast', inputs: ['top'], outputs: ['index'], attributes: { to: 7 } },
    { op: 'Gather', inputs: ['zeros', 'index'], outputs: ['zero'] },
    { op: 'Add', inputs: ['sum', 'zero'], outputs: ['checked'] },
    { op: 'Add', inputs: ['checked', 'state'], outputs: ['flat'] },
    { op: 'Reshape', inputs: ['flat', 'row'], outputs: ['action'] },
  ],
};

async function open(): Promise<{ bundle: PolicyBundle; runner: SessionRunner }> {
  const { dir } = writeBundle(
    path.join(root, 'bundle'),
    { joints: ['a', 'b', 'c'], cameras: [EYE], chunk: 1 },
    {
      graph,
      manifest: (manifest) => {
        manifest.cameras = [{ ...EYE, inputs: { current: 'eye' } }];
        manifest.memory = {
          pairs: [
            { input: 'count_in', output: 'count_out', dtype: 'int64', shape: [1], initial: 5 },
            { input: 'flag_in', output: 'flag_out', dtype: 'bool', shape: [1], initial: 1 },
            { input: 'level_in', output: 'level_out', dtype: 'uint8', shape: [1], initial: 200 },
          ],
        };
      },
    },
  );
  const bundle = await loadBundle(dir);
  const { session } = await openSession(bundle.graph.file, { order: ['cpu'], deviceId: 0, threads: 1 });
  expect(graphMismatch(bundle, graph)).toBeNull();
  return { bundle, runner: new SessionRunner(session, bundle) };
}

/** A run of an image that is grey all over, or of the image of the run before. */
const run = (state: readonly number[], { first = false, grey = undefined as number | undefined } = {}) => ({
  cameras: [
    {
      current: 0,
      previous: 0,
      frames: grey === undefined ? [] : [{ image: 0, ...SIZE, pixels: new Uint8Array(45).fill(grey) }],
    },
  ],
  state: Float32Array.from(state),
  first,
  views: [],
});
const SIZE = { width: EYE.width, height: EYE.height };

describe('SessionRunner', () => {
  it('carries memory of every type, and runs on one frame a camera', async () => {
    const { runner } = await open();
    const answers: number[][] = [];
    const state = [0.5, 0.25, 0];
    for (const request of [
      run(state, { first: true, grey: 40 }),
      run(state),
      run(state),
      run(state, { first: true }),
    ]) {
      const { actions, views } = await runner.run(request);
      answers.push([...actions]);
      expect(views.size).toBe(0);
    }
    expect(answers).toEqual([
      [45.5, 41.25, 240],
      [48.5, 40.25, 250],
      [51.5, 41.25, 260],
      [45.5, 41.25, 240],
    ]);
    await runner.release();
  });

  it('keeps its memory when a run fails', async () => {
    const { runner } = await open();
    await runner.run(run([0, 0, 0], { first: true, grey: 0 }));
    await expect(runner.run(run([50, 50, 50]))).rejects.toThrow(/Gather/);
    const { actions } = await runner.run(run([0, 0, 0]));
    expect([...actions]).toEqual([8, 0, 210]);
    await runner.release();
  });

  it('resizes what is sent before it runs, and says what each took', async () => {
    const { runner } = await open();
    const pixels = Uint8Array.from({ length: 15 * 6 * 3 }, (_, i) => (i < 15 * 3 * 3 ? 0 : 90));
    const frame = { image: 1, width: 15, height: 6, pixels };
    const request = {
      ...run([0, 0, 0], { first: true }),
      cameras: [{ current: 1, previous: 1, frames: [frame] }],
    };
    const { actions, resizeMs, runMs } = await runner.run(request);
    // Rows of 0, of 45 and of 90: 45 on average.
    expect(actions[0]).toBe(50);
    expect(resizeMs).toBeGreaterThan(0);
    expect(runMs).toBeGreaterThan(0);
    await runner.release();
  });
});
