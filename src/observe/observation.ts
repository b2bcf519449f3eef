import type { Frame } from '../robots/robot.js';

/** One camera's share of an observation. On the first tick of an episode `previous === current`. */
export interface CameraPair {
  readonly current: Frame;
  readonly previous: Frame;
}

/** What the policy sees at one instant; frames as the robot sent them, resized where the policy runs. */
export interface Observation {
  /** Capture time of the newest frame, s on the robot's clock. */
  readonly time: number;
  /** By camera, in the bundle's camera order. */
  readonly cameras: readonly CameraPair[];
  /** Measured joint positions, bundle joint order. */
  readonly state: Float32Array;
  /** True on the first observation of an episode: carried memory starts anew. */
  readonly first: boolean;
}
