/** `saccade rollout`: closed-loop episodes from consecutive seeds, and what they came to. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { STRATEGY_NAMES, type StrategySpec } from '../contract/strategy.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from '../infer/bundle.js';
import { loadBundle } from '../infer/load.js';
import { PROVIDER_CHOICES, type ProviderChoice } from '../infer/providers.js';
import { episodeTable, summaryTable } from '../report/summary.js';
import { CONTROLS, type Control } from '../rollout/spec.js';
import { choice, finiteNumber, positiveInteger, positiveNumber, seed } from './options.js';
import { tasksDir } from './paths.js';
import { runRollout } from './rolloutRun.js';

interface RolloutOptions {
  robot: string;
  policy: string;
  task: string;
  episodes: number;
  seed: number;
  workers: number;
  strategy?: StrategySpec['name'];
  m?: number;
  steps?: number;
  provider: ProviderChoice;
  timeLimit?: number;
  control?: Control;
  out?: string;
  json?: boolean;
}

/** ACT's weight exp(−m·i); its authors' default. */
const DEFAULT_M = 0.01;
/** More threads than this want more memory than most machines with that many cores lend to one program. */
const MAX_DEFAULT_WORKERS = 8;
export const defaultWorkers = Math.min(MAX_DEFAULT_WORKERS, availableParallelism());

export function rolloutCommand(): Command {
  return new Command('rollout')
    .description(
      'Run episodes in closed loop; report success rate, return, latency and safety interventions.',
    )
    .requiredOption('--robot <file>', 'robot contract')
    .requiredOption('--policy <dir>', 'policy bundle')
    .requiredOption('--task <name>', 'task name or file')
    .option('--episodes <n>', 'episodes, one a seed', positiveInteger('--episodes'), 10)
    .option('--seed <n>', 'first seed', seed('--seed'), 1)
    .option(
      '--workers <n>',
      'threads; the results do not depend on it',
      positiveInteger('--workers'),
      defaultWorkers,
    )
    .option(
      '--strategy <name>',
      `how chunks become actions: ${STRATEGY_NAMES.join(', ')} (default: the bundle's)`,
      choice('--strategy', STRATEGY_NAMES),
    )
    .option(
      '--m <x>',
      `ensemble: weight exp(-m·i), i = 0 the oldest (default: the bundle's, or ${DEFAULT_M})`,
      finiteNumber('--m'),
    )
    .option(
      '--steps <n>',
      "receding: rows to execute before the next query (default: the bundle's, or half a chunk)",
      positiveInteger('--steps'),
    )
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
    .option('--out <dir>', 'write results.jsonl and summary.json to this folder')
    .option('--json', 'print one JSON object instead of tables')
    .action(rollout);
}

async function rollout(options: RolloutOptions): Promise<void> {
  const { robot, policy, task, provider, control, timeLimit } = options;
  const strategy = await chosenStrategy(options);
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
    workers: options.workers,
    ...(options.out === undefined ? {} : { out: options.out }),
  });
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    const named = files.length > 0 ? `\n\nWritten: ${files.join(', ')}` : '';
    process.stdout.write(`${episodeTable(summary.results)}\n\n${summaryTable(summary)}${named}\n`);
  }
}

/** The strategy asked for, its parameters completed from the bundle; undefined leaves it to the bundle. */
async function chosenStrategy({
  strategy,
  m,
  steps,
  policy,
}: RolloutOptions): Promise<StrategySpec | undefined> {
  if (strategy === undefined && m === undefined && steps === undefined) return undefined;
  const bundle = await loadBundle(policy);
  const name = strategy ?? bundle.strategy.name;
  if (m !== undefined && name !== 'ensemble')
    throw new UserError(`Option --m is for --strategy ensemble, not for ${name}.`);
  if (steps !== undefined && name !== 'receding')
    throw new UserError(`Option --steps is for --strategy receding, not for ${name}.`);
  return complete(name, bundle, m, steps);
}

function complete(
  name: StrategySpec['name'],
  { strategy, action }: PolicyBundle,
  m: number | undefined,
  steps: number | undefined,
): StrategySpec {
  switch (name) {
    case 'ensemble':
      return { name, m: m ?? (strategy.name === name ? strategy.m : DEFAULT_M) };
    case 'receding':
      return {
        name,
        steps: steps ?? (strategy.name === name ? strategy.steps : Math.ceil(action.chunk / 2)),
      };
    case 'latest':
      return { name };
  }
}
