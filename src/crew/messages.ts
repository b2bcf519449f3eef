/** What a crew and its threads say to each other. Plain data. */
import { UserError } from '../errors.js';

export type ToThread<Job> =
  | { readonly kind: 'job'; readonly job: Job }
  /** End the job under way as soon as it can be ended in order. */
  | { readonly kind: 'interrupt' }
  /** Free everything and exit. */
  | { readonly kind: 'close' };

export type FromThread<Facts, Result> =
  | { readonly kind: 'ready'; readonly facts: Facts }
  | { readonly kind: 'done'; readonly result: Result }
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
