/** Reads and checks everything a rollout names, before anything is started. */
import { createStrategy } from '../act/strategy.js';
import type { RobotContract } from '../contract/contract.js';
import { loadContract } from '../contract/load.js';
import type { StrategySpec } from '../contract/strategy.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from '../infer/bundle.js';
import { loadBundle } from '../infer/load.js';
import { matchContract } from '../infer/match.js';
import { loadTask, type TaskSpec } from '../robots/sim/task.js';
import type { RolloutSpec } from './spec.js';

export interface PreparedRollout {
  readonly contract: RobotContract;
  readonly bundle: PolicyBundle;
  readonly task: TaskSpec;
  readonly strategy: StrategySpec;
  readonly timeLimitS: number;
}

/** @throws UserError naming file and key of what is wrong or does not fit */
export async function prepare(spec: RolloutSpec): Promise<PreparedRollout> {
  const task = await loadTask(spec.task, spec.tasksDir);
  const contract = await loadContract(spec.robot ?? task.robot);
  const bundle = await loadBundle(spec.policy);
  matchContract(contract, bundle);
  refuseStale(contract, spec.observationDelayS ?? 0);
  const strategy = spec.strategy ?? bundle.strategy;
  createStrategy(strategy, { length: bundle.action.chunk, width: bundle.joints.length });
  return { contract, bundle, task, strategy, timeLimitS: spec.timeLimitS ?? task.time_limit_s };
}

/** What comes later than it may be old holds the arm for ever. It comes when the simulator sends, once a tick. */
function refuseStale({ file, rateHz, cameras, safety }: RobotContract, delayS: number): void {
  const ageS = Math.ceil(delayS * rateHz - 1e-6) / rateHz;
  const limits = [
    ...cameras.map(({ name, maxAgeS }) => [`max_age_s of camera ${name}`, maxAgeS] as const),
    ['safety.joints_max_age_s', safety.jointsMaxAgeS] as const,
  ];
  for (const [key, limitS] of limits)
    if (ageS > limitS + 1e-6)
      throw new UserError(
        `the observation delay makes everything ${ageS} s old, and ${key} in ${file} is ${limitS}: the arm would hold throughout; lower the delay or raise the limit`,
      );
}
