import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeModel, float32 } from '../../test/support/onnx.js';
import { onCpu, placement } from './placement.js';

const dir = mkdtempSync(join(tmpdir(), 'saccade-placement-test-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** y = (x + 1)·2 + b, where nothing can be merged or folded away. */
const graphFile = join(dir, 'graph.onnx');
writeFileSync(
  graphFile,
  encodeModel({
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['rows', 3] },
      { name: 'b', dtype: 'int64', shape: [1] },
      { name: 'on', dtype: 'bool', shape: [1] },
      { name: 'image', dtype: 'uint8', shape: [1, 2] },
    ],
    outputs: [
      { name: 'y', dtype: 'float32', shape: ['rows', 3] },
      { name: 'off', dtype: 'bool', shape: [1] },
      { name: 'i', dtype: 'float32', shape: [1, 2] },
    ],
    nodes: [
      { op: 'Add', inputs: ['x', 'one'], outputs: ['x1'] },
      { op: 'Mul', inputs: ['x1', 'two'], outputs: ['x2'] },
      { op: 'Cast', inputs: ['b'], outputs: ['bf'], attributes: { to: 1 } },
      { op: 'Add', inputs: ['x2', 'bf'], outputs: ['y'] },
      { op: 'Not', inputs: ['on'], outputs: ['off'] },
      { op: 'Cast', inputs: ['image'], outputs: ['i'], attributes: { to: 1 } },
    ],
    initializers: [float32('one', [1], [1]), float32('two', [1], [2])],
  }),
);

describe('placement', () => {
  it('tells what ran where, from a run on inputs of every type', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('saccade-placement-'));
    const nodes = await placement(graphFile, { executionProviders: ['cpu'], logSeverityLevel: 4 });
    expect([...nodes.keys()]).toEqual(['CPUExecutionProvider']);
    expect(Object.fromEntries(nodes.get('CPUExecutionProvider') ?? [])).toEqual({
      Add: 2,
      Mul: 1,
      Cast: 2,
      Not: 1,
    });
    expect(onCpu(nodes)).toBe('6 of 6 nodes (2 Add, 2 Cast, 1 Mul, 1 Not)');
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('saccade-placement-'))).toEqual(before);
  });
});

describe('onCpu', () => {
  it('lists what is on the CPU, commonest first, of all nodes', () => {
    const nodes = new Map([
      [
        'CPUExecutionProvider',
        new Map([
          ['Gather', 1],
          ['Shape', 2],
          ['Concat', 2],
        ]),
      ],
      ['CUDAExecutionProvider', new Map([['Conv', 7]])],
    ]);
    expect(onCpu(nodes)).toBe('5 of 12 nodes (2 Concat, 2 Shape, 1 Gather)');
  });

  it('counts none where there is none', () => {
    expect(onCpu(new Map([['CUDAExecutionProvider', new Map([['Conv', 7]])]]))).toBe('0 of 7 nodes ()');
  });
});
