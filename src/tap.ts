/** What the loop tells whoever looks on: recording, pictures, the report. */
import type { Intervention } from './act/interventions.js';
import type { Inference } from './infer/policy.js';
import type { Observation } from './observe/observation.js';
import type { JointCommand } from './robots/robot.js';

/** What happened on one tick. Nothing in it is changed or used again, but do not write to it. */
export interface Tick {
  /** 0 on the first tick of the episode; numbers are missing where ticks were. */
  readonly index: number;
  /** s, robot clock. */
  readonly time: number;
  /** The newest that was made since the tick before; absent when there was nothing new, or sensors were stale. */
  readonly observation?: Observation;
  /** The newest inference that arrived since the tick before, if any, and what it took from observation to chunk, ms. */
  readonly inference?: Inference;
  readonly latencyMs?: number;
  /** From the newest image of an observation to the first command that its chunk had a say in, less `session.run`, ms; where time does not stand still meanwhile. */
  readonly reactionMs?: number;
  /** Chunks that came since the tick before when all of their rows were past. */
  readonly spentChunks: number;
  /** What the policy wanted at the first command, bundle joint order; absent when it wanted nothing or was not asked. */
  readonly action?: Float32Array;
  /** What the robot was sent: first, and between then and the next tick where commands are more frequent. */
  readonly command: JointCommand;
  readonly between: readonly JointCommand[];
  /** Command periods that were left out since the tick before. */
  readonly missedCommands: number;
  /** Why the safety stage changed or replaced the action. */
  readonly interventions: readonly Intervention[];
  /** The reward after they were executed. */
  readonly reward: number;
}

/** Looks on, for recording and pictures. Must return at once and not throw. */
export interface Tap {
  /** Views to fetch with every inference. */
  readonly views?: readonly string[];
  onTick(tick: Tick): void;
  /** Where time stands still between ticks, the loop waits for this before it goes on: nothing need be dropped. */
  settled?(): Promise<void>;
}
