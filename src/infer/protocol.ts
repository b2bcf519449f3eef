/** What the inference worker and its owner say to each other. Slabs are transferred, never copied. */
import type { PolicyBundle } from './bundle.js';
import type { Provider, ProviderChoice } from './providers.js';

export interface WorkerSetup {
  readonly bundle: PolicyBundle;
  readonly provider: ProviderChoice;
  readonly threads: number;
}

export interface RunRequest {
  readonly type: 'run';
  readonly id: number;
  readonly slab: ArrayBuffer;
  /** An episode's first observation. */
  readonly first: boolean;
  /** Outputs to fetch beside the action. */
  readonly views: readonly string[];
}

export type Request = RunRequest | { readonly type: 'close' };

export interface View {
  /** Row-major. */
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export type RunReply =
  | {
      readonly type: 'done';
      readonly id: number;
      readonly slab: ArrayBuffer;
      /** Wall time of session.run, ms. */
      readonly runMs: number;
      readonly views: ReadonlyMap<string, View>;
    }
  | { readonly type: 'failed'; readonly id: number; readonly slab: ArrayBuffer; readonly message: string };

export type StartReply =
  | { readonly type: 'ready'; readonly provider: Provider }
  /** The message of a UserError. */
  | { readonly type: 'refused'; readonly message: string };

export type Reply = StartReply | RunReply;
