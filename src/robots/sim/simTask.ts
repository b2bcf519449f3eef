/** What a task is to the simulated world. */
import type { Outcome } from '../robot.js';
import type { Script } from './expert/script.js';
import type { Texture } from './textures.js';

/** The reward at which every task of the simulator is solved; a contract's `reward.max`. */
export const MAX_REWARD = 4;

export interface SimTask {
  /** Lays out the episode of `seed`: what is the task's own, not light, cameras and arms. */
  layOut(seed: number, paint: (geom: number, texture: Texture) => void): void;
  /** The staged reward of the scene as it stands at `time`, s since the layout. Call it at every control tick. */
  outcome(time: number): Outcome;
  /** How the scripted expert solves it. */
  readonly script: Script;
}
