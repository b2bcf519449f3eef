import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT } from '../../test/support/fakeRobot.js';
import type { RobotContract } from '../contract/contract.js';
import { encode } from './cdr.js';
import {
  commandTopics,
  fromRos,
  JointMerger,
  JointReader,
  ownJoints,
  recordedTopics,
  stateTopics,
  toRos,
} from './joints.js';

const HEADER = { stamp: { sec: 2, nanosec: 500_000_000 }, frame_id: '' };
const NONE = new Float64Array();

const state = (joints: Readonly<Record<string, number>>) =>
  encode('sensor_msgs/msg/JointState', {
    header: HEADER,
    name: Object.keys(joints),
    position: Float64Array.from(Object.values(joints)),
    velocity: NONE,
    effort: NONE,
  });

const [LIFT, GRIP] = [
  { name: 'lift', scale: 1, offset: 0 },
  { name: 'finger', scale: 2, offset: -1 },
];

/** Two arms whose joints have one name, and a gripper that is somewhere. */
const ARMS: RobotContract = {
  ...FAKE_CONTRACT,
  joints: [
    { ...FAKE_CONTRACT.joints[0], name: 'left', ros: { name: 'waist', scale: 1, offset: 0, topic: '/l' } },
    { ...FAKE_CONTRACT.joints[1], name: 'right', ros: { name: 'waist', scale: -1, offset: 0, topic: '/r' } },
    FAKE_CONTRACT.joints[2],
  ],
  jointStates: { topics: ['/l', '/r'], partial: true },
  commands: [
    { topic: '/r/commands', type: 'std_msgs/msg/Float64MultiArray', joints: ['gripper', 'right'] },
    { topic: '/l/commands', type: 'std_msgs/msg/Float64MultiArray', joints: ['left'] },
  ],
};

describe('units', () => {
  it('come back the same, to the resolution of a float32', () => {
    const finite = fc.double({ min: -1e3, max: 1e3, noNaN: true });
    const scale = fc.oneof(fc.double({ min: 0.01, max: 100, noNaN: true }), fc.constantFrom(1, -1, 57.29578));
    fc.assert(
      fc.property(finite, scale, finite, (value, scale, offset) => {
        const joint = { name: 'j', scale, offset };
        expect(Math.abs(fromRos(joint, toRos(joint, value)) - value)).toBeLessThan(1e-9);
        expect(fromRos({ name: 'j', scale: 1, offset: 0 }, value)).toBe(value + 0);
      }),
    );
  });
});

describe('JointReader', () => {
  it('finds joints by name in any order, among others, in the policy’s units', () => {
    const reader = new JointReader([LIFT, GRIP]);
    for (const joints of [
      { lift: 0.25, finger: 0.75 },
      { finger: 0.75, wheel: 9, lift: 0.25 },
    ])
      expect(reader.read('sensor_msgs/msg/JointState', state(joints))).toEqual({
        time: 2.5,
        joints: [0, 1],
        columns: expect.anything(),
        positions: Float32Array.of(0.25, 0.5),
      });
    expect(reader.read('sensor_msgs/msg/JointState', state({ wheel: 1 }))).toBeUndefined();
  });

  it('refuses a message that lacks joints, unless messages may be partial', () => {
    const partial = state({ finger: 0.75 });
    expect(() => new JointReader([LIFT, GRIP]).read('sensor_msgs/msg/JointState', partial)).toThrow(
      'there is no joint lift among finger',
    );
    const lenient = new JointReader([LIFT, GRIP], { partial: true });
    expect(lenient.read('sensor_msgs/msg/JointState', partial)).toMatchObject({
      joints: [1],
      positions: Float32Array.of(0.5),
    });
  });

  it('takes the order of a message without names for the controller’s', () => {
    const reader = new JointReader([GRIP, LIFT]);
    const array = (...data: number[]) =>
      encode('std_msgs/msg/Float64MultiArray', {
        layout: { dim: [], data_offset: 0 },
        data: Float64Array.from(data),
      });
    expect(reader.read('std_msgs/msg/Float64MultiArray', array(0.75, 0.25))?.positions).toEqual(
      Float32Array.of(0.5, 0.25),
    );
    expect(() => reader.read('std_msgs/msg/Float64MultiArray', array(1))).toThrow(
      '1 positions where there are 2 joints',
    );
  });

  it('refuses a position that is none', () => {
    const read = () =>
      new JointReader([LIFT]).read('sensor_msgs/msg/JointState', state({ lift: Number.NaN }));
    expect(read).toThrow('the position of lift is NaN');
  });
});

describe('JointMerger', () => {
  it('has a state once every joint is known, as old as its oldest part', () => {
    const merger = new JointMerger(3);
    merger.take(1, [2, 0], { joints: [0, 1], positions: Float32Array.of(20, 0.5) });
    expect([merger.state, merger.missing]).toEqual([undefined, [1]]);
    merger.take(4, [1], { joints: [0], positions: Float32Array.of(7) });
    expect(merger.state).toEqual({ time: 1, positions: Float32Array.of(0.5, 7, 20) });
    merger.clear();
    expect(merger.missing).toEqual([0, 1, 2]);
  });

  it('leaves out what was overtaken', () => {
    const merger = new JointMerger(1);
    merger.take(2, [0], { joints: [0], positions: Float32Array.of(2) });
    merger.take(1, [0], { joints: [0], positions: Float32Array.of(1) });
    expect(merger.state).toEqual({ time: 2, positions: Float32Array.of(2) });
  });
});

describe('the topics of a contract', () => {
  it('tell arms apart by topic where their joints have one name', () => {
    const merger = new JointMerger(3);
    const say = (topic: string, joints: Readonly<Record<string, number>>) => {
      const each = stateTopics(ARMS).find((found) => found.topic === topic);
      const vector = each?.reader.read('sensor_msgs/msg/JointState', state(joints));
      if (each && vector) merger.take(0, each.joints, vector);
    };
    say('/l', { waist: 1 });
    say('/r', { waist: 2, gripper: 0.03 });
    expect(merger.state?.positions).toEqual(Float32Array.of(1, -2, 0.03));
  });

  it('give each controller its joints in its order', () => {
    expect(commandTopics(ARMS).map(({ topic, joints }) => [topic, joints])).toEqual([
      ['/r/commands', [2, 1]],
      ['/l/commands', [0]],
    ]);
  });

  it('are recorded so that they can be read back', () => {
    expect(recordedTopics(ARMS).map(({ topic, joints }) => [topic, joints])).toEqual([
      ['/l', [0, 2]],
      ['/r', [1]],
    ]);
    expect(ownJoints(ARMS).map(({ name }) => name)).toEqual(['left', 'right', 'gripper']);
  });
});
