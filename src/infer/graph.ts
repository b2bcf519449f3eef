/** Graph against manifest: the names, element types and shapes of inputs and outputs. */
import type { PolicyBundle, ViewSpec } from './bundle.js';

/** An input or output as the graph declares it; a text in the shape is a dimension left open. */
export interface GraphEdge {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
}

export interface GraphEdges {
  readonly inputs: readonly GraphEdge[];
  readonly outputs: readonly GraphEdge[];
}

/** What the manifest says of an edge; null in the shape is any size. */
interface Declared {
  /** The manifest's key, for messages. */
  readonly key: string;
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | null)[];
}

/** The first difference between graph and manifest, as a clause that names the manifest's key; null when none. */
export function graphMismatch(bundle: PolicyBundle, { inputs, outputs }: GraphEdges): string | null {
  return (
    edgeMismatch('input', declaredInputs(bundle), inputs) ??
    edgeMismatch('output', declaredOutputs(bundle), outputs)
  );
}

function declaredInputs({ cameras, joints, state, memory }: PolicyBundle): Declared[] {
  const image = (key: string, name: string, height: number, width: number): Declared => ({
    key,
    name,
    dtype: 'uint8',
    shape: [1, height, width, 3],
  });
  return [
    ...cameras.flatMap(({ inputs: { current, previous }, height, width }, i) => [
      image(`cameras[${i}].inputs.current`, current, height, width),
      ...(previous ? [image(`cameras[${i}].inputs.previous`, previous, height, width)] : []),
    ]),
    { key: 'state.input', name: state.input, dtype: 'float32', shape: [1, joints.length] },
    ...memory.pairs.map(({ input, dtype, shape }, i) => ({
      key: `memory.pairs[${i}].input`,
      name: input,
      dtype,
      shape,
    })),
    ...(memory.first ? [{ key: 'memory.first', name: memory.first, dtype: 'bool', shape: [1] }] : []),
  ];
}

function declaredOutputs({ joints, action, memory, views }: PolicyBundle): Declared[] {
  return [
    { key: 'action.output', name: action.output, dtype: 'float32', shape: [1, action.chunk, joints.length] },
    ...memory.pairs.map(({ output, dtype, shape }, i) => ({
      key: `memory.pairs[${i}].output`,
      name: output,
      dtype,
      shape,
    })),
    ...views.map((view, i) => ({
      key: `views[${i}].output`,
      name: view.output,
      dtype: 'float32',
      shape: viewShape(view),
    })),
  ];
}

function viewShape(view: ViewSpec): (number | null)[] {
  switch (view.kind) {
    case 'flow':
      return [1, 2, null, null];
    case 'm':
      return [1, 4, null, null];
    case 'p':
      return [1, 5, null, null];
    case 'attention':
      return [1, null, view.grid[0] * view.grid[1]];
  }
}

function edgeMismatch(
  kind: 'input' | 'output',
  declared: readonly Declared[],
  edges: readonly GraphEdge[],
): string | null {
  for (const { key, name, dtype, shape } of declared) {
    const edge = edges.find((candidate) => candidate.name === name);
    if (!edge) {
      return `${key} is ${name}, but the graph has no such ${kind}; it has ${edges.map(({ name }) => name).join(', ')}`;
    }
    if (edge.dtype !== dtype || !shapesAgree(shape, edge.shape)) {
      return `${key} is ${name}, which must be ${dtype} [${shape.map((size) => size ?? '?').join(', ')}], but in the graph it is ${edge.dtype} [${edge.shape.join(', ')}]`;
    }
  }
  const unknown = edges.find(({ name }) => !declared.some((known) => known.name === name));
  return unknown ? `the graph's ${kind} ${unknown.name} is not in the manifest` : null;
}

const shapesAgree = (declared: readonly (number | null)[], found: readonly (number | string)[]): boolean =>
  declared.length === found.length &&
  declared.every((size, i) => size === null || typeof found[i] === 'string' || size === found[i]);
