/**
 * The robot contract: the one place that says how a robot maps to a policy. Plain readonly values; parsing
 * and validation are in `load.ts`. Joint vectors everywhere in Saccade are in `joints` order.
 */

/** What a camera is for; the policy treats each role differently. */
export const CAMERA_ROLES = ['wrist_detail', 'wrist_context', 'global_overview'] as const;
export type CameraRole = (typeof CAMERA_ROLES)[number];

export interface CameraSpec {
  readonly name: string;
  readonly role: CameraRole;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** An image older than this (s) is stale: the robot holds. */
  readonly maxAgeS: number;
  /** Where its images are published and recorded: sensor_msgs/Image, or CompressedImage on it or on `<topic>/compressed`. */
  readonly topic: string;
}

/** Limits are in rad, rad/s, rad/s² (m, m/s, m/s² for prismatic joints). */
export interface JointSpec {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly velocity: number;
  readonly acceleration: number;
}

export interface SafetySpec {
  /** Seconds over which the allowed velocity grows from 0 to its limit at the start of an episode. */
  readonly rampInS: number;
  /** Joint states older than this (s) are stale: the robot holds. */
  readonly jointsMaxAgeS: number;
}

/** What carries joint position targets to the robot's controllers. */
export const COMMAND_TYPES = [
  'sensor_msgs/msg/JointState',
  'trajectory_msgs/msg/JointTrajectory',
  'std_msgs/msg/Float64MultiArray',
] as const;
export type CommandType = (typeof COMMAND_TYPES)[number];

export interface CommandSpec {
  readonly topic: string;
  readonly type: CommandType;
}

/** The embedded simulator as this robot's body. Paths are absolute after loading. */
export interface SimSpec {
  /** MJCF file. */
  readonly scene: string;
}

export interface RobotContract {
  /** The file it came from (absolute path) and its text, which recordings keep. */
  readonly file: string;
  readonly text: string;
  readonly name: string;
  /** Control ticks a second. */
  readonly rateHz: number;
  readonly joints: readonly JointSpec[];
  readonly cameras: readonly CameraSpec[];
  /** Measured joints: sensor_msgs/JointState, joints found by name. */
  readonly jointStates: { readonly topic: string };
  readonly command: CommandSpec;
  /** Staged reward: std_msgs/Float32. */
  readonly reward: { readonly topic: string };
  readonly safety: SafetySpec;
  /** The embedded simulator; absent for a real robot. */
  readonly sim?: SimSpec;
}
