/**
 * What a Saccade bag holds beside the robot's own topics (docs/bags.md). One episode is one bag.
 *
 * Images, joint states and rewards are on the contract's topics. What Saccade itself thought and did is on
 * the topics below, in standard messages, joints always named: a reader needs nothing of Saccade's.
 */

import type { ActionChunk } from '../act/chunk.js';
import type { Intervention } from '../act/interventions.js';
import type { RobotContract } from '../contract/contract.js';
import type { StrategySpec } from '../contract/strategy.js';
import type { EpisodeResult } from '../episode/episode.js';
import type { LatencySpec } from '../latency.js';

export const TOPICS = {
  /** trajectory_msgs/JointTrajectory: a policy's prediction; stamp = the observation's time, row k at k·dt. */
  chunk: '/saccade/chunk',
  /** sensor_msgs/JointState: what the actor wanted at a tick, before safety or an injected disturbance. */
  action: '/saccade/action',
  /** sensor_msgs/JointState: what the robot was sent. */
  command: '/saccade/command',
  /** std_msgs/Float32, one an inference: observation → chunk, ms of wall time. */
  latency: '/saccade/latency',
  /** std_msgs/String on ticks where safety intervened: the kinds, separated by commas. */
  interventions: '/saccade/interventions',
  /** std_msgs/String at the end: `EpisodeResult` as JSON. */
  result: '/saccade/result',
  /** diagnostic_msgs/DiagnosticArray, once a second. */
  diagnostics: '/diagnostics',
} as const;

/** The bag of one episode, by the episode's seed or number: a folder of this name under `<run>/bags`. */
export function bagName(episode: number): string {
  return `episode_${String(episode).padStart(6, '0')}`;
}

/** Images as recorded: `jpeg` is small and lossy, `raw` exact. */
export const IMAGE_FORMATS = ['jpeg', 'raw'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** Name of the MCAP metadata record that holds an `EpisodeInfo`, under the key `json`. Written first, so that a bag cut short still has it. */
export const INFO_RECORD = 'saccade';

/** What a bag is a recording of. Plain JSON; camelCase here, snake_case keys in the file. */
export interface EpisodeInfo {
  /** Who acted: a policy, the scripted expert, or a human. */
  readonly source: 'rollout' | 'demos' | 'record';
  /** The robot's time stood still between ticks: times are exact multiples of the control period. */
  readonly lockstep: boolean;
  /** The contract's file name and text. */
  readonly contract: { readonly file: string; readonly text: string };
  readonly task?: string;
  readonly instruction?: string;
  readonly seed?: number;
  /** The reward that counts as success. */
  readonly maxReward?: number;
  readonly policy?: {
    readonly name: string;
    readonly graphSha256: string;
    readonly strategy: StrategySpec;
    readonly provider: string;
    readonly timeLimitS: number;
    readonly control?: string;
    /** How fast chunks were played, times the rate they were trained at; 1 when absent. */
    readonly speed?: number;
    /** What was added to the policy's latency and to the sensors', on the simulator. */
    readonly latency?: LatencySpec;
    readonly observationDelayS?: number;
  };
  readonly images: ImageFormat;
  /** Name → version: saccade, node, onnxruntime-node, … */
  readonly software: Readonly<Record<string, string>>;
}

/** An image as it stands in the bag; `decodeImage` (messages/image.ts) makes rgb8 of it. */
export interface RecordedImage {
  readonly type: 'sensor_msgs/msg/Image' | 'sensor_msgs/msg/CompressedImage';
  readonly data: Uint8Array;
}

/**
 * One thing that was recorded. `at` is when it was received, `time` what its header says, both s on the
 * robot's clock. Positions are in contract joint order.
 */
export type EpisodeEvent =
  | {
      readonly kind: 'frame';
      readonly at: number;
      readonly time: number;
      readonly camera: string;
      readonly image: RecordedImage;
    }
  | {
      readonly kind: 'joints' | 'action' | 'command';
      readonly at: number;
      readonly time: number;
      readonly positions: Float32Array;
    }
  | {
      readonly kind: 'chunk';
      readonly at: number;
      /** Columns are `joints`. */
      readonly chunk: ActionChunk;
      readonly joints: readonly string[];
    }
  | { readonly kind: 'reward'; readonly at: number; readonly reward: number }
  | { readonly kind: 'latency'; readonly at: number; readonly ms: number }
  | { readonly kind: 'interventions'; readonly at: number; readonly kinds: readonly Intervention[] };

/** One episode's recording, opened: ours, or any bag that has the contract's topics. */
export interface EpisodeBag {
  readonly path: string;
  /** Absent for a bag that Saccade did not write. */
  readonly info: EpisodeInfo | undefined;
  readonly contract: RobotContract;
  /** Absent where the recording was cut short, or has none. */
  readonly result: EpisodeResult | undefined;
  readonly damage: string | undefined;
  /** Time of the first tick: the first command that Saccade gave; undefined in bags it did not write. */
  readonly start: number | undefined;
  /** In the order of `at`. `kinds` leaves out the others before they are decoded. */
  events(kinds?: ReadonlySet<EpisodeEvent['kind']>): AsyncIterable<EpisodeEvent>;
  close(): Promise<void>;
}
