/** What the inference worker and its owner say to each other. Pixels are transferred, never copied. */
import type { PixelLayout } from '../robots/robot.js';
import type { PolicyBundle } from './bundle.js';
import type { Provider, ProviderSettings } from './providers.js';

export interface WorkerSetup {
  readonly bundle: PolicyBundle;
  readonly providers: ProviderSettings;
}

/** A frame that one of a camera's two images is to be made of, as the robot sent it. */
export interface SentFrame {
  /** Which of the two: 0 or 1. */
  readonly image: number;
  readonly width: number;
  readonly height: number;
  /** rgb8, or as `layout` says; comes back with the reply. */
  readonly pixels: ArrayBuffer;
  readonly layout?: PixelLayout;
}

/** An image to be made before the run that shows it. */
export interface FrameRequest {
  readonly type: 'frame';
  readonly id: number;
  /** Index in the bundle's order. */
  readonly camera: number;
  readonly frame: SentFrame;
}

/** Which of a camera's two images the graph is shown, once those in `frames` are made. */
export interface CameraImages {
  readonly current: number;
  readonly previous: number;
  readonly frames: readonly SentFrame[];
}

export interface RunRequest {
  readonly type: 'run';
  readonly id: number;
  /** In the bundle's order. */
  readonly cameras: readonly CameraImages[];
  /** Measured joint positions, bundle joint order. */
  readonly state: Float32Array;
  /** An episode's first observation. */
  readonly first: boolean;
  /** Outputs to fetch beside the action. */
  readonly views: readonly string[];
}

export type Request = RunRequest | FrameRequest | { readonly type: 'close' };

export interface View {
  /** Row-major. */
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export interface RunResult {
  /** [chunk, joints], row-major. */
  readonly actions: Float32Array;
  /** Wall time of making the graph's images of the frames that were sent since the run before, ms. */
  readonly resizeMs: number;
  /** Wall time of session.run, ms. */
  readonly runMs: number;
  readonly views: ReadonlyMap<string, View>;
}

/** `buffers` is that of the frame. */
export interface FrameReply {
  readonly type: 'seen';
  readonly id: number;
  readonly buffers: readonly ArrayBuffer[];
}

/** `buffers` are those of the request's frames. */
export type RunReply = { readonly id: number; readonly buffers: readonly ArrayBuffer[] } & (
  | ({ readonly type: 'done' } & RunResult)
  | { readonly type: 'failed'; readonly message: string }
);

/** The buffers of a request's frames, handed over with it and back with the reply. */
export function buffersOf({ cameras }: Pick<RunRequest, 'cameras'>): ArrayBuffer[] {
  return cameras.flatMap(({ frames }) => frames.map(({ pixels }) => pixels));
}

export type StartReply =
  | {
      readonly type: 'ready';
      readonly provider: Provider;
      /** Why others named before it are not used, and what of the graph it leaves to the CPU; a clause each. */
      readonly providerNotes: readonly string[];
      /** Opening the session, ms, and its first run. */
      readonly loadMs: number;
      readonly firstRunMs: number;
    }
  /** The message of a UserError. */
  | { readonly type: 'refused'; readonly message: string };

export type Reply = StartReply | FrameReply | RunReply;
