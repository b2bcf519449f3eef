/** What passes between the loop's thread and the recording thread. */
import type { ActionChunk } from '../../act/chunk.js';
import type { DiagnosticArray } from '../../messages/types.js';
import type { PixelLayout } from '../../robots/robot.js';
import type { EpisodeInfo } from '../episode.js';

/** One thing to record. `at` (when it was received) and `time` (its stamp) are s on the robot's clock. */
export type Item =
  | {
      readonly kind: 'frame';
      /** The camera's; compressed images go to `<topic>/compressed`. */
      readonly topic: string;
      readonly camera: string;
      readonly at: number;
      readonly time: number;
      readonly width: number;
      readonly height: number;
      /** rgb8, or as `layout` says. */
      readonly pixels: ArrayBuffer;
      readonly layout?: PixelLayout;
    }
  | {
      readonly kind: 'joints';
      readonly topic: string;
      readonly at: number;
      readonly time: number;
      readonly names: readonly string[];
      readonly positions: Float32Array | Float64Array;
    }
  | {
      readonly kind: 'chunk';
      readonly topic: string;
      readonly at: number;
      readonly names: readonly string[];
      readonly chunk: ActionChunk;
    }
  | { readonly kind: 'number'; readonly topic: string; readonly at: number; readonly value: number }
  | { readonly kind: 'text'; readonly topic: string; readonly at: number; readonly value: string }
  | {
      readonly kind: 'diagnostics';
      readonly topic: string;
      readonly at: number;
      readonly status: DiagnosticArray['status'];
    }
  | {
      /** Recorded as it is; an `image` is a sensor_msgs/Image that becomes a JPEG where those are wanted. */
      readonly kind: 'message' | 'image';
      readonly topic: string;
      readonly type: string;
      readonly logTime: bigint;
      readonly publishTime: bigint;
      readonly data: ArrayBuffer;
    };

export type Request =
  | {
      readonly type: 'begin';
      readonly dir: string;
      readonly info: EpisodeInfo;
      readonly definitions?: Readonly<Record<string, string>>;
    }
  | { readonly type: 'record'; readonly items: readonly Item[] }
  | { readonly type: 'finish' }
  | { readonly type: 'close' };

export type Reply =
  | { readonly type: 'begun' }
  /** The bag could not be made. `mine` where the user can mend it. */
  | { readonly type: 'refused'; readonly message: string; readonly mine: boolean }
  /** An item with a buffer is in the bag, or given up: here is the buffer back. */
  | { readonly type: 'released'; readonly buffer: ArrayBuffer }
  /** Nothing more of this episode is recorded. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'finished'; readonly bytes: number; readonly messages: number };

/** The buffer an item carries, handed over with it and back with `released`. */
export function bufferOf(item: Item): ArrayBuffer | undefined {
  if (item.kind === 'frame') return item.pixels;
  return 'data' in item ? item.data : undefined;
}
