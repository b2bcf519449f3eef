/**
 * How long a policy takes, made up: a simulator whose time stands still while the policy infers shows what a
 * slower one would do, the same on every machine.
 */
import { Random } from './random.js';

/** Robot time (s) from the hand-over of the episode's inference 0, 1, 2, … to its chunk. */
export type LatencyModel = (inference: number) => number;

/** Uniform in `meanS ± jitterS`, never below 0. */
export interface LatencySpec {
  readonly meanS: number;
  readonly jitterS: number;
}

/** A pure function of the spec, the episode's seed and the inference's number. */
export function latencyModel({ meanS, jitterS }: LatencySpec, seed: number): LatencyModel {
  return (inference) =>
    Math.max(0, meanS + new Random(seed, `latency ${inference}`).uniform(-jitterS, jitterS));
}
