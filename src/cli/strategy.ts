/** `--strategy` and what it takes: how chunks become actions, where the bundle's own way is not wanted. */
import type { Command } from 'commander';
import {
  completeStrategy,
  DEFAULT_FADE_S,
  DEFAULT_INTERPOLATION,
  DEFAULT_LATE_EXTRAPOLATE_S,
  INTERPOLATIONS,
  type Interpolation,
  STRATEGY_NAMES,
  type StrategySpec,
} from '../contract/strategy.js';
import { UserError } from '../errors.js';
import { loadBundle } from '../infer/load.js';
import { choice, finiteNumber, nonNegativeNumber, positiveInteger, positiveNumber } from './options.js';

export interface StrategyOptions {
  strategy?: StrategySpec['name'];
  m?: number;
  steps?: number;
  fade?: number;
  interpolation?: Interpolation;
  lateExtrapolate?: number;
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
      `ensemble, blend: weight exp(-m·i), i = 0 the oldest; below 0 the newest counts most (default: the bundle's, or 0.01)`,
      finiteNumber('--m'),
    )
    .option(
      '--steps <n>',
      "receding: rows to execute before the next chunk (default: the bundle's, or half a chunk)",
      positiveInteger('--steps'),
    )
    .option(
      '--fade <s>',
      `blend: seconds to go over to a new chunk in (default: the bundle's, or ${DEFAULT_FADE_S})`,
      positiveNumber('--fade'),
    )
    .option(
      '--interpolation <way>',
      `between two rows of a chunk: ${INTERPOLATIONS.join(', ')} (default: the bundle's, or ${DEFAULT_INTERPOLATION})`,
      choice('--interpolation', INTERPOLATIONS),
    )
    .option(
      '--late-extrapolate <s>',
      `seconds in which the last motion fades out where the next chunk is late; 0 brakes at once (default: the bundle's, or ${DEFAULT_LATE_EXTRAPOLATE_S})`,
      nonNegativeNumber('--late-extrapolate'),
    );
}

/** Options that some strategies alone take. */
const OWN = { m: ['ensemble', 'blend'], steps: ['receding'], fade: ['blend'] } as const;

/** The strategy asked for, its parameters completed from the bundle; undefined leaves it to the bundle. */
export async function chosenStrategy(
  options: StrategyOptions,
  policy: string,
): Promise<StrategySpec | undefined> {
  const { strategy, m, steps, fade, interpolation, lateExtrapolate } = options;
  const given = { m, steps, fadeS: fade, interpolation, lateExtrapolateS: lateExtrapolate };
  if (strategy === undefined && Object.values(given).every((value) => value === undefined)) return undefined;
  const bundle = await loadBundle(policy);
  const name = strategy ?? bundle.strategy.name;
  for (const option of ['m', 'steps', 'fade'] as const) {
    const takers: readonly StrategySpec['name'][] = OWN[option];
    if (options[option] !== undefined && !takers.includes(name))
      throw new UserError(`Option --${option} is for --strategy ${takers.join(' or ')}, not for ${name}.`);
  }
  return completeStrategy(name, bundle.strategy, bundle.action.chunk, given);
}
