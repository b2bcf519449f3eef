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
  readonly safety: SafetySpec;
  /** The adapter: exactly one of these is present. */
  readonly sim?: SimSpec;
}
