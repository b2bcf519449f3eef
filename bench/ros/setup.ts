/**
 * What both nodes are given: three cameras of 640×480 at 30 Hz, the joints of the simulated arm, and the shipped
 * policy, made traceable.
 *
 * Every image has the number of its set painted into a corner, and three nodes added to the policy's graph carry what
 * they find there to the first three joints of the action. So every command says itself which image of which camera
 * it rests on: nothing need be believed that a node says of itself. The ensemble weighs the newest prediction so much
 * that the older ones, which it computes all the same, do not blur the numbers.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { extendModel, int64 } from '../../test/support/onnxModel.js';

export const CAMERAS = [
  { name: 'wrist_detail', role: 'wrist_detail' },
  { name: 'wrist_context', role: 'wrist_context' },
  { name: 'head', role: 'global_overview' },
] as const;
export const WIDTH = 640;
export const HEIGHT = 480;
export const CAMERA_HZ = 30;
export const JOINTS_HZ = 100;
export const COMMAND_TOPIC = '/joint_commands';

/** Set n is painted as the grey level n mod LEVELS. */
export const LEVELS = 250;
/** The painted corner is a square of so many pixels; the policy's graph reads one that lies inside it at any size. */
export const PAINTED = 64;
const READ_AT = 4;

export const imageTopic = (camera: string) => `/${camera}/image_raw`;

export interface Setup {
  readonly contract: string;
  readonly policy: string;
  readonly joints: readonly string[];
}

/**
 * Writes contract and policy to `dir`.
 * @param shipped the shipped policy's folder
 */
export function writeSetup(dir: string, shipped: string, commandHz: number): Setup {
  const manifest = parse(readFileSync(join(shipped, 'policy.yaml'), 'utf8'));
  const joints: string[] = manifest.action.joints;
  const graph = marked(
    readFileSync(join(shipped, manifest.graph.file)),
    manifest.action.chunk,
    joints.length,
  );
  const policy = join(dir, 'policy');
  mkdirSync(policy);
  writeFileSync(join(policy, 'policy.onnx'), graph);
  const sha256 = createHash('sha256').update(graph).digest('hex');
  const changed = {
    rate_hz: CAMERA_HZ,
    graph: { file: 'policy.onnx', sha256 },
    strategy: { name: 'ensemble', m: -10 },
  };
  writeFileSync(join(policy, 'policy.yaml'), stringify({ ...manifest, ...changed }));

  const contract = join(dir, 'contract.yaml');
  writeFileSync(
    contract,
    stringify({
      name: 'bench_arm',
      rate_hz: CAMERA_HZ,
      ...(commandHz !== CAMERA_HZ && { command_rate_hz: commandHz }),
      // Limits so wide that the numbers pass: safety computes what it always does.
      joints: joints.map((name) => ({ name, min: -1e4, max: 1e4, velocity: 1e6, acceleration: 1e9 })),
      cameras: CAMERAS.map((camera) => ({
        ...camera,
        width: WIDTH,
        height: HEIGHT,
        max_age_s: 0.2,
        topic: imageTopic(camera.name),
      })),
      command: { topic: COMMAND_TOPIC, type: 'sensor_msgs/msg/JointState' },
      safety: { ramp_in_s: 0, joints_max_age_s: 0.2 },
    }),
  );
  return { contract, policy, joints };
}

/** The graph whose action is that of `model`, but for the first joints: the grey level read in each camera's image. */
function marked(model: Buffer, chunk: number, width: number): Uint8Array {
  const named = (output: string) => Buffer.concat([Buffer.from([0x12, output.length]), Buffer.from(output)]);
  const at = model.indexOf(named('action'));
  if (at < 0 || model.indexOf(named('action'), at + 1) >= 0)
    throw new Error('the policy has no single graph node whose output is `action`');
  // A node's output (NodeProto, field 2) gets another name of the same length; the graph's output keeps its own.
  const renamed = Buffer.from(model);
  named('wanted').copy(renamed, at);

  const marks = CAMERAS.flatMap(({ name }) => [
    { op: 'Slice', inputs: [name, 'mark/from', 'mark/to', 'mark/axes'], outputs: [`mark/${name}/pixel`] },
    {
      op: 'Cast',
      inputs: [`mark/${name}/pixel`],
      outputs: [`mark/${name}/float`],
      attributes: { to: 1 },
    },
    {
      op: 'Reshape',
      inputs: [`mark/${name}/float`, 'mark/one'],
      outputs: [`mark/${name}/one`],
    },
    { op: 'Expand', inputs: [`mark/${name}/one`, 'mark/rows'], outputs: [`mark/${name}`] },
  ]);
  return extendModel(renamed, {
    nodes: [
      ...marks,
      {
        op: 'Slice',
        inputs: ['wanted', 'mark/first', 'mark/last', 'mark/joint_axis'],
        outputs: ['mark/rest'],
      },
      {
        op: 'Concat',
        inputs: [...CAMERAS.map(({ name }) => `mark/${name}`), 'mark/rest'],
        outputs: ['action'],
        attributes: { axis: 2 },
      },
    ],
    initializers: [
      int64('mark/from', [READ_AT, READ_AT, 0]),
      int64('mark/to', [READ_AT + 1, READ_AT + 1, 1]),
      int64('mark/axes', [1, 2, 3]),
      int64('mark/one', [1, 1, 1]),
      int64('mark/rows', [1, chunk, 1]),
      int64('mark/first', [CAMERAS.length]),
      int64('mark/last', [width]),
      int64('mark/joint_axis', [2]),
    ],
  });
}
