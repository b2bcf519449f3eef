/** The clock of a robot on ROS 2: ROS time as it passes, or a simulator's that is stepped. */
import type { LockstepSpec, RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { EpisodeAborted } from '../robot.js';
import type { Arrivals } from './arrivals.js';
import { RosClock } from './clock.js';
import type { RosGraph } from './graph.js';
import { CONTROL_WORLD, LockstepClock } from './lockstepClock.js';

export type RobotClock = RosClock | LockstepClock;

/** Source of joint states, as people know it. */
export const JOINTS = 'joint states';

export function cameraSource({ name }: { readonly name: string }): string {
  return `camera ${name}`;
}

export interface RobotClockOptions {
  readonly graph: RosGraph;
  readonly contract: RobotContract;
  readonly simTime: boolean;
  readonly lockstep: boolean;
  /** Of the cameras and of `JOINTS`. */
  readonly arrivals: Arrivals;
  /** Rewards that have come so far; undefined where nobody publishes any. */
  readonly rewards: () => number | undefined;
}

/** @throws UserError where time is to be stepped, and cannot be */
export function createClock({
  graph,
  contract,
  simTime,
  lockstep,
  arrivals,
  rewards,
}: RobotClockOptions): RobotClock {
  const spec = lockstep ? requireLockstep(contract, simTime) : undefined;
  const clock = new RosClock(graph, { simTime });
  if (!spec) return clock;
  return new LockstepClock({
    clock,
    spec,
    rateHz: contract.rateHz,
    control: graph.client(CONTROL_WORLD, spec.service),
    arrivals,
    cameras: contract.cameras.map(cameraSource),
    joints: [JOINTS],
    rewards,
  });
}

/** Puts control ticks on the grid of the cameras. @throws UserError when the world is not to be moved */
export async function aligned(clock: LockstepClock): Promise<void> {
  try {
    await clock.align();
  } catch (cause) {
    throw cause instanceof EpisodeAborted ? new UserError(cause.message, 2, { cause }) : cause;
  }
}

function requireLockstep({ file, lockstep }: RobotContract, simTime: boolean): LockstepSpec {
  if (!lockstep)
    throw new UserError(`${file} has no lockstep section: it does not say how the robot's time is stepped`);
  if (!simTime) throw new UserError('lockstep needs the time of a simulator: set use_sim_time');
  return lockstep;
}
