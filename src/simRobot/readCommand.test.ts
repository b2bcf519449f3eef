import { describe, expect, it } from 'vitest';
import { encode } from '../messages/cdr.js';
import type { JointTrajectoryPoint } from '../messages/types.js';
import { readCommand } from './readCommand.js';

const JOINTS = [
  { name: 'pan', scale: 1, offset: 0 },
  // Degrees on the robot's side.
  { name: 'lift', scale: Math.PI / 180, offset: 0.5 },
];
const TIMING = { now: 2_000_000_000n, period: 50_000_000n };
const header = { stamp: { sec: 0, nanosec: 0 }, frame_id: '' };

const none = new Float64Array();
const state = (name: string[], position: number[]) =>
  encode('sensor_msgs/msg/JointState', {
    header,
    name,
    position: Float64Array.from(position),
    velocity: none,
    effort: none,
  });
const point = (ms: number, positions: number[], velocities: number[] = []): JointTrajectoryPoint => ({
  positions: Float64Array.from(positions),
  velocities: Float64Array.from(velocities),
  accelerations: none,
  effort: none,
  time_from_start: { sec: 0, nanosec: ms * 1e6 },
});
const trajectory = (points: JointTrajectoryPoint[], sec = 0) =>
  encode('trajectory_msgs/msg/JointTrajectory', {
    header: { stamp: { sec, nanosec: 0 }, frame_id: '' },
    joint_names: ['lift', 'pan'],
    points,
  });

describe('readCommand', () => {
  it('reaches a JointState one period later, joints by name, in policy units', () => {
    const cdr = state(['lift', 'other', 'pan'], [90, 8, -1]);
    expect(readCommand('sensor_msgs/msg/JointState', cdr, JOINTS, TIMING)).toEqual({
      kind: 'follow',
      way: [{ time: 2.05e9, positions: Float64Array.of(-1, Math.PI / 2 + 0.5) }],
    });
  });

  it('is at a Float64MultiArray at once, joints in order', () => {
    const cdr = encode('std_msgs/msg/Float64MultiArray', {
      layout: { dim: [], data_offset: 0 },
      data: Float64Array.of(0.25, 180),
    });
    expect(readCommand('std_msgs/msg/Float64MultiArray', cdr, JOINTS, TIMING)).toEqual({
      kind: 'jump',
      positions: Float64Array.of(0.25, Math.PI + 0.5),
    });
  });

  it('follows a JointTrajectory from now, or from its stamp', () => {
    const points = [point(50, [0, 1]), point(100, [90, 2], [180, 3])];
    const type = 'trajectory_msgs/msg/JointTrajectory';
    expect(readCommand(type, trajectory(points), JOINTS, TIMING)).toEqual({
      kind: 'follow',
      way: [
        { time: 2.05e9, positions: Float64Array.of(1, 0.5) },
        {
          time: 2.1e9,
          positions: Float64Array.of(2, Math.PI / 2 + 0.5),
          velocities: Float64Array.of(3, Math.PI),
        },
      ],
    });
    expect(readCommand(type, trajectory(points, 5), JOINTS, TIMING)).toMatchObject({
      way: [{ time: 5.05e9 }, { time: 5.1e9 }],
    });
  });

  it('refuses what it cannot follow, in words', () => {
    const refused = (type: Parameters<typeof readCommand>[0], cdr: Uint8Array) => () =>
      readCommand(type, cdr, JOINTS, TIMING);
    const [js, jt] = ['sensor_msgs/msg/JointState', 'trajectory_msgs/msg/JointTrajectory'] as const;
    expect(refused(js, state(['pan'], [1]))).toThrow('it lacks lift');
    expect(refused(js, state(['pan', 'lift'], [1, Number.NaN]))).toThrow('its value for lift is NaN');
    expect(refused(js, state(['pan', 'lift'], [1]))).toThrow('it names 2 joints and has 1 values');
    expect(refused(js, state(['pan', 'lift'], [1, 2]).subarray(0, 20))).toThrow(/^not a sensor_msgs/);
    expect(refused(jt, trajectory([]))).toThrow('it has no points');
    expect(refused(jt, trajectory([point(50, [0, 0]), point(50, [0, 0])]))).toThrow(
      'its point 1 is not later than the one before',
    );
    const short = encode('std_msgs/msg/Float64MultiArray', {
      layout: { dim: [], data_offset: 0 },
      data: Float64Array.of(1),
    });
    expect(refused('std_msgs/msg/Float64MultiArray', short)).toThrow('it has 1 values for 2 joints');
  });
});
