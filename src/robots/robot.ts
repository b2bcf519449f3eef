/**
 * The Robot port: what the loop sees of a robot, whichever adapter (sim, ros2, bag) stands behind it.
 *
 * All times are seconds on the robot's own clock. Joint vectors are in contract joint order.
 */
import type { Observable } from 'rxjs';
import type { RobotContract } from '../contract/contract.js';

/** One image of one camera. Its pixels belong to the receiver, who does not change them. */
export interface Frame {
  readonly camera: string;
  /** Capture time, s. */
  readonly time: number;
  readonly width: number;
  readonly height: number;
  /** rgb8, row-major H×W×3. Where there is `raw`, made of that when it is first asked for. */
  readonly data: Uint8Array;
  /** What the camera sent, where that was not rgb8: other threads take it as it is, and do the conversion themselves. */
  readonly raw?: RawPixels | undefined;
  /**
   * Its pixels have a buffer of their own: once everybody has been told of the frame, the loop may move that to the
   * policy's thread, or free it, and there are none here any more. Who wants them copies them when told of the frame.
   */
  readonly movable?: boolean;
}

/** An image that is not rgb8, or has padding: messages/pixels.ts makes rgb8 of it. */
export interface RawPixels {
  readonly layout: PixelLayout;
  readonly bytes: Uint8Array;
}

export interface PixelLayout {
  /** ROS's name: sensor_msgs/image_encodings.hpp. */
  readonly encoding: string;
  /** Bytes from one row to the next. */
  readonly step: number;
  readonly bigEndian: boolean;
}

/** Measured joint positions (rad, or m for prismatic joints), contract joint order. */
export interface JointState {
  readonly time: number;
  readonly positions: Float32Array;
}

/** What a robot (or its task) says of the episode at one instant. */
export interface Outcome {
  readonly time: number;
  /** Staged reward, an integer 0 … the task's maximum. */
  readonly reward: number;
  /** Set when the attempt cannot succeed any more (the object left the workspace, say). */
  readonly failure?: string;
  /** What the task measures beside it; names end in their unit: `position_error_m`. */
  readonly metrics?: Metrics;
}

export type Metrics = Readonly<Record<string, number>>;

/** Joint position targets for one instant, contract joint order, after ensembling and safety. */
export interface JointCommand {
  readonly time: number;
  readonly positions: Float32Array;
  /** The way ahead if nothing new is learnt, within all limits and ending at rest; for robots that want it. */
  readonly horizon?: Horizon;
}

/** Row k is for `dt · (k + 1)` s after the command it belongs to; contract joint order. */
export interface Horizon {
  /** s */
  readonly dt: number;
  readonly positions: readonly Float32Array[];
}

/**
 * What ends the episode under way, but not the robot: its clock was set back, say. `Clock.sleepUntil` throws
 * it; the loop brings the arm to rest and gives the episode up.
 */
export class EpisodeAborted extends Error {
  override readonly name = 'EpisodeAborted';

  /** @param clockStands nothing can be waited for by the robot's clock any more */
  constructor(
    message: string,
    readonly clockStands = false,
  ) {
    super(message);
  }
}

export interface Clock {
  /** Seconds since the robot's epoch; never goes backwards within an episode. */
  readonly now: number;
  /**
   * True when time passes only inside `sleepUntil`: the loop then waits for every inference, and a run
   * is a pure function of seed, bundle and provider.
   */
  readonly lockstep: boolean;
  /**
   * Resolves at `time`; a lockstep robot advances its world to it, emitting frames and joints on the way.
   * @throws EpisodeAborted when that time will not come
   */
  sleepUntil(time: number): Promise<void>;
}

export interface ResetRequest {
  readonly seed: number;
  /** Once aborted nobody waits for the start any more: a robot that takes its time resolves wherever it is. */
  readonly signal?: AbortSignal | undefined;
}

export interface Robot {
  readonly contract: RobotContract;
  readonly clock: Clock;
  readonly frames: Observable<Frame>;
  readonly joints: Observable<JointState>;
  readonly outcomes: Observable<Outcome>;
  /** The reward at which an episode counts as a success. */
  readonly maxReward: number;
  /** Its controllers follow trajectories: commands come with their horizon. */
  readonly wantsHorizon?: boolean;
  /** Brings robot and scene to the start of an episode and emits the first frames, joints and outcome. */
  reset(request: ResetRequest): Promise<void>;
  command(command: JointCommand): void;
  close(): Promise<void>;
}
