/**
 * `meta/saccade.json`: what LeRobot has no place for. The robot contract, each camera's role, and the bags that
 * the episodes came from. LeRobot ignores it; `training/` reads it.
 */
import type { RobotContract } from '../contract/contract.js';
import type { EpisodeBag } from '../record/episode.js';
import { version } from '../version.js';
import type { CameraSize } from './format.js';

/** An episode's origin. Absent: the bag does not say. */
export interface EpisodeOrigin {
  /** Name of the bag's folder; as much of its path as tells the dataset's bags apart. */
  readonly bag: string;
  readonly source?: string;
  readonly seed?: number;
  readonly success?: boolean;
  readonly return?: number;
  readonly highest_reward?: number;
  readonly stop?: string;
  readonly policy?: string;
  readonly graph_sha256?: string;
  readonly software?: Readonly<Record<string, string>>;
}

export interface SaccadeInfo {
  readonly format: 'saccade-dataset-info';
  readonly version: 1;
  readonly generator: string;
  readonly rate_hz: number;
  /** The contract: its file's name and text. */
  readonly robot: { readonly file: string; readonly text: string };
  /** At the dataset's sizes. */
  readonly cameras: readonly (CameraSize & { readonly role: string })[];
  readonly joints: readonly string[];
  /** By `episode_index`. */
  readonly episodes: readonly EpisodeOrigin[];
}

/** @param bag its name */
export function origin(bag: string, { info, result }: EpisodeBag): EpisodeOrigin {
  return {
    bag,
    ...(info && { source: info.source, software: info.software }),
    ...(info?.seed !== undefined && { seed: info.seed }),
    ...(info?.policy && { policy: info.policy.name, graph_sha256: info.policy.graphSha256 }),
    ...(result && {
      success: result.success,
      return: result.return,
      highest_reward: result.highest_reward,
      stop: result.stop,
    }),
  };
}

export function saccadeInfo(
  contract: RobotContract,
  robotFile: string,
  cameras: readonly CameraSize[],
  episodes: readonly EpisodeOrigin[],
): SaccadeInfo {
  return {
    format: 'saccade-dataset-info',
    version: 1,
    generator: `saccade ${version}`,
    rate_hz: contract.rateHz,
    robot: { file: robotFile, text: contract.text },
    cameras: cameras.map(({ name, width, height }, c) => ({
      name,
      role: contract.cameras[c]?.role as string,
      width,
      height,
    })),
    joints: contract.joints.map(({ name }) => name),
    episodes,
  };
}
