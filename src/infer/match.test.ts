import { describe, expect, it } from 'vitest';
import type { CameraRole, RobotContract } from '../contract/contract.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from './bundle.js';
import { matchContract } from './match.js';

const joint = (name: string) => ({ name, min: -1, max: 1, velocity: 1, acceleration: 1 });
const camera = (name: string, role: CameraRole) =>
  ({ name, role, width: 640, height: 480, maxAgeS: 0.1, topic: `/${name}`, qos: 'sensor_data' }) as const;

const robot: RobotContract = {
  file: '/robots/arm.yaml',
  text: '',
  name: 'arm',
  rateHz: 20,
  commandRateHz: 20,
  joints: ['pan', 'lift', 'grip'].map(joint),
  cameras: [
    camera('spare', 'global_overview'),
    camera('head', 'global_overview'),
    camera('wrist', 'wrist_detail'),
  ],
  jointStates: { topics: ['/joint_states'] },
  commands: [
    { topic: '/joint_commands', type: 'sensor_msgs/msg/JointState', joints: ['pan', 'lift', 'grip'] },
  ],
  reward: { topic: '/reward', max: 1 },
  sync: { toleranceS: 0.05, maxSkewS: 0.1 },
  safety: { rampInS: 0, jointsMaxAgeS: 1 },
};

const seen = { width: 96, height: 96, inputs: { current: 'c' } };
const policy: PolicyBundle = {
  dir: '/policies/p',
  manifestFile: '/policies/p/policy.yaml',
  graph: { file: '/policies/p/policy.onnx', sha256: '', bytes: 0 },
  name: 'p',
  task: 't',
  rateHz: 20,
  cameras: [
    { name: 'wrist', role: 'wrist_detail', ...seen },
    { name: 'head', role: 'global_overview', ...seen },
  ],
  joints: ['grip', 'pan', 'lift'],
  state: { input: 'state' },
  action: { output: 'action', chunk: 2, kind: 'joint_position' },
  memory: { pairs: [] },
  views: [],
  strategy: { name: 'latest' },
  provenance: {},
};

describe('matchContract', () => {
  it('maps names to contract indices, whatever the order, size and number of spare cameras', () => {
    expect(matchContract(robot, policy)).toEqual({ joints: [2, 0, 1], cameras: [2, 1] });
  });

  const refused: [string, Partial<RobotContract>, Partial<PolicyBundle>][] = [
    ['rate_hz is 50 in the robot and 20 in the policy', { rateHz: 50 }, {}],
    [
      'their joints differ: only the policy (state.joints) has lift; only the robot (joints) has wrist_1, wrist_2',
      { joints: ['pan', 'wrist_1', 'grip', 'wrist_2'].map(joint) },
      {},
    ],
    ['their joints differ: only the robot (joints) has lift', {}, { joints: ['pan', 'grip'] }],
    [
      'the policy (cameras) needs camera top, the robot (cameras) has spare, head, wrist',
      {},
      { cameras: [{ name: 'top', role: 'global_overview', ...seen }] },
    ],
    [
      'camera head has role global_overview in the robot and wrist_context in the policy',
      {},
      { cameras: [{ name: 'head', role: 'wrist_context', ...seen }] },
    ],
  ];
  it.each(refused)('refuses, naming both sides: %s', (what, contract, bundle) => {
    expect(() => matchContract({ ...robot, ...contract }, { ...policy, ...bundle })).toThrow(
      new UserError(`robot /robots/arm.yaml does not fit policy /policies/p/policy.yaml: ${what}`),
    );
  });
});
