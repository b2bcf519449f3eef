/**
 * Small policies for tests: real bundles (an ONNX graph and its manifest) whose answer is known in closed form.
 *
 *     mean(x) = mean of all bytes of x / 255
 *     action[0, k, j] = bias[j] + k·slope + stateGain·state[j]
 *                     + Σ_cameras imageGain·mean(current) + motionGain·(mean(current) − mean(previous))
 *                     + [memory] count + firstGain·first            count = 1, 2, 3 … since the episode's start
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import {
  encodeModel,
  float32,
  type Graph,
  type GraphNode,
  type GraphValue,
  type Initializer,
  int64,
} from './onnxModel.js';

export * from './onnxModel.js';

export interface TestCamera {
  readonly name: string;
  readonly role: string;
  readonly width: number;
  readonly height: number;
}

export interface TestPolicy {
  readonly name: string;
  readonly task: string;
  readonly rateHz: number;
  readonly joints: readonly string[];
  readonly cameras: readonly TestCamera[];
  /** Rows K of a chunk. */
  readonly chunk: number;
  readonly strategy: Readonly<Record<string, unknown>>;
  /** Constant part of the action, one a joint; NaN makes a policy that must be stopped. */
  readonly bias: readonly number[];
  /** Added for every row of the chunk. */
  readonly slope: number;
  readonly stateGain: number;
  readonly imageGain: number;
  readonly motionGain: number;
  /** Carries a counter from run to run, and takes the `first` flag. */
  readonly memory: boolean;
  readonly firstGain: number;
  /** Offers a flow view [1, 2, 8, 8] of each camera, every value mean(current) − mean(previous). */
  readonly views: boolean;
  /** Multiplications of 1024×1024 matrices a run: 2.1 GFLOP each. */
  readonly slowness: number;
}

export const TEST_JOINTS = [
  'shoulder_pan',
  'shoulder_lift',
  'elbow',
  'wrist_1',
  'wrist_2',
  'wrist_3',
  'gripper',
] as const;

export const TEST_CAMERAS: readonly TestCamera[] = [
  { name: 'wrist_detail', role: 'wrist_detail', width: 96, height: 96 },
  { name: 'wrist_context', role: 'wrist_context', width: 96, height: 96 },
  { name: 'head', role: 'global_overview', width: 96, height: 96 },
];

/** Holds the measured pose: the action is the state. Fits config/robots/sim_arm.yaml. */
export const DEFAULT_POLICY: TestPolicy = {
  name: 'test',
  task: 'pick_lift',
  rateHz: 20,
  joints: TEST_JOINTS,
  cameras: TEST_CAMERAS,
  chunk: 20,
  strategy: { name: 'ensemble', m: 0.01 },
  bias: [],
  slope: 0,
  stateGain: 1,
  imageGain: 0,
  motionGain: 0,
  memory: false,
  firstGain: 0,
  views: false,
  slowness: 0,
};

/** The policy's graph; its inputs and outputs are what `testManifest` declares. */
export function policyGraph(policy: TestPolicy): Graph {
  const { joints, cameras, chunk } = policy;
  const nodes: GraphNode[] = [];
  const initializers: Initializer[] = [];
  const inputs: GraphValue[] = [];
  const outputs: GraphValue[] = [{ name: 'action', dtype: 'float32', shape: [1, chunk, joints.length] }];

  const scalar = (name: string, value: number): string => {
    initializers.push(float32(name, [1], [value]));
    return name;
  };
  const apply = (op: string, args: readonly string[], attributes?: GraphNode['attributes']): string => {
    const name = `t${nodes.length}`;
    nodes.push({ op, inputs: args, outputs: [name], ...(attributes && { attributes }) });
    return name;
  };
  /** [1] float32: the mean of a uint8 image input, 0 … 1. */
  const imageMean = (name: string, { width, height }: TestCamera): string => {
    inputs.push({ name, dtype: 'uint8', shape: [1, height, width, 3] });
    const mean = apply('ReduceMean', [apply('Cast', [name], { to: 1 })], { axes: [1, 2, 3], keepdims: 0 });
    return apply('Div', [mean, 'full_scale']);
  };

  scalar('full_scale', 255);
  scalar('state_gain', policy.stateGain);
  scalar('image_gain', policy.imageGain);
  scalar('motion_gain', policy.motionGain);
  const base = Float32Array.from(
    { length: chunk * joints.length },
    (_, i) => (policy.bias[i % joints.length] ?? 0) + Math.floor(i / joints.length) * policy.slope,
  );
  initializers.push(float32('base', [1, chunk, joints.length], base));

  let sum = 'base';
  const plus = (term: string) => {
    sum = apply('Add', [sum, term]);
  };
  for (const camera of cameras) {
    const current = imageMean(camera.name, camera);
    const motion = apply('Sub', [current, imageMean(`${camera.name}_previous`, camera)]);
    plus(apply('Mul', [current, 'image_gain']));
    plus(apply('Mul', [motion, 'motion_gain']));
    if (policy.views) {
      const view = `flow_${camera.name}`;
      const zeros = `${view}_zeros`;
      initializers.push(float32(zeros, [1, 2, 8, 8], new Float32Array(128)));
      nodes.push({ op: 'Add', inputs: [zeros, motion], outputs: [view] });
      outputs.push({ name: view, dtype: 'float32', shape: [1, 2, 8, 8] });
    }
  }
  inputs.push({ name: 'state', dtype: 'float32', shape: [1, joints.length] });
  plus(apply('Mul', ['state', 'state_gain']));

  if (policy.memory) {
    inputs.push({ name: 'count_in', dtype: 'float32', shape: [1, 1] });
    inputs.push({ name: 'first', dtype: 'bool', shape: [1] });
    outputs.push({ name: 'count_out', dtype: 'float32', shape: [1, 1] });
    nodes.push({ op: 'Add', inputs: ['count_in', scalar('one', 1)], outputs: ['count_out'] });
    plus('count_out');
    plus(apply('Mul', [apply('Cast', ['first'], { to: 1 }), scalar('first_gain', policy.firstGain)]));
  }
  if (policy.slowness > 0) {
    // A matrix full of 1/1024 squares to itself; the first factor depends on an input (by nothing), or the
    // whole chain would be folded into a constant when the graph is loaded.
    initializers.push(int64('side', [1024, 1024]));
    const nothing = apply('Mul', [apply('ReduceMean', ['state'], { keepdims: 0 }), scalar('zero', 0)]);
    const factor = apply('Expand', [apply('Add', [nothing, scalar('inverse', 1 / 1024)]), 'side']);
    let product = factor;
    for (let i = 0; i < policy.slowness; i++) product = apply('MatMul', [product, factor]);
    const left = apply('Sub', [apply('ReduceMean', [product], { keepdims: 0 }), 'inverse']);
    plus(apply('Mul', [left, 'zero']));
  }
  nodes.push({ op: 'Identity', inputs: [sum], outputs: ['action'] });
  return { inputs, outputs, nodes, initializers };
}

/** The manifest as plain data, snake_case as in the file; `writeBundle` fills in the hash. */
export function testManifest(policy: TestPolicy): Record<string, unknown> {
  return {
    format: 'saccade-policy',
    version: 1,
    name: policy.name,
    task: policy.task,
    rate_hz: policy.rateHz,
    graph: { file: 'policy.onnx', sha256: '' },
    cameras: policy.cameras.map((camera) => ({
      ...camera,
      inputs: { current: camera.name, previous: `${camera.name}_previous` },
    })),
    state: { input: 'state', joints: [...policy.joints] },
    action: { output: 'action', joints: [...policy.joints], chunk: policy.chunk, kind: 'joint_position' },
    memory: policy.memory
      ? {
          first: 'first',
          pairs: [{ input: 'count_in', output: 'count_out', dtype: 'float32', shape: [1, 1], initial: 0 }],
        }
      : { pairs: [] },
    views: policy.views
      ? policy.cameras.map(({ name }) => ({
          output: `flow_${name}`,
          kind: 'flow',
          camera: name,
          range_px: 20,
        }))
      : [],
    strategy: { ...policy.strategy },
    provenance: { training: { seed: 0 } },
  };
}

export interface BundleChanges {
  /** Changes the manifest after it was made to fit the graph. */
  readonly manifest?: (manifest: Record<string, unknown>) => void;
  /** Replaces the graph (a made-up one, or bytes that are none). The hash in the manifest fits. */
  readonly graph?: Graph | Uint8Array;
}

export interface WrittenBundle {
  readonly dir: string;
  readonly graphFile: string;
  readonly manifestFile: string;
  readonly sha256: string;
}

/** Writes `dir/policy.onnx` and `dir/policy.yaml`, creating `dir`. */
export function writeBundle(
  dir: string,
  policy: Partial<TestPolicy> = {},
  { manifest: change, graph }: BundleChanges = {},
): WrittenBundle {
  const full = { ...DEFAULT_POLICY, ...policy };
  const bytes = graph instanceof Uint8Array ? graph : encodeModel(graph ?? policyGraph(full));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const manifest = testManifest(full);
  manifest.graph = { file: 'policy.onnx', sha256 };
  change?.(manifest);
  mkdirSync(dir, { recursive: true });
  const graphFile = path.join(dir, 'policy.onnx');
  const manifestFile = path.join(dir, 'policy.yaml');
  writeFileSync(graphFile, bytes);
  writeFileSync(manifestFile, stringify(manifest));
  return { dir, graphFile, manifestFile, sha256 };
}
