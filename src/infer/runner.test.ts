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
import { slabLayout } from './slab.js';

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
  const { session } = await openSession({ graphFile: bundle.graph.file, provider: 'cpu', threads: 1 });
  expect(graphMismatch(bundle, graph)).toBeNull();
  return { bundle, runner: new SessionRunner(session, bundle) };
}

describe('SessionRunner', () => {
  it('carries memory of every type, runs on one frame a camera, and answers into the slab', async () => {
    const { bundle, runner } = await open();
    const { byteLength, cameras, state, action } = slabLayout(bundle);
    expect(cameras).toEqual([{ current: { name: 'eye', shape: [1, 3, 5, 3], offset: 0, length: 45 } }]);
    // 45 bytes of pixels; floats start at a multiple of four.
    expect([state.offset, action.offset, byteLength]).toEqual([48, 60, 72]);

    const slab = new ArrayBuffer(byteLength);
    const answer = new Float32Array(slab, action.offset, action.length);
    new Uint8Array(slab, 0, 45).fill(40);
    new Float32Array(slab, state.offset, 3).set([0.5, 0.25, 0]);
    const answers: number[][] = [];
    for (const first of [true, false, false, true]) {
      await runner.run(slab, first, []);
      answers.push([...answer]);
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
    const { bundle, runner } = await open();
    const { byteLength, state, action } = slabLayout(bundle);
    const slab = new ArrayBuffer(byteLength);
    const answer = new Float32Array(slab, action.offset, action.length);
    const measured = new Float32Array(slab, state.offset, state.length);
    await runner.run(slab, true, []);
    measured.fill(50);
    await expect(runner.run(slab, false, [])).rejects.toThrow(/Gather/);
    measured.fill(0);
    await runner.run(slab, false, []);
    expect([...answer]).toEqual([8, 0, 210]);
    await runner.release();
  });
});
