/** Command messages, each understood as the controller understands it that takes such messages on a real robot. */
import type { CommandType, RosJoint } from '../contract/contract.js';
import { decode } from '../messages/cdr.js';
import { stampToNs } from '../messages/time.js';
import type { JointTrajectory, JointTrajectoryPoint } from '../messages/types.js';
import type { Waypoint } from './setpoints.js';

/** Waypoints to follow, or positions to be at once. In policy units, in the order of the joints given. */
export type Motion =
  | { readonly kind: 'follow'; readonly way: readonly Waypoint[] }
  | { readonly kind: 'jump'; readonly positions: Float64Array };

/** ROS time (ns) now, and from one command to the next (ns). */
export interface CommandTiming {
  readonly now: bigint;
  readonly period: bigint;
}

/**
 * A JointState is reached one command period later; a Float64MultiArray at once (forward controllers); a
 * JointTrajectory is followed from its stamp, or from now where that is 0 (joint_trajectory_controller).
 * Times of waypoints are ROS time.
 * @throws Error, one sentence, when the message is not a command for these joints
 */
export function readCommand(
  type: CommandType,
  cdr: Uint8Array,
  joints: readonly RosJoint[],
  { now, period }: CommandTiming,
): Motion {
  switch (type) {
    case 'sensor_msgs/msg/JointState': {
      const { name, position } = decode(type, cdr);
      const positions = byName(joints, name, position);
      return { kind: 'follow', way: [{ time: Number(now + period), positions }] };
    }
    case 'std_msgs/msg/Float64MultiArray': {
      const { data } = decode(type, cdr);
      if (data.length !== joints.length)
        throw new Error(`it has ${data.length} values for ${joints.length} joints`);
      return { kind: 'jump', positions: inPolicyUnits(joints, data) };
    }
    case 'trajectory_msgs/msg/JointTrajectory':
      return { kind: 'follow', way: waypoints(decode(type, cdr), joints, now) };
  }
}

function waypoints(trajectory: JointTrajectory, joints: readonly RosJoint[], now: bigint): Waypoint[] {
  const stamp = stampToNs(trajectory.header.stamp);
  const start = stamp === 0n ? now : stamp;
  const names = trajectory.joint_names;
  const way = trajectory.points.map((point: JointTrajectoryPoint): Waypoint => {
    const time = Number(start + stampToNs(point.time_from_start));
    const positions = byName(joints, names, point.positions);
    if (point.velocities.length === 0) return { time, positions };
    const rates = joints.map(({ name, scale }) => ({ name, scale, offset: 0 }));
    return { time, positions, velocities: byName(rates, names, point.velocities) };
  });
  if (way.length === 0) throw new Error('it has no points');
  for (let i = 1; i < way.length; i++)
    if (way[i].time <= way[i - 1].time) throw new Error(`its point ${i} is not later than the one before`);
  return way;
}

function byName(
  joints: readonly RosJoint[],
  names: readonly string[],
  values: ArrayLike<number>,
): Float64Array {
  if (values.length !== names.length)
    throw new Error(`it names ${names.length} joints and has ${values.length} values`);
  const missing = joints.filter(({ name }) => !names.includes(name));
  if (missing.length > 0) throw new Error(`it lacks ${missing.map(({ name }) => name).join(', ')}`);
  return inPolicyUnits(
    joints,
    joints.map(({ name }) => values[names.indexOf(name)]),
  );
}

function inPolicyUnits(joints: readonly RosJoint[], values: ArrayLike<number>): Float64Array {
  return Float64Array.from(joints, ({ name, scale, offset }, j) => {
    if (!Number.isFinite(values[j])) throw new Error(`its value for ${name} is ${values[j]}`);
    return scale * values[j] + offset;
  });
}
