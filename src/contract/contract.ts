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
  readonly qos: CameraQos;
}

/** How images are subscribed to: the newest alone (any publisher is heard), or every one (a reliable publisher only). */
export const CAMERA_QOS = ['sensor_data', 'reliable'] as const;
export type CameraQos = (typeof CAMERA_QOS)[number];

/** Limits are in rad, rad/s, rad/s² (m, m/s, m/s² for prismatic joints). */
export interface JointSpec {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly velocity: number;
  readonly acceleration: number;
  /** Absent where messages speak of the joint as the policy does; see `rosJoint`. */
  readonly ros?: RosJoint;
}

/** A joint as the robot's own messages speak of it: policy value = `scale` · ROS value + `offset`. */
export interface RosJoint {
  readonly name: string;
  readonly scale: number;
  readonly offset: number;
  /** The one topic of joint states that it is on, where two arms use one name; any of them when absent. */
  readonly topic?: string;
}

export function rosJoint({ name, ros }: JointSpec): RosJoint {
  return ros ?? { name, scale: 1, offset: 0 };
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

/** One controller. */
export interface CommandSpec {
  readonly topic: string;
  readonly type: CommandType;
  /** Names out of the contract's joints, in the controller's order. */
  readonly joints: readonly string[];
}

/** Services that bring robot and scene to the start of an episode; only the first is told the seed. */
export const RESET_TYPES = [
  'saccade/srv/ResetEpisode',
  'std_srvs/srv/Trigger',
  'std_srvs/srv/Empty',
] as const;
export type ResetType = (typeof RESET_TYPES)[number];

export interface ResetSpec {
  readonly service: string;
  readonly type: ResetType;
  /** On the robot's clock, s, after which it is given up; so is one whose clock stands still for as long. */
  readonly timeoutS: number;
}

/** How the world of a simulator is stepped, so that its time passes only when the loop has acted. */
export interface LockstepSpec {
  /** ros_gz_interfaces/srv/ControlWorld: pauses the world, and has it take so many steps. */
  readonly service: string;
  /** s, of one step of the physics; a command's period is a whole number of them. */
  readonly stepS: number;
  /** The reward comes once a control period, and is waited for. */
  readonly reward: boolean;
}

/** How far apart in time (s, by header stamp) the parts of one observation may be. */
export interface SyncSpec {
  /** Cameras further apart than this are shown as they were when the slowest of them last saw something. */
  readonly toleranceS: number;
  /** Cameras that are still further apart than this are of no use: the robot holds. */
  readonly maxSkewS: number;
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
  /** Control ticks a second: the policy's steps. */
  readonly rateHz: number;
  /** Commands a second: a whole multiple of `rateHz`. */
  readonly commandRateHz: number;
  readonly joints: readonly JointSpec[];
  readonly cameras: readonly CameraSpec[];
  /**
   * Measured joints: sensor_msgs/JointState, joints found by name on any of these topics, of which there is one
   * at least. Saccade's own recordings have them on the first, unless a joint names its topic. Where messages may
   * be `partial` each names some of the joints; otherwise one that lacks some is refused.
   */
  readonly jointStates: { readonly topics: readonly string[]; readonly partial?: boolean };
  /** Each joint is in exactly one of them. */
  readonly commands: readonly CommandSpec[];
  /** Staged reward: std_msgs/Float32; `max` counts as success. */
  readonly reward: { readonly topic: string; readonly max: number };
  /** std_msgs/Bool: true says that the attempt has succeeded. */
  readonly success?: { readonly topic: string };
  readonly reset?: ResetSpec;
  /** Absent where the robot's time is not ours to stop. */
  readonly lockstep?: LockstepSpec;
  readonly sync: SyncSpec;
  readonly safety: SafetySpec;
  /** The embedded simulator; absent for a real robot. */
  readonly sim?: SimSpec;
}
