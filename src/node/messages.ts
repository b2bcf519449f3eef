/** Saccade's own ROS messages (msg/, action/), as rclnodejs takes them. */
import { INTERVENTIONS } from '../act/interventions.js';
import type { EpisodeRecord, EpisodeResult } from '../episode/episode.js';
import { summarise } from '../episode/statistics.js';
import { nsToStamp } from '../messages/time.js';
import type { Time } from '../messages/types.js';
import type { RunEnd, RunState, RunStatus } from './runs.js';

export const EPISODE_RESULT = 'saccade/msg/EpisodeResult';
export const EPISODE_STATUS = 'saccade/msg/EpisodeStatus';
export const RUN_EPISODES = 'saccade/action/RunEpisodes';

/** `EpisodeStatus.IDLE`, … */
const STATES: Readonly<Record<RunState, number>> = { idle: 0, resetting: 1, running: 2, ending: 3 };

export interface EpisodeStatusMessage {
  readonly stamp: Time;
  readonly state: number;
  readonly emergency_stop: boolean;
  readonly episode: number;
  readonly episodes: number;
  readonly seed: number;
  readonly time: number;
  readonly steps: number;
  readonly reward: number;
  readonly return_so_far: number;
  readonly successes: number;
}

export interface EpisodeResultMessage {
  readonly stamp: Time;
  readonly task: string;
  readonly seed: number;
  readonly success: boolean;
  readonly episode_return: number;
  readonly highest_reward: number;
  readonly steps: number;
  readonly duration: number;
  readonly stop: string;
  readonly reason: string;
  readonly bag: string;
  readonly max_camera_skew: number;
  readonly missed_ticks: number;
  readonly interventions: readonly string[];
  readonly intervention_ticks: readonly number[];
}

export interface RunEpisodesGoal {
  readonly count: number;
  readonly task: string;
  readonly seed: number;
  readonly time_limit: number;
  readonly record: boolean;
}

export interface RunEpisodesResult {
  readonly success_rate: number;
  readonly success_rate_low: number;
  readonly success_rate_high: number;
  readonly average_return: number;
  readonly return_std: number;
  readonly episodes: readonly EpisodeResultMessage[];
  readonly message: string;
}

export interface RunEpisodesFeedback {
  readonly status: EpisodeStatusMessage;
}

/** @param now ROS time, ns */
export function statusMessage(now: bigint, status: RunStatus, emergencyStop: boolean): EpisodeStatusMessage {
  const { state, reward, return: returnSoFar, ...rest } = status;
  return {
    stamp: nsToStamp(now),
    state: STATES[state],
    emergency_stop: emergencyStop,
    ...rest,
    reward: Math.round(reward),
    return_so_far: returnSoFar,
  };
}

/** @param ended ROS time, ns */
export function resultMessage(ended: bigint, task: string, result: EpisodeResult): EpisodeResultMessage {
  const kinds = INTERVENTIONS.filter((kind) => result.safety[kind] > 0);
  return {
    stamp: nsToStamp(ended),
    task,
    seed: result.seed,
    success: result.success,
    episode_return: result.return,
    highest_reward: Math.round(result.highest_reward),
    steps: result.steps,
    duration: result.duration_s,
    stop: result.stop,
    reason: result.reason ?? '',
    bag: result.bag ?? '',
    max_camera_skew: result.max_camera_skew_s,
    missed_ticks: result.wall.missed_ticks,
    interventions: kinds,
    intervention_ticks: kinds.map((kind) => result.safety[kind]),
  };
}

/** @param episodes the messages that `records` were published as */
export function runMessage(
  { records, message }: Pick<RunEnd, 'records' | 'message'>,
  episodes: readonly EpisodeResultMessage[],
): RunEpisodesResult {
  const { success_rate, success_ci95, average_return, return_std } = summarise(records, { maxReward: 0 });
  const [success_rate_low, success_rate_high] = success_ci95;
  return {
    success_rate: success_rate ?? 0,
    success_rate_low,
    success_rate_high,
    average_return: average_return ?? 0,
    return_std: return_std ?? 0,
    episodes,
    message,
  };
}

/** Of a goal that was refused. */
export function refusal(message: string): RunEpisodesResult {
  return runMessage({ records: [] as EpisodeRecord[], message }, []);
}
