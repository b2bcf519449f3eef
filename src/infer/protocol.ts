/** What the inference worker and its owner say to each other. Pixels are moved, never copied. */
import type { PixelLayout } from '../robots/robot.js';
import type { PolicyBundle } from './bundle.js';
import type { Provider, ProviderSettings } from './providers.js';

export interface WorkerSetup {
  readonly bundle: PolicyBundle;
  readonly providers: ProviderSettings;
}

/** The images that the thread keeps of a camera, at the graph's size. */
export const IMAGES = 4;

/** A frame that one of a camera's images is to be made of, as the robot sent it. */
export interface SentFrame {
  /** Which of them, below `IMAGES`. */
  readonly image: number;
  readonly width: number;
  readonly height: number;
  /** rgb8, or as `layout` says. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly layout?: PixelLayout;
}

/** An image to be made before the run that shows it. */
export interface FrameRequest {
  readonly type: 'frame';
  /** Index in the bundle's order. */
  readonly camera: number;
  readonly frame: SentFrame;
}

/** Which of a camera's images the graph is shown, once those in `frames` are made. */
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
  /** Outputs to fetch beside the action, and images to give back as they went in. */
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

export type RunReply = { readonly id: number } & (
  | ({ readonly type: 'done' } & RunResult)
  | { readonly type: 'failed'; readonly message: string }
);

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

export type Reply = StartReply | RunReply;
