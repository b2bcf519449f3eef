import { describe, expect, it } from 'vitest';
import type { PolicyBundle } from './bundle.js';
import { type GraphEdge, type GraphEdges, graphMismatch } from './graph.js';

const bundle = {
  cameras: [
    {
      name: 'eye',
      role: 'wrist_detail',
      width: 8,
      height: 6,
      inputs: { current: 'eye', previous: 'eye_previous' },
    },
    { name: 'head', role: 'global_overview', width: 4, height: 4, inputs: { current: 'head' } },
  ],
  joints: ['a', 'b', 'c'],
  state: { input: 'state' },
  action: { output: 'action', chunk: 5, kind: 'joint_position' },
  memory: {
    first: 'first',
    pairs: [{ input: 'in', output: 'out', dtype: 'int64', shape: [1, 2], initial: 0 }],
  },
  views: [
    { kind: 'flow', output: 'flow', camera: 'eye', rangePx: 20 },
    { kind: 'm', output: 'm', camera: 'eye' },
    { kind: 'p', output: 'p', camera: 'eye' },
    { kind: 'attention', output: 'attention', camera: 'eye', source: 'head', grid: [2, 3] },
  ],
} as const satisfies Partial<PolicyBundle> as unknown as PolicyBundle;

const edge = (name: string, dtype: string, ...shape: (number | string)[]): GraphEdge => ({
  name,
  dtype,
  shape,
});

const fitting: GraphEdges = {
  inputs: [
    edge('state', 'float32', 1, 3),
    edge('eye', 'uint8', 1, 6, 8, 3),
    edge('eye_previous', 'uint8', 1, 6, 8, 3),
    edge('head', 'uint8', 1, 4, 4, 3),
    edge('first', 'bool', 1),
    edge('in', 'int64', 1, 2),
  ],
  outputs: [
    edge('action', 'float32', 1, 5, 3),
    edge('out', 'int64', 1, 2),
    edge('flow', 'float32', 1, 2, 48, 48),
    edge('m', 'float32', 1, 4, 96, 96),
    edge('p', 'float32', 1, 5, 96, 96),
    edge('attention', 'float32', 1, 9, 6),
  ],
};

/** The fitting graph with one edge exchanged, or left out. */
function changed(name: string, replacement?: GraphEdge): GraphEdges {
  const change = (edges: readonly GraphEdge[]) =>
    edges.flatMap((item) => (item.name !== name ? [item] : replacement ? [replacement] : []));
  return { inputs: change(fitting.inputs), outputs: change(fitting.outputs) };
}

describe('graphMismatch', () => {
  it('finds nothing in a graph that fits, in whatever order it lists its edges', () => {
    expect(graphMismatch(bundle, fitting)).toBeNull();
  });

  it('takes a dimension that the graph leaves open for any size', () => {
    expect(graphMismatch(bundle, changed('action', edge('action', 'float32', 'batch', 5, 3)))).toBeNull();
  });

  it.each([
    [
      'image of another size',
      'eye',
      edge('eye', 'uint8', 1, 8, 6, 3),
      'cameras[0].inputs.current is eye, which must be uint8 [1, 6, 8, 3], but in the graph it is uint8 [1, 8, 6, 3]',
    ],
    [
      'float image',
      'eye_previous',
      edge('eye_previous', 'float32', 1, 6, 8, 3),
      'cameras[0].inputs.previous is eye_previous, which must be uint8 [1, 6, 8, 3], but in the graph it is float32 [1, 6, 8, 3]',
    ],
    [
      'missing image',
      'head',
      undefined,
      'cameras[1].inputs.current is head, but the graph has no such input; it has state, eye, eye_previous, first, in',
    ],
    [
      'state of other joints',
      'state',
      edge('state', 'float32', 1, 4),
      'state.input is state, which must be float32 [1, 3], but in the graph it is float32 [1, 4]',
    ],
    [
      'float16 state',
      'state',
      edge('state', 'float16', 1, 3),
      'state.input is state, which must be float32 [1, 3], but in the graph it is float16 [1, 3]',
    ],
    [
      'shorter chunk',
      'action',
      edge('action', 'float32', 1, 4, 3),
      'action.output is action, which must be float32 [1, 5, 3], but in the graph it is float32 [1, 4, 3]',
    ],
    [
      'missing action',
      'action',
      edge('actions', 'float32', 1, 5, 3),
      'action.output is action, but the graph has no such output; it has actions, out, flow, m, p, attention',
    ],
    [
      'memory of another type',
      'in',
      edge('in', 'float32', 1, 2),
      'memory.pairs[0].input is in, which must be int64 [1, 2], but in the graph it is float32 [1, 2]',
    ],
    [
      'memory of another rank',
      'out',
      edge('out', 'int64', 2),
      'memory.pairs[0].output is out, which must be int64 [1, 2], but in the graph it is int64 [2]',
    ],
    [
      'first flag that is no flag',
      'first',
      edge('first', 'float32', 1),
      'memory.first is first, which must be bool [1], but in the graph it is float32 [1]',
    ],
    [
      'flow with three channels',
      'flow',
      edge('flow', 'float32', 1, 3, 48, 48),
      'views[0].output is flow, which must be float32 [1, 2, ?, ?], but in the graph it is float32 [1, 3, 48, 48]',
    ],
    [
      'P for M',
      'm',
      edge('m', 'float32', 1, 5, 9, 9),
      'views[1].output is m, which must be float32 [1, 4, ?, ?], but in the graph it is float32 [1, 5, 9, 9]',
    ],
    [
      'attention over another grid',
      'attention',
      edge('attention', 'float32', 1, 9, 4),
      'views[3].output is attention, which must be float32 [1, ?, 6], but in the graph it is float32 [1, 9, 4]',
    ],
  ])('names the manifest’s key: %s', (_, name, replacement, message) => {
    expect(graphMismatch(bundle, changed(name, replacement))).toBe(message);
  });

  it('refuses inputs and outputs that the manifest does not know', () => {
    const { inputs, outputs } = fitting;
    const extra = edge('tactile', 'float32', 1);
    expect(graphMismatch(bundle, { inputs: [...inputs, extra], outputs })).toBe(
      "the graph's input tactile is not in the manifest",
    );
    expect(graphMismatch(bundle, { inputs, outputs: [extra, ...outputs] })).toBe(
      "the graph's output tactile is not in the manifest",
    );
  });
});
