/** What `rollout` and `start` share: run the episodes, show progress, keep the results, sum up. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { EpisodeRecord } from '../episode/episode.js';
import type { RunSummary } from '../episode/run.js';
import { type Shard, takeShard } from '../episode/shard.js';
import { summarise } from '../episode/statistics.js';
import { UserError } from '../errors.js';
import type { ImageFormat } from '../record/episode.js';
import type { RecordingReport } from '../record/recorder.js';
import { ResultsFolder } from '../report/results.js';
import { rollOut } from '../rollout/pool.js';
import { type PreparedRollout, prepare } from '../rollout/prepare.js';
import type { RolloutSpec } from '../rollout/spec.js';
import { version } from '../version.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { log } from './log.js';
import { Progress } from './progress.js';
import { logProviderNotes } from './provider.js';

export interface RolloutRun {
  readonly spec: RolloutSpec;
  readonly seed: number;
  readonly episodes: number;
  /** Run this share of them only. */
  readonly shard?: Shard;
  readonly workers: number;
  /** Results folder; nothing is written when absent. */
  readonly out?: string;
  /** Record every episode in the results folder, its images like this. */
  readonly record?: ImageFormat;
  /** Write `episode.webp`, an animation of the first episode, beside the results. */
  readonly film?: boolean;
}

export interface FinishedRun {
  readonly summary: RunSummary;
  /** Files written. */
  readonly files: readonly string[];
}

/**
 * Runs `episodes` episodes from consecutive seeds. After SIGINT it returns what was done, and the process
 * exits with 130.
 *
 * @throws UserError before anything runs when an input is bad; whatever a worker throws
 */
export async function runRollout(run: RolloutRun): Promise<FinishedRun> {
  const seeds = seedsOf(run);
  const prepared = await prepare(run.spec);
  const folder = run.out === undefined ? undefined : await ResultsFolder.open(run.out);
  const name = (left: string) => log.warn(`The episodes that had finished are in ${left}.`);
  try {
    return await interruptible(
      (signal) => execute(run, seeds, prepared, folder, signal),
      () => folder && name(folder.partial),
    );
  } catch (error) {
    const left = await folder?.abandon();
    if (left) name(left);
    throw error;
  }
}

function seedsOf({ seed, episodes, shard }: RolloutRun): number[] {
  const all = Array.from({ length: episodes }, (_, i) => seed + i);
  if (!shard) return all;
  if (shard.count > episodes)
    throw new UserError(
      `Option --shard deals ${episodes} ${episodes === 1 ? 'episode' : 'episodes'} to ${shard.count} shards: some would be empty; use at most ${episodes}.`,
    );
  return takeShard(all, shard);
}

async function execute(
  run: RolloutRun,
  seeds: readonly number[],
  prepared: PreparedRollout,
  folder: ResultsFolder | undefined,
  signal: AbortSignal,
): Promise<FinishedRun> {
  let progress: Progress | undefined;
  let successes = 0;
  const spec =
    folder && run.record
      ? { ...run.spec, record: { dir: join(folder.dir, 'bags'), images: run.record } }
      : run.spec;
  const { records, film, facts } = await rollOut(spec, seeds, {
    workers: run.workers,
    signal,
    ...(run.film ? { filmSeed: seeds[0] } : {}),
    onReady: ({ provider, providerNotes }) => {
      logProviderNotes(providerNotes);
      log.info(headline(run, seeds, prepared, provider));
      progress = new Progress({ total: seeds.length, unit: 'episodes' });
    },
    onEpisode: async ({ result }, recording) => {
      await folder?.append(result);
      if (recording) warnOf(recording);
      if (result.success) successes++;
      log.debug(`seed ${result.seed}: ${result.stop}`);
      progress?.advance(`${successes} ${successes === 1 ? 'success' : 'successes'}`);
    },
  }).finally(() => progress?.end());

  const summary: RunSummary = {
    ...summarise(records, { maxReward: facts?.maxReward ?? 0 }),
    run: {
      saccade: version,
      robot: prepared.contract.name,
      contract_sha256: createHash('sha256').update(prepared.contract.text).digest('hex'),
      policy: prepared.bundle.name,
      graph_sha256: prepared.bundle.graph.sha256,
      task: prepared.task.name,
      strategy: prepared.strategy,
      provider: facts?.provider ?? null,
      control: run.spec.control ?? null,
      speed: run.spec.speed ?? 1,
      added_latency_ms: milliseconds(run.spec.latency?.meanS),
      added_latency_jitter_ms: milliseconds(run.spec.latency?.jitterS),
      observation_delay_ms: milliseconds(run.spec.observationDelayS),
      seed: run.seed,
      episodes: run.episodes,
      shard: run.shard ?? null,
      time_limit_s: prepared.timeLimitS,
      max_reward: facts?.maxReward ?? 0,
    },
  };
  const files: string[] = [];
  if (folder) {
    if (film) files.push(await folder.write('episode.webp', film));
    files.unshift(...(await folder.finish(summary.results, summary)));
    if (spec.record) files.push(spec.record.dir);
  }
  warnOfSpentChunks(records);
  if (signal.aborted) process.exitCode = INTERRUPTED;
  return { summary, files };
}

/** To the microsecond, without what a division by 1000 left behind. */
function milliseconds(seconds = 0): number {
  return Math.round(1e6 * seconds) / 1000;
}

/** A policy that is slower than its own horizon leaves the arm standing, which looks like a bad policy. */
function warnOfSpentChunks(records: readonly EpisodeRecord[]): void {
  const sum = (count: (record: EpisodeRecord) => number) =>
    records.reduce((total, record) => total + count(record), 0);
  const spent = sum(({ result }) => result.wall.spent_chunks);
  if (spent > 0)
    log.warn(
      `Of ${sum(({ timings }) => timings.latencyMs.length)} chunks ${spent} came when all that they foresaw was past: the policy takes longer than it looks ahead.`,
    );
}

/** Says what a recording lacks; the episode itself is not touched by it. */
function warnOf({ dir, droppedImages, error }: RecordingReport): void {
  if (error !== undefined) log.warn(`Recording ${dir} ended early: ${error}`);
  for (const [camera, images] of Object.entries(droppedImages))
    if (images > 0)
      log.warn(`Recording ${dir} lacks ${images} images of ${camera}: the disk could not keep up.`);
}

function headline(
  { spec, seed, episodes, shard, workers }: RolloutRun,
  seeds: readonly number[],
  prepared: PreparedRollout,
  provider: string,
): string {
  const { contract, bundle, task, strategy } = prepared;
  const { name, ...parameters } = strategy;
  const how = [name, ...Object.entries(parameters).map(([key, value]) => `${key} = ${value}`)].join(', ');
  const range = episodes === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + episodes - 1}`;
  const share = shard ? `, shard ${shard.index} of ${shard.count}` : '';
  const threads = Math.min(workers, seeds.length);
  const control = spec.control ? `; control ${spec.control}` : '';
  const conditions = conditionsOf(spec);
  return `${task.name} on ${contract.name} with policy ${bundle.name} (${how}${conditions}${control}): ${range}${share}, ${threads} ${threads === 1 ? 'worker' : 'workers'}, ${provider}`;
}

/** `; latency + 200 ± 100 ms; observed 50 ms late`: what is not as ever. */
function conditionsOf({ speed, latency, observationDelayS }: RolloutSpec): string {
  const { meanS = 0, jitterS = 0 } = latency ?? {};
  const jitter = jitterS > 0 ? ` ± ${milliseconds(jitterS)}` : '';
  return [
    speed === undefined ? '' : `; speed ${speed}`,
    latency ? `; latency + ${milliseconds(meanS)}${jitter} ms` : '',
    observationDelayS ? `; observed ${milliseconds(observationDelayS)} ms late` : '',
  ].join('');
}
