/** What a rollout and its worker threads say to each other. Plain data. */
import type { EpisodeRecord } from '../episode/episode.js';
import { UserError } from '../errors.js';
import type { RolloutSpec } from './spec.js';

/** Handed over when the thread starts. */
export interface WorkerSetup {
  readonly spec: RolloutSpec;
}

export type ToWorker =
  /** Run one episode; with `film`, make an animation of it too. */
  | { readonly kind: 'episode'; readonly seed: number; readonly film: boolean }
  /** End the episode that is running after its current tick. */
  | { readonly kind: 'interrupt' }
  /** Free everything and exit. */
  | { readonly kind: 'close' };

/** What the first thing a worker says tells about it. */
export interface WorkerFacts {
  /** The provider that really runs the policy (`auto` decided). */
  readonly provider: string;
  readonly maxReward: number;
}

export type FromWorker =
  | { readonly kind: 'ready'; readonly facts: WorkerFacts }
  | { readonly kind: 'episode'; readonly record: EpisodeRecord; readonly film?: Uint8Array }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** An error as data: `postMessage` would keep an Error's text but lose its class. */
export interface Failure {
  readonly message: string;
  readonly stack?: string;
  /** Present for a UserError. */
  readonly exitCode?: number;
}

export function toFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return {
    message,
    ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
    ...(error instanceof UserError ? { exitCode: error.exitCode } : {}),
  };
}

export function fromFailure({ message, stack, exitCode }: Failure): Error {
  const error = exitCode === undefined ? new Error(message) : new UserError(message, exitCode);
  if (stack !== undefined) error.stack = stack;
  return error;
}
