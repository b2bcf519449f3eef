/**
 * Runs read back from their results folders, and shards of one run put together again.
 *
 * Two folders are shards of one run when everything that decides a result is the same: bundle, contract,
 * task, strategy, control, speed, delays that were added, time limit and provider. Their seeds must differ.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { strategy } from '../contract/schema.js';
import type { StrategySpec } from '../contract/strategy.js';
import type { EpisodeResult, Percentiles } from '../episode/episode.js';
import { percentilesSchema, resultSchema } from '../episode/resultSchema.js';
import type { RunInfo } from '../episode/run.js';
import { type Summary, summarise } from '../episode/statistics.js';
import { UserError } from '../errors.js';

const info: z.ZodType<RunInfo> = z.object({
  saccade: z.string(),
  robot: z.string(),
  contract_sha256: z.string(),
  policy: z.string(),
  graph_sha256: z.string(),
  task: z.string(),
  strategy,
  provider: z.string().nullable(),
  control: z.string().nullable(),
  speed: z.number(),
  added_latency_ms: z.number(),
  added_latency_jitter_ms: z.number(),
  observation_delay_ms: z.number(),
  seed: z.number(),
  episodes: z.number(),
  shard: z.object({ index: z.number(), count: z.number() }).nullable(),
  time_limit_s: z.number(),
  max_reward: z.number(),
});

const summary = z.object({
  latency_ms: percentilesSchema,
  run_ms: percentilesSchema,
  overhead_ms: percentilesSchema,
  run: info,
});

/** Wall-clock figures of one folder. */
export interface Wall {
  readonly latency_ms: Percentiles | null;
  readonly run_ms: Percentiles | null;
  readonly overhead_ms: Percentiles | null;
}

/** One results folder: a whole run, or a shard of one. */
export interface Part {
  readonly path: string;
  readonly info: RunInfo;
  readonly wall: Wall;
  readonly results: readonly EpisodeResult[];
}

/** A run, whole again. */
export interface Run {
  /** Distinct among the runs of one report. */
  readonly label: string;
  readonly info: RunInfo;
  readonly parts: readonly Part[];
  /** Wall-clock figures are those of the folder, or null where several were merged: percentiles cannot be. */
  readonly summary: Summary;
  /** What the reader must know, one sentence each. */
  readonly warnings: readonly string[];
}

/** What decides a result, in the order in which a difference is told. */
const IDENTITY = [
  'policy',
  'graph_sha256',
  'robot',
  'contract_sha256',
  'task',
  'strategy',
  'control',
  'speed',
  'added_latency_ms',
  'added_latency_jitter_ms',
  'observation_delay_ms',
  'time_limit_s',
  'max_reward',
  'provider',
] as const satisfies readonly (keyof RunInfo)[];

const factOf = (info: RunInfo, key: (typeof IDENTITY)[number]): string => {
  const value = info[key];
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/**
 * Reads a folder that `saccade rollout --out` wrote.
 * @throws UserError naming the file, and the key or line, when it is not one
 */
export async function readPart(path: string): Promise<Part> {
  const summaryFile = join(path, 'summary.json');
  const resultsFile = join(path, 'results.jsonl');
  if (!existsSync(path))
    throw new UserError(`Run ${path} does not exist; name a folder that 'saccade rollout --out' wrote.`);
  if (!existsSync(summaryFile)) {
    const why = existsSync(join(path, 'results.partial.jsonl'))
      ? 'its run has not ended, or was killed (results.partial.jsonl holds the episodes that had finished)'
      : "it was not written by 'saccade rollout --out'";
    throw new UserError(`Run ${path} has no summary.json: ${why}.`);
  }
  const read = parse(summaryFile, summary, await text(summaryFile));
  const lines = (await text(resultsFile)).split('\n');
  const results = lines.flatMap((line, i) =>
    line.trim() === '' ? [] : [parse(`${resultsFile} line ${i + 1}`, resultSchema, line)],
  );
  const seeds = new Set<number>();
  for (const { seed } of results) {
    if (seeds.has(seed))
      throw new UserError(`${resultsFile} has seed ${seed} twice; it must be one line a seed.`);
    seeds.add(seed);
  }
  return {
    path,
    info: read.run,
    wall: { latency_ms: read.latency_ms, run_ms: read.run_ms, overhead_ms: read.overhead_ms },
    results: results.sort((a, b) => a.seed - b.seed),
  };
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? String(error)})`;
    throw new UserError(`${file} ${why}; a run needs summary.json and results.jsonl.`, 2, { cause: error });
  }
}

function parse<T>(where: string, schema: z.ZodType<T>, json: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UserError(`${where} is not JSON: ${(error as Error).message}.`, 2, { cause: error });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0] as z.core.$ZodIssue;
  throw new UserError(
    `${where}: ${path.join('.') || 'the whole'}: ${message}; was it written by another version?`,
  );
}

/**
 * Folders of one identity become one run, in the order in which they were named.
 * @throws UserError when two folders of one run have a seed in common
 */
export function groupParts(parts: readonly Part[]): Run[] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    const identity = JSON.stringify(IDENTITY.map((key) => factOf(part.info, key)));
    groups.set(identity, [...(groups.get(identity) ?? []), part]);
  }
  const runs = [...groups.values()];
  return runs.map((group, i) => merge(group, labelOf(i, runs)));
}

/**
 * All folders as one run.
 * @throws UserError naming the first thing in which two folders differ, or the seeds that they share
 */
export function mergeParts(parts: readonly Part[]): Run {
  const first = parts[0] as Part;
  for (const part of parts)
    for (const key of IDENTITY) {
      const [a, b] = [factOf(first.info, key), factOf(part.info, key)];
      if (a !== b)
        throw new UserError(
          `${first.path} and ${part.path} are not shards of one run: their ${key} is ${a} and ${b}; to compare runs, add --compare.`,
        );
    }
  return merge(parts, first.info.policy);
}

function merge(parts: readonly Part[], label: string): Run {
  const { info } = parts[0] as Part;
  refuseSharedSeeds(parts);
  const maxReward = info.max_reward;
  const none = new Float32Array();
  const timings = { latencyMs: none, runMs: none, overheadMs: none };
  const results = parts.flatMap((part) => part.results);
  const wall = parts.length === 1 ? (parts[0] as Part).wall : {};
  return {
    label,
    info,
    parts,
    summary: {
      ...summarise(
        results.map((each) => ({ result: each, timings })),
        { maxReward },
      ),
      ...wall,
    },
    warnings: [...missingShards(parts), ...versions(parts)],
  };
}

function refuseSharedSeeds(parts: readonly Part[]): void {
  const owner = new Map<number, Part>();
  for (const part of parts) {
    const shared = part.results.filter(({ seed }) => owner.has(seed)).map(({ seed }) => seed);
    const other = owner.get(shared[0] ?? -1);
    if (other)
      throw new UserError(
        `${other.path} and ${part.path} both hold ${seedsText(shared)}: an episode must not count twice; leave one of them out.`,
      );
    for (const { seed } of part.results) owner.set(seed, part);
  }
}

function missingShards(parts: readonly Part[]): string[] {
  const shards = parts.flatMap(({ info: { shard } }) => (shard ? [shard] : []));
  const counts = [...new Set(shards.map(({ count }) => count))];
  if (counts.length > 1)
    return [
      `The shards are of different divisions: ${shards.map(({ index, count }) => `${index}/${count}`).join(', ')}.`,
    ];
  const [count = 0] = counts;
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter(
    (index) => !shards.some((shard) => shard.index === index),
  );
  if (missing.length === 0) return [];
  const named = missing.map((index) => `${index}/${count}`).join(', ');
  return [
    missing.length === 1
      ? `Shard ${named} is missing: these are the results of a part of the run.`
      : `Shards ${named} are missing: these are the results of a part of the run.`,
  ];
}

function versions(parts: readonly Part[]): string[] {
  const found = [...new Set(parts.map(({ info: { saccade } }) => saccade))];
  return found.length > 1 ? [`The shards are of different versions of Saccade: ${found.join(', ')}.`] : [];
}

/** `1–20, 31`: runs of consecutive seeds, at most eight of them. */
export function seedRanges(seeds: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const seed of [...seeds].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && seed === last[1] + 1) last[1] = seed;
    else ranges.push([seed, seed]);
  }
  const shown = ranges.slice(0, 8).map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
  return shown.join(', ') + (ranges.length > shown.length ? ', …' : '');
}

const seedsText = (seeds: readonly number[]) => `seed${seeds.length === 1 ? '' : 's'} ${seedRanges(seeds)}`;

/** A run by what sets it apart: the policy, and whichever facts differ between the runs. */
function labelOf(index: number, groups: readonly (readonly Part[])[]): string {
  const all = groups.map((group) => (group[0] as Part).info);
  const own = all[index] as RunInfo;
  const differs = (key: (typeof IDENTITY)[number]) => new Set(all.map((each) => factOf(each, key))).size > 1;
  const traits: string[] = [];
  if (differs('strategy')) traits.push(strategyText(own.strategy));
  if (differs('control')) traits.push(own.control ? `control ${own.control}` : 'no control');
  if (differs('speed')) traits.push(`speed ${own.speed}`);
  if (differs('added_latency_ms') || differs('added_latency_jitter_ms')) traits.push(latencyText(own));
  if (differs('observation_delay_ms')) traits.push(`observed ${own.observation_delay_ms} ms late`);
  if (differs('robot')) traits.push(own.robot);
  if (differs('task')) traits.push(own.task);
  if (differs('time_limit_s')) traits.push(`${own.time_limit_s} s`);
  if (differs('provider')) traits.push(own.provider ?? 'no provider');
  if (differs('graph_sha256') && !differs('policy')) traits.push(`graph ${own.graph_sha256.slice(0, 8)}`);
  if (differs('contract_sha256') && !differs('robot'))
    traits.push(`contract ${own.contract_sha256.slice(0, 8)}`);
  return traits.length === 0 ? own.policy : `${own.policy} (${traits.join('; ')})`;
}

/** `latency + 200 ± 100 ms`. */
export function latencyText({ added_latency_ms, added_latency_jitter_ms }: RunInfo): string {
  const jitter = added_latency_jitter_ms > 0 ? ` ± ${added_latency_jitter_ms}` : '';
  return `latency + ${added_latency_ms}${jitter} ms`;
}

/** `ensemble, m = 0.01`. */
export function strategyText({ name, ...parameters }: StrategySpec): string {
  return [name, ...Object.entries(parameters).map(([key, value]) => `${key} = ${value}`)].join(', ');
}
