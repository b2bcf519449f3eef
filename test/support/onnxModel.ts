/**
 * Builds real ONNX graphs without Python: a writer of the few protobuf messages a graph consists of.
 * Field numbers are those of onnx.proto3 (ONNX IR version 8, default operator set 17).
 */

export type Dtype = 'float32' | 'uint8' | 'int64' | 'bool' | 'float16';

/** TensorProto.DataType. */
const DTYPE: Record<Dtype, number> = { float32: 1, uint8: 2, int64: 7, bool: 9, float16: 10 };

/** A graph input or output. A string in the shape is a symbolic dimension. */
export interface GraphValue {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly (number | string)[];
}

/** A constant of the graph; `data` is row-major. */
export interface Initializer {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array | BigInt64Array | Uint16Array;
}

/** Attributes: a number is an INT, an array INTS. (No operator used here takes another kind.) */
export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface Graph {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly nodes: readonly GraphNode[];
  readonly initializers: readonly Initializer[];
}

type Part = Uint8Array;

function varint(value: number): Part {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

const integer = (field: number, value: number): Part => Buffer.concat([varint(field << 3), varint(value)]);

const bytes = (field: number, value: Part): Part =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);

const string = (field: number, value: string): Part => bytes(field, Buffer.from(value));

const message = (field: number, ...parts: readonly Part[]): Part => bytes(field, Buffer.concat(parts));

function valueInfo(field: number, { name, dtype, shape }: GraphValue): Part {
  const dims = shape.map((dim) => message(1, typeof dim === 'number' ? integer(1, dim) : string(2, dim)));
  return message(
    field,
    string(1, name),
    message(2, message(1, integer(1, DTYPE[dtype]), message(2, ...dims))),
  );
}

function tensor(field: number, { name, dtype, shape, data }: Initializer): Part {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(
    field,
    ...shape.map((dim) => integer(1, dim)),
    integer(2, DTYPE[dtype]),
    string(8, name),
    bytes(9, raw),
  );
}

function node(field: number, { op, inputs, outputs, attributes = {} }: GraphNode): Part {
  const attribute = ([name, value]: [string, number | readonly number[]]): Part =>
    typeof value === 'number'
      ? message(5, string(1, name), integer(3, value), integer(20, 2))
      : message(5, string(1, name), ...value.map((item) => integer(8, item)), integer(20, 7));
  return message(
    field,
    ...inputs.map((name) => string(1, name)),
    ...outputs.map((name) => string(2, name)),
    string(4, op),
    ...Object.entries(attributes).map(attribute),
  );
}

/** The bytes of an .onnx file. */
export function encodeModel(graph: Graph): Uint8Array {
  return Buffer.concat([
    integer(1, 8),
    string(2, 'saccade tests'),
    message(
      7,
      ...graph.nodes.map((item) => node(1, item)),
      string(2, 'graph'),
      ...graph.initializers.map((item) => tensor(5, item)),
      ...graph.inputs.map((item) => valueInfo(11, item)),
      ...graph.outputs.map((item) => valueInfo(12, item)),
    ),
    message(8, string(1, ''), integer(2, 17)),
  ]);
}

/**
 * The bytes of a model with further nodes and constants: protobuf joins the graphs of two messages that follow one
 * another. Nodes must come after those whose outputs they read, and `model` must have operator set 17 or an earlier one
 * that knows them.
 */
export function extendModel(
  model: Uint8Array,
  { nodes, initializers }: Omit<Graph, 'inputs' | 'outputs'>,
): Uint8Array {
  const graph = message(
    7,
    ...nodes.map((item) => node(1, item)),
    ...initializers.map((item) => tensor(5, item)),
  );
  return Buffer.concat([model, graph]);
}

export const float32 = (name: string, shape: readonly number[], data: ArrayLike<number>): Initializer => ({
  name,
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
});

export const int64 = (name: string, data: readonly number[]): Initializer => ({
  name,
  dtype: 'int64',
  shape: [data.length],
  data: BigInt64Array.from(data.map(BigInt)),
});
