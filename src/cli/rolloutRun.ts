/** What `rollout` and `start` share: run the episodes, show progress, keep the results, sum up. */
import { type Summary, summarise } from '../episode/statistics.js';
import { ResultsFolder } from '../report/results.js';
import { rollOut } from '../rollout/pool.js';
import { type PreparedRollout, prepare } from '../rollout/prepare.js';
import type { RolloutSpec } from '../rollout/spec.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { log } from './log.js';
import { Progress } from './progress.js';
import { version } from './version.js';

export interface RolloutRun {
  readonly spec: RolloutSpec;
  readonly seed: number;
  readonly episodes: number;
  readonly workers: number;
  /** Results folder; nothing is written when absent. */
  readonly out?: string;
  /** Write `episode.webp`, an animation of the first episode, beside the results. */
  readonly film?: boolean;
}

/** The summary with what it is a summary of, so that the file says how to make it again. */
export interface RunSummary extends Summary {
  readonly run: {
    readonly saccade: string;
    readonly robot: string;
    readonly policy: string;
    readonly graph_sha256: string;
    readonly task: string;
    readonly strategy: PreparedRollout['strategy'];
    readonly provider: string | null;
    readonly control: string | null;
    readonly seed: number;
    readonly episodes: number;
    readonly time_limit_s: number;
  };
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
  const prepared = await prepare(run.spec);
  const folder = run.out === undefined ? undefined : await ResultsFolder.open(run.out);
  const name = (left: string) => log.warn(`The episodes that had finished are in ${left}.`);
  try {
    return await interruptible(
      (signal) => execute(run, prepared, folder, signal),
      () => folder && name(folder.partial),
    );
  } catch (error) {
    const left = await folder?.abandon();
    if (left) name(left);
    throw error;
  }
}

async function execute(
  run: RolloutRun,
  prepared: PreparedRollout,
  folder: ResultsFolder | undefined,
  signal: AbortSignal,
): Promise<FinishedRun> {
  let progress: Progress | undefined;
  let successes = 0;
  const seeds = Array.from({ length: run.episodes }, (_, i) => run.seed + i);
  const { records, film, facts } = await rollOut(run.spec, seeds, {
    workers: run.workers,
    signal,
    ...(run.film ? { filmSeed: run.seed } : {}),
    onReady: ({ provider }) => {
      log.info(headline(run, prepared, provider));
      progress = new Progress({ total: run.episodes, unit: 'episodes' });
    },
    onEpisode: async ({ result }) => {
      await folder?.append(result);
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
      policy: prepared.bundle.name,
      graph_sha256: prepared.bundle.graph.sha256,
      task: prepared.task.name,
      strategy: prepared.strategy,
      provider: facts?.provider ?? null,
      control: run.spec.control ?? null,
      seed: run.seed,
      episodes: run.episodes,
      time_limit_s: prepared.timeLimitS,
    },
  };
  const files: string[] = [];
  if (folder) {
    if (film) files.push(await folder.write('episode.webp', film));
    files.unshift(...(await folder.finish(summary.results, summary)));
  }
  if (signal.aborted) process.exitCode = INTERRUPTED;
  return { summary, files };
}

function headline(
  { spec, seed, episodes, workers }: RolloutRun,
  prepared: PreparedRollout,
  provider: string,
): string {
  const { contract, bundle, task, strategy } = prepared;
  const { name, ...parameters } = strategy;
  const how = [name, ...Object.entries(parameters).map(([key, value]) => `${key} = ${value}`)].join(', ');
  const seeds = episodes === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + episodes - 1}`;
  const threads = Math.min(workers, episodes);
  const control = spec.control ? `; control ${spec.control}` : '';
  return `${task.name} on ${contract.name} with policy ${bundle.name} (${how}${control}): ${seeds}, ${threads} ${threads === 1 ? 'worker' : 'workers'}, ${provider}`;
}
