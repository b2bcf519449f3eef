/** `saccade rollout`: closed-loop episodes from consecutive seeds, and what they came to. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import type { Shard } from '../episode/shard.js';
import { IMAGE_FORMATS, type ImageFormat } from '../record/episode.js';
import { episodeTable, summaryTable } from '../report/summary.js';
import { CONTROLS, type Control, type RolloutSpec } from '../rollout/spec.js';
import {
  choice,
  nonNegativeNumber,
  numberWithin,
  positiveInteger,
  positiveNumber,
  seed,
  shard,
} from './options.js';
import { tasksDir } from './paths.js';
import { addProviderOptions, chosenProvider, type ProviderCliOptions } from './provider.js';
import { runRollout } from './rolloutRun.js';
import { addStrategyOptions, chosenStrategy, type StrategyOptions } from './strategy.js';

interface RolloutOptions extends StrategyOptions, ProviderCliOptions {
  robot?: string;
  policy: string;
  task: string;
  episodes: number;
  seed: number;
  shard?: Shard;
  workers: number;
  timeLimit?: number;
  speed?: number;
  latency?: number;
  latencyJitter?: number;
  observationDelay?: number;
  control?: Control;
  out?: string;
  record: boolean;
  images: ImageFormat;
  json?: boolean;
}

const SPEEDS = [0.25, 2] as const;

/** More threads than this want more memory than most machines with that many cores lend to one program. */
const MAX_DEFAULT_WORKERS = 8;
export const defaultWorkers = Math.min(MAX_DEFAULT_WORKERS, availableParallelism());

export function rolloutCommand(): Command {
  const command = new Command('rollout')
    .description(
      'Run episodes in closed loop; report success rate, return, latency and safety interventions.',
    )
    .option('--robot <file>', "robot contract (default: the task's)")
    .requiredOption('--policy <dir>', 'policy bundle')
    .requiredOption('--task <name>', 'task name or file')
    .option('--episodes <n>', 'episodes, one a seed', positiveInteger('--episodes'), 10)
    .option('--seed <n>', 'first seed', seed('--seed'), 1)
    .option('--shard <k/n>', 'run the k-th of n shares only, for n machines', shard('--shard'))
    .option(
      '--workers <n>',
      'threads; the results do not depend on it',
      positiveInteger('--workers'),
      defaultWorkers,
    );
  return addProviderOptions(addStrategyOptions(command))
    .option(
      '--time-limit <s>',
      "seconds an episode may take (default: the task's)",
      positiveNumber('--time-limit'),
    )
    .option(
      '--speed <factor>',
      'play chunks so many times as fast as they were trained (0.25 to 2; default: 1)',
      numberWithin('--speed', ...SPEEDS),
    )
    .option(
      '--latency <ms>',
      'have every chunk come so much later, as from a slow policy (default: 0)',
      nonNegativeNumber('--latency'),
    )
    .option(
      '--latency-jitter <ms>',
      'vary that latency by up to so much, either way, by seed (default: 0)',
      nonNegativeNumber('--latency-jitter'),
    )
    .option(
      '--observation-delay <ms>',
      'have images and joint states come so much later (default: 0)',
      nonNegativeNumber('--observation-delay'),
    )
    .option('--control <name>', `a run that must fail: ${CONTROLS.join(', ')}`, choice('--control', CONTROLS))
    .option('--out <dir>', 'write results.jsonl, summary.json and a bag an episode to this folder')
    .option('--no-record', 'no bags in --out')
    .option(
      '--images <format>',
      'images in the bags: raw (exact: a replay gives the same actions) or jpeg (smaller)',
      choice('--images', IMAGE_FORMATS),
      'raw',
    )
    .option('--json', 'print one JSON object instead of tables')
    .action(rollout);
}

async function rollout(options: RolloutOptions): Promise<void> {
  const { robot, policy, task, control, timeLimit } = options;
  const strategy = await chosenStrategy(options, policy);
  const { summary, files } = await runRollout({
    spec: {
      ...(robot === undefined ? {} : { robot }),
      policy,
      task,
      tasksDir,
      ...chosenProvider(options),
      ...(strategy ? { strategy } : {}),
      ...(timeLimit === undefined ? {} : { timeLimitS: timeLimit }),
      ...(control ? { control } : {}),
      ...conditions(options),
    },
    seed: options.seed,
    episodes: options.episodes,
    ...(options.shard ? { shard: options.shard } : {}),
    workers: options.workers,
    ...(options.out === undefined ? {} : { out: options.out }),
    ...(options.record ? { record: options.images } : {}),
  });
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    const named = files.length > 0 ? `\n\nWritten: ${files.join(', ')}` : '';
    process.stdout.write(`${episodeTable(summary.results)}\n\n${summaryTable(summary)}${named}\n`);
  }
}

/** As seconds; what is as ever is left out. */
function conditions({
  speed = 1,
  latency = 0,
  latencyJitter = 0,
  observationDelay = 0,
}: RolloutOptions): Pick<RolloutSpec, 'speed' | 'latency' | 'observationDelayS'> {
  return {
    ...(speed === 1 ? {} : { speed }),
    ...(latency + latencyJitter > 0 && {
      latency: { meanS: latency / 1000, jitterS: latencyJitter / 1000 },
    }),
    ...(observationDelay > 0 && { observationDelayS: observationDelay / 1000 }),
  };
}
