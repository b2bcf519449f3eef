/** Which of the bags that were named become episodes of a dataset. Looks at each before anything is written. */
import { basename } from 'node:path';
import type { RobotContract } from '../contract/contract.js';
import { UserError } from '../errors.js';
import type { EpisodeBag } from '../record/episode.js';
import { openEpisode } from '../record/openEpisode.js';
import type { FoundBag } from '../robots/bag/findBags.js';

export interface ChooseOptions {
  /** How bags are read that do not say so themselves. */
  readonly contract?: RobotContract;
  /** In place of what the bags say. */
  readonly task?: string;
  /** Also those that failed, or of which nobody said whether they did. */
  readonly all: boolean;
}

export interface ChosenBag extends FoundBag {
  readonly task: string;
}

/** Why a bag is left out: it failed, nobody said whether it did, or rows cannot be made of it. */
export type Reason = 'failed' | 'no_verdict' | 'incomplete';

export interface Choice {
  readonly contract: RobotContract;
  /** Name of the contract's file. */
  readonly robotFile: string;
  readonly chosen: readonly ChosenBag[];
  readonly leftOut: Readonly<Record<Reason, number>>;
}

/** @throws UserError also when two bags are of different robots */
export async function chooseBags(found: readonly FoundBag[], options: ChooseOptions): Promise<Choice> {
  const chosen: ChosenBag[] = [];
  const leftOut = { failed: 0, no_verdict: 0, incomplete: 0 };
  let first: EpisodeBag | undefined;
  for (const { path, name } of found) {
    const bag = await openBag(path, options.contract);
    await bag.close();
    if (first) sameRobot(first, bag);
    first ??= bag;
    const reason = options.all ? undefined : verdict(bag);
    if (reason) leftOut[reason]++;
    else chosen.push({ path, name, task: options.task ?? taskOf(bag) });
  }
  if (!first || chosen.length === 0)
    throw new UserError(
      `none of the ${found.length} bags named is of an episode that succeeded (${leftOut.failed} failed, ${leftOut.no_verdict} do not say): take them all with --all`,
    );
  const robotFile = options.contract ? basename(options.contract.file) : first.info?.contract.file;
  return { contract: first.contract, robotFile: robotFile ?? '', chosen, leftOut };
}

export function openBag(path: string, contract: RobotContract | undefined): Promise<EpisodeBag> {
  return openEpisode(path, contract ? { contract } : {});
}

function verdict({ result }: EpisodeBag): Reason | undefined {
  if (!result) return 'no_verdict';
  return result.success ? undefined : 'failed';
}

function taskOf({ path, info }: EpisodeBag): string {
  const task = info?.instruction ?? info?.task;
  if (task === undefined)
    throw new UserError(`bag ${path} does not say what the task was: say it with --task "…"`);
  return task;
}

/** Rows of one dataset have the same columns and are the same time apart. */
function sameRobot(a: EpisodeBag, b: EpisodeBag): void {
  const differs = aspects(a.contract).find(([, value], i) => value !== aspects(b.contract)[i]?.[1]);
  if (!differs) return;
  const [aspect] = differs;
  const of = ({ contract }: EpisodeBag) => aspects(contract).find(([name]) => name === aspect)?.[1];
  throw new UserError(
    `bags ${a.path} and ${b.path} are of different robots (${aspect}: ${of(a)}; ${of(b)}): export them apart`,
  );
}

function aspects({ rateHz, joints, cameras }: RobotContract): [aspect: string, value: string][] {
  return [
    ['rate_hz', String(rateHz)],
    ['joints', joints.map(({ name }) => name).join(', ')],
    [
      'cameras',
      cameras.map(({ name, role, width, height }) => `${name} (${role}, ${width}×${height})`).join(', '),
    ],
  ];
}
