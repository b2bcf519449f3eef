/** `EpisodeResult` read back, from a line of results.jsonl or out of a bag. */
import { z } from 'zod';
import { INTERVENTIONS } from '../act/interventions.js';
import type { EpisodeResult } from './episode.js';

export const percentilesSchema = z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable();

export const resultSchema: z.ZodType<EpisodeResult> = z.object({
  seed: z.int(),
  success: z.boolean(),
  return: z.number(),
  highest_reward: z.number(),
  steps: z.int(),
  duration_s: z.number(),
  stop: z.enum(['success', 'failure', 'timeout', 'aborted', 'interrupted']),
  reason: z.string().exactOptional(),
  metrics: z.record(z.string(), z.number()).exactOptional(),
  safety: z.record(z.enum(INTERVENTIONS), z.int()),
  max_camera_skew_s: z.number(),
  bag: z.string().exactOptional(),
  wall: z.object({
    seconds: z.number(),
    latency_ms: percentilesSchema,
    run_ms: percentilesSchema,
    overhead_ms: percentilesSchema,
    reaction_ms: percentilesSchema,
    missed_ticks: z.int(),
    missed_commands: z.int(),
    dropped_observations: z.int(),
    spent_chunks: z.int(),
  }),
});
