/** `--strategy`, `--m` and `--steps`: how chunks become actions, where the bundle's own way is not wanted. */
import type { Command } from 'commander';
import { completeStrategy, STRATEGY_NAMES, type StrategySpec } from '../contract/strategy.js';
import { UserError } from '../errors.js';
import { loadBundle } from '../infer/load.js';
import { choice, finiteNumber, positiveInteger } from './options.js';

export interface StrategyOptions {
  strategy?: StrategySpec['name'];
  m?: number;
  steps?: number;
}

export function addStrategyOptions(command: Command): Command {
  return command
    .option(
      '--strategy <name>',
      `how chunks become actions: ${STRATEGY_NAMES.join(', ')} (default: the bundle's)`,
      choice('--strategy', STRATEGY_NAMES),
    )
    .option(
      '--m <x>',
      `ensemble: weight exp(-m·i), i = 0 the oldest (default: the bundle's, or 0.01)`,
      finiteNumber('--m'),
    )
    .option(
      '--steps <n>',
      "receding: rows to execute before the next query (default: the bundle's, or half a chunk)",
      positiveInteger('--steps'),
    );
}

/** The strategy asked for, its parameters completed from the bundle; undefined leaves it to the bundle. */
export async function chosenStrategy(
  { strategy, m, steps }: StrategyOptions,
  policy: string,
): Promise<StrategySpec | undefined> {
  if (strategy === undefined && m === undefined && steps === undefined) return undefined;
  const bundle = await loadBundle(policy);
  const name = strategy ?? bundle.strategy.name;
  if (m !== undefined && name !== 'ensemble')
    throw new UserError(`Option --m is for --strategy ensemble, not for ${name}.`);
  if (steps !== undefined && name !== 'receding')
    throw new UserError(`Option --steps is for --strategy receding, not for ${name}.`);
  return completeStrategy(name, bundle.strategy, bundle.action.chunk, { m, steps });
}
