/** How big an ONNX graph is, read from its protobuf without a runtime (field numbers of onnx.proto3). */

export interface GraphSize {
  readonly nodes: number;
  /** Elements of all floating-point initialisers. */
  readonly parameters: number;
}

/** Fields used here, by message. */
const MODEL = { graph: 7 } as const;
const GRAPH = { node: 1, initializer: 5 } as const;
const TENSOR = { dims: 1, dataType: 2 } as const;
/** TensorProto.DataType: float32, float16, float64, bfloat16. */
const FLOATING: readonly number[] = [1, 10, 11, 16];

/** @throws RangeError when the bytes are no protobuf message */
export function graphSize(model: Uint8Array): GraphSize {
  let nodes = 0;
  let parameters = 0;
  for (const { field, bytes: graph } of fields(model)) {
    if (field !== MODEL.graph) continue;
    for (const { field, bytes } of fields(graph)) {
      if (field === GRAPH.node) nodes++;
      else if (field === GRAPH.initializer) parameters += floatingElements(bytes);
    }
  }
  return { nodes, parameters };
}

function floatingElements(tensor: Uint8Array): number {
  let elements = 1;
  let dataType = 0;
  for (const { field, value, bytes } of fields(tensor)) {
    if (field === TENSOR.dataType) dataType = value;
    if (field !== TENSOR.dims) continue;
    // Repeated numbers come one a field, or packed into one.
    if (bytes.length === 0) elements *= value;
    for (let at = 0; at < bytes.length; ) {
      const [dim, next] = varint(bytes, at);
      elements *= dim;
      at = next;
    }
  }
  return FLOATING.includes(dataType) ? elements : 0;
}

interface Field {
  readonly field: number;
  /** Of a varint field, else 0. */
  readonly value: number;
  /** Of a length-delimited field, else empty; a view. */
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

function* fields(message: Uint8Array): Generator<Field> {
  for (let at = 0; at < message.length; ) {
    const [key, start] = varint(message, at);
    const field = Math.floor(key / 8);
    const [value, end] = key % 8 === 0 || key % 8 === 2 ? varint(message, start) : [0, start];
    switch (key % 8) {
      case 0:
        at = end;
        yield { field, value, bytes: NO_BYTES };
        break;
      case 1:
        at = end + 8;
        break;
      case 2:
        at = end + value;
        if (at > message.length) throw new RangeError('a protobuf field is longer than its message');
        yield { field, value: 0, bytes: message.subarray(end, at) };
        break;
      case 5:
        at = end + 4;
        break;
      default:
        throw new RangeError(`protobuf has no wire type ${key % 8}`);
    }
  }
}

/** The number at `at`, and where the next thing begins. */
function varint(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let i = at; i < bytes.length && i < at + 10; i++) {
    const byte = bytes[i] as number;
    value += (byte & 0x7f) * 2 ** (7 * (i - at));
    if (byte < 0x80) return [value, i + 1];
  }
  throw new RangeError('a protobuf number does not end');
}
