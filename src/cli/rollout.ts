/** `saccade rollout`: closed-loop episodes from consecutive seeds, and what they came to. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import type { Shard } from '../episode/shard.js';
import { PROVIDER_CHOICES, type ProviderChoice } from '../infer/providers.js';
import { IMAGE_FORMATS, type ImageFormat } from '../record/episode.js';
import { episodeTable, summaryTable } from '../report/summary.js';
import { CONTROLS, type Control } from '../rollout/spec.js';
import { choice, positiveInteger, positiveNumber, seed, shard } from './options.js';
import { tasksDir } from './paths.js';
import { runRollout } from './rolloutRun.js';
import { addStrategyOptions, chosenStrategy, type StrategyOptions } from './strategy.js';

interface RolloutOptions extends StrategyOptions {
  robot: string;
  policy: string;
  task: string;
  episodes: number;
  seed: number;
  shard?: Shard;
  workers: number;
  provider: ProviderChoice;
  timeLimit?: number;
  control?: Control;
  out?: string;
  record: boolean;
  images: ImageFormat;
  json?: boolean;
}

/** More threads than this want more memory than most machines with that many cores lend to one program. */
const MAX_DEFAULT_WORKERS = 8;
export const defaultWorkers = Math.min(MAX_DEFAULT_WORKERS, availableParallelism());

export function rolloutCommand(): Command {
  const command = new Command('rollout')
    .description(
      'Run episodes in closed loop; report success rate, return, latency and safety interventions.',
    )
    .requiredOption('--robot <file>', 'robot contract')
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
  return addStrategyOptions(command)
    .option(
      '--provider <name>',
      `execution provider: ${PROVIDER_CHOICES.join(', ')}`,
      choice('--provider', PROVIDER_CHOICES),
      'auto',
    )
    .option(
      '--time-limit <s>',
      "seconds an episode may take (default: the task's)",
      positiveNumber('--time-limit'),
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
  const { robot, policy, task, provider, control, timeLimit } = options;
  const strategy = await chosenStrategy(options, policy);
  const { summary, files } = await runRollout({
    spec: {
      robot,
      policy,
      task,
      tasksDir,
      provider,
      ...(strategy ? { strategy } : {}),
      ...(timeLimit === undefined ? {} : { timeLimitS: timeLimit }),
      ...(control ? { control } : {}),
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
