/** `--provider`, `--device-id` and `--threads`: what runs the policy's graph (docs/providers.md). */
import type { Command } from 'commander';
import { UserError } from '../errors.js';
import {
  AUTO,
  PROVIDERS,
  type ProviderOptions,
  parseProviders,
  providerSettings,
} from '../infer/providers.js';
import { log } from './log.js';
import { positiveInteger, wholeNumber } from './options.js';

export interface ProviderCliOptions {
  provider: string;
  deviceId?: number;
  threads: number;
}

export function addProviderOptions(command: Command): Command {
  return command
    .option(
      '--provider <list>',
      `what runs the policy, tried in this order: ${PROVIDERS.join(', ')}, with commas between them; auto is ${AUTO.join(',')}`,
      providerList('--provider'),
      'auto',
    )
    .option('--device-id <n>', 'which GPU, for cuda and tensorrt (default: 0)', wholeNumber('--device-id'))
    .option('--threads <n>', 'CPU threads of one inference', positiveInteger('--threads'), 1);
}

/** Checks a list of providers, and leaves it a text: it goes to worker threads and into records. */
export function providerList(option: string): (text: string) => string {
  return (text) => {
    try {
      parseProviders(text);
    } catch (cause) {
      throw new UserError(`Option ${option} is '${text}': ${(cause as Error).message}.`, 2, { cause });
    }
    return text;
  };
}

/** @throws UserError where the options do not go together */
export function chosenProvider({ provider, deviceId, threads }: ProviderCliOptions): ProviderOptions {
  const options = { provider, threads, ...(deviceId === undefined ? {} : { deviceId }) };
  providerSettings(options);
  return options;
}

/** Says why what was named first is not what runs the policy. */
export function logProviderNotes(notes: readonly string[]): void {
  for (const note of notes) log.info(`${note.charAt(0).toUpperCase()}${note.slice(1)}.`);
}
