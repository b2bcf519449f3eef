/** Reads and checks everything a replay names, before anything is started. */
import { createHash } from 'node:crypto';
import { createStrategy } from '../act/strategy.js';
import type { RobotContract } from '../contract/contract.js';
import { loadContract, parseContract } from '../contract/load.js';
import type { StrategySpec } from '../contract/strategy.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from '../infer/bundle.js';
import { loadBundle } from '../infer/load.js';
import { matchContract } from '../infer/match.js';
import type { EpisodeBag } from '../record/episode.js';
import { openEpisode } from '../record/openEpisode.js';
import type { ReplayJob, ReplaySpec } from './spec.js';

export interface PreparedPolicy {
  readonly bundle: PolicyBundle;
  readonly strategy: StrategySpec;
  /** That of `--robot`, where it is given. */
  readonly contract?: RobotContract;
}

export interface PreparedReplay extends PreparedPolicy {
  readonly contract: RobotContract;
  /** The bags that hold an episode. */
  readonly jobs: readonly ReplayJob[];
  /** One sentence for each bag that is left out, and each that is not quite what it seems. */
  readonly warnings: readonly string[];
}

/** @throws UserError naming file and key of what is wrong or does not fit */
export async function preparePolicy(spec: ReplaySpec): Promise<PreparedPolicy> {
  const contract = spec.robot === undefined ? undefined : await loadContract(spec.robot);
  const bundle = await loadBundle(spec.policy);
  if (contract) matchContract(contract, bundle);
  const strategy = spec.strategy ?? bundle.strategy;
  createStrategy(strategy, { length: bundle.action.chunk, width: bundle.joints.length });
  return { bundle, strategy, ...(contract ? { contract } : {}) };
}

/** @throws UserError also when a bag cannot be read, is of another robot, or none of them holds an episode */
export async function prepare(spec: ReplaySpec, bags: readonly ReplayJob[]): Promise<PreparedReplay> {
  const policy = await preparePolicy(spec);
  const jobs: ReplayJob[] = [];
  const warnings: string[] = [];
  let first: EpisodeBag | undefined;
  for (const job of bags) {
    const bag = await openBag(job.path, policy.contract);
    await bag.close();
    matchContract(bag.contract, policy.bundle);
    if (first) sameContract(first, bag);
    first ??= bag;
    if (bag.info && bag.info.source !== 'record' && bag.start === undefined) {
      warnings.push(`${job.path} is left out: the attempt ended before its first tick.`);
      continue;
    }
    jobs.push(job);
    const recorded = bag.info?.policy;
    if (
      recorded?.graphSha256 === policy.bundle.graph.sha256 &&
      describeStrategy(recorded.strategy) !== describeStrategy(policy.strategy)
    )
      warnings.push(
        `${job.path} was recorded with strategy ${describeStrategy(recorded.strategy)}, not ${describeStrategy(policy.strategy)}.`,
      );
  }
  if (!first || jobs.length === 0) throw new UserError('There is no episode to replay in the bags named.');
  return { ...policy, contract: first.contract, jobs, warnings };
}

/**
 * Opens a bag as an episode of the robot `contract`, or of its own.
 * @throws UserError when the bag has a contract, and `contract` reads its data in another way
 */
export async function openBag(path: string, contract: RobotContract | undefined): Promise<EpisodeBag> {
  if (!contract) return openEpisode(path, {});
  const bag = await openEpisode(path, { contract });
  const own = bag.info && parseContract(bag.info.contract.file, bag.info.contract.text);
  const differs = own && difference(own, contract);
  if (!differs) return bag;
  await bag.close();
  throw new UserError(
    `bag ${path} is of another robot than ${contract.file} (--robot): ${differs}; leave --robot out to use the bag's own contract`,
  );
}

/** What makes the same recording mean something else. Limits may differ: what would tighter ones have done? */
function difference(a: RobotContract, b: RobotContract): string | undefined {
  const joints = ({ joints }: RobotContract) => joints.map(({ name }) => name).join(', ');
  const cameras = ({ cameras }: RobotContract) =>
    cameras.map(({ name, role, width, height }) => `${name} (${role}, ${width}×${height})`).join(', ');
  if (a.rateHz !== b.rateHz) return `rate_hz is ${a.rateHz} in the bag and ${b.rateHz} in the file`;
  if (a.commandRateHz !== b.commandRateHz)
    return `command_rate_hz is ${a.commandRateHz} in the bag and ${b.commandRateHz} in the file`;
  if (joints(a) !== joints(b)) return `joints are ${joints(a)} in the bag and ${joints(b)} in the file`;
  if (cameras(a) !== cameras(b)) return `cameras are ${cameras(a)} in the bag and ${cameras(b)} in the file`;
  return undefined;
}

function sameContract(a: EpisodeBag, b: EpisodeBag): void {
  if (contractSha256(a.contract) === contractSha256(b.contract)) return;
  throw new UserError(
    `bags ${a.path} and ${b.path} have different robot contracts: replay them apart, or name one contract with --robot`,
  );
}

export function contractSha256({ text }: RobotContract): string {
  return createHash('sha256').update(text).digest('hex');
}

/** `ensemble, m = 0.01`. */
export function describeStrategy({ name, ...parameters }: StrategySpec): string {
  return [name, ...Object.entries(parameters).map(([key, value]) => `${key} = ${value}`)].join(', ');
}
