/** Joint commands as the messages that controllers take. */
import type { CommandType, RosJoint } from '../../contract/contract.js';
import { encode } from '../../messages/cdr.js';
import { toRos } from '../../messages/joints.js';
import { toStamp } from '../../messages/time.js';
import type { JointCommand } from '../robot.js';

/** Some of the contract's joints, in the controller's order. */
export interface CommandedJoints {
  /** Contract indices. */
  readonly indices: readonly number[];
  readonly ros: readonly RosJoint[];
}

export interface CommandContext {
  /** From one command to the next, s. */
  readonly period: number;
  /** The command of a period ago, contract order; absent at the start, where the arm stands still. */
  readonly previous?: Float32Array | undefined;
}

const NONE = new Float64Array();

/**
 * The CDR of a command. Positions are to be reached one command period after the command's time, which is how
 * the simulator understands them too.
 *
 * - JointState: names and positions, stamped with the command's time.
 * - Float64MultiArray: the positions alone. Its controllers (forward_command_controller) keep the last ones for
 *   ever, so whoever holds must go on sending.
 * - JointTrajectory: the command, then its horizon. Velocities are central differences of the positions, which
 *   the limits hold for too; the last point is at rest, as joint_trajectory_controller demands. Without a horizon
 *   there are positions alone, for one point with a velocity of 0 would make the arm stop at every tick. The
 *   stamp is 0, "from now": with a time of ours, controllers on a machine whose clock differs would drop points
 *   as past, or wait.
 */
export function commandMessage(
  type: CommandType,
  joints: CommandedJoints,
  command: JointCommand,
  context: CommandContext,
): Uint8Array {
  const positions = inRos(joints, command.positions);
  switch (type) {
    case 'sensor_msgs/msg/JointState':
      return encode(type, {
        header: { stamp: toStamp(command.time), frame_id: '' },
        name: joints.ros.map(({ name }) => name),
        position: positions,
        velocity: NONE,
        effort: NONE,
      });
    case 'std_msgs/msg/Float64MultiArray':
      return encode(type, { layout: { dim: [], data_offset: 0 }, data: positions });
    case 'trajectory_msgs/msg/JointTrajectory':
      return encode(type, {
        header: { stamp: { sec: 0, nanosec: 0 }, frame_id: '' },
        joint_names: joints.ros.map(({ name }) => name),
        points: trajectory(joints, positions, command, context).map(({ time, velocities, ...point }) => ({
          positions: point.positions,
          velocities: velocities ?? NONE,
          accelerations: NONE,
          effort: NONE,
          time_from_start: toStamp(time),
        })),
      });
  }
}

interface Point {
  /** After the trajectory's start, s. */
  readonly time: number;
  readonly positions: Float64Array;
  /** Per second; absent: the controller interpolates linearly. */
  readonly velocities?: Float64Array;
}

function trajectory(
  joints: CommandedJoints,
  positions: Float64Array,
  { positions: now, horizon }: JointCommand,
  { period, previous }: CommandContext,
): Point[] {
  if (!horizon) return [{ time: period, positions }];
  const rows = [positions, ...horizon.positions.map((row) => inRos(joints, row))];
  const before = inRos(joints, previous ?? now);
  const times = rows.map((_, k) => period + k * horizon.dt);
  return rows.map((row, k) => {
    const last = k === rows.length - 1;
    const [from, to] = [rows[k - 1] ?? before, rows[k + 1] ?? row];
    const span = (k === 0 ? period : horizon.dt) + horizon.dt;
    const velocities = row.map((_, j) => (last ? 0 : (to[j] - from[j]) / span));
    return { time: times[k], positions: row, velocities };
  });
}

function inRos({ indices, ros }: CommandedJoints, positions: Float32Array): Float64Array {
  return Float64Array.from(indices, (j, i) => toRos(ros[i], positions[j]));
}
