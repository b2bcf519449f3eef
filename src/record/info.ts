/** What a bag says of its episode, as JSON: `EpisodeInfo` with snake_case keys, and `EpisodeResult` as it is. */
import { z } from 'zod';
import { strategy } from '../contract/schema.js';
import type { EpisodeResult } from '../episode/episode.js';
import { resultSchema } from '../episode/resultSchema.js';
import { UserError } from '../errors.js';
import { type EpisodeInfo, IMAGE_FORMATS } from './episode.js';

/** Keys that a later version may add are left out. */
const schema = z.object({
  source: z.enum(['rollout', 'demos', 'record']),
  lockstep: z.boolean(),
  contract: z.object({ file: z.string(), text: z.string() }),
  task: z.string().exactOptional(),
  instruction: z.string().exactOptional(),
  seed: z.int().exactOptional(),
  max_reward: z.number().exactOptional(),
  policy: z
    .object({
      name: z.string(),
      graph_sha256: z.string(),
      strategy,
      provider: z.string(),
      time_limit_s: z.number(),
      control: z.string().exactOptional(),
      speed: z.number().exactOptional(),
      latency: z.object({ mean_s: z.number(), jitter_s: z.number() }).exactOptional(),
      observation_delay_s: z.number().exactOptional(),
    })
    .exactOptional(),
  images: z.enum(IMAGE_FORMATS),
  software: z.record(z.string(), z.string()),
});

export function encodeInfo({ maxReward, policy, ...rest }: EpisodeInfo): string {
  const file: z.infer<typeof schema> = {
    ...rest,
    ...(maxReward !== undefined && { max_reward: maxReward }),
    ...(policy && { policy: encodePolicy(policy) }),
  };
  return JSON.stringify(file);
}

function encodePolicy(policy: NonNullable<EpisodeInfo['policy']>) {
  const { graphSha256, timeLimitS, latency, observationDelayS, ...rest } = policy;
  return {
    ...rest,
    graph_sha256: graphSha256,
    time_limit_s: timeLimitS,
    ...(latency && { latency: { mean_s: latency.meanS, jitter_s: latency.jitterS } }),
    ...(observationDelayS !== undefined && { observation_delay_s: observationDelayS }),
  };
}

/**
 * @param bag what error messages name
 * @throws UserError when `text` is not what `encodeInfo` writes
 */
export function decodeInfo(bag: string, text: string): EpisodeInfo {
  const { max_reward, policy, ...rest } = parse(bag, text);
  return {
    ...rest,
    ...(max_reward !== undefined && { maxReward: max_reward }),
    ...(policy && { policy: decodePolicy(policy) }),
  };
}

function decodePolicy({
  graph_sha256,
  time_limit_s,
  latency,
  observation_delay_s,
  ...rest
}: NonNullable<z.infer<typeof schema>['policy']>): NonNullable<EpisodeInfo['policy']> {
  return {
    ...rest,
    graphSha256: graph_sha256,
    timeLimitS: time_limit_s,
    ...(latency && { latency: { meanS: latency.mean_s, jitterS: latency.jitter_s } }),
    ...(observation_delay_s !== undefined && { observationDelayS: observation_delay_s }),
  };
}

/** @throws Error when `text` is no `EpisodeResult` */
export function decodeResult(text: string): EpisodeResult {
  const { data, error } = resultSchema.safeParse(JSON.parse(text));
  if (data) return data;
  const { path, message } = error.issues[0] as z.core.$ZodIssue;
  throw new Error(`${path.join('.')}: ${message}`);
}

function parse(bag: string, text: string): z.infer<typeof schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${bag}: its metadata record 'saccade' is not JSON`, 2, { cause });
  }
  const { data, error } = schema.safeParse(value);
  if (data) return data;
  const { path, message } = error.issues[0] as z.core.$ZodIssue;
  throw new UserError(`${bag}: its metadata record 'saccade' has a wrong ${path.join('.')}: ${message}`);
}
