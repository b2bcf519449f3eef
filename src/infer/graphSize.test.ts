import { describe, expect, it } from 'vitest';
import { encodeModel, float32, int64 } from '../../test/support/onnx.js';
import { graphSize } from './graphSize.js';

const node = { op: 'Identity', inputs: ['x'], outputs: ['y'] };
const edges = {
  inputs: [{ name: 'x', dtype: 'float32', shape: [1] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [1] }],
} as const;

describe('graphSize', () => {
  it('counts nodes, and elements of floating-point initialisers alone', () => {
    const initializers = [
      float32('weight', [3, 200], new Float32Array(600)),
      float32('scalar', [], [1]),
      int64('shape', [1, 2, 3]),
    ];
    const model = encodeModel({ ...edges, nodes: [node, node], initializers });
    expect(graphSize(model)).toEqual({ nodes: 2, parameters: 601 });
  });

  it('reads packed dimensions too', () => {
    // initializer { dims: [3, 200] (packed), data_type: FLOAT } in graph (field 7) of the model
    const tensor = [0x0a, 3, 3, 0xc8, 1, 0x10, 1];
    const model = Uint8Array.from([0x3a, tensor.length + 2, 0x2a, tensor.length, ...tensor]);
    expect(graphSize(model)).toEqual({ nodes: 0, parameters: 600 });
  });

  it('refuses what is no protobuf message', () => {
    expect(() => graphSize(Buffer.from('this is not an ONNX file'))).toThrow(RangeError);
    const model = encodeModel({ ...edges, nodes: [node], initializers: [] });
    expect(() => graphSize(model.subarray(0, model.length - 1))).toThrow(RangeError);
  });
});
