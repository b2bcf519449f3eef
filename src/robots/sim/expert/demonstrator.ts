/**
 * Runs the scripted expert. A learner is to have the expert's *intended* action while a disturbed one is
 * executed (DART, Laskey et al. 2017), so the data shows recoveries from states a learned
 * policy will drift into: wandering joints, knocks, and a gripper that lets go.
 */
import { Random } from '../../../random.js';
import type { Metrics, Outcome } from '../../robot.js';
import type { SimRobot } from '../simRobot.js';
import { Expert } from './expert.js';
import { OPEN } from './script.js';

/** One control tick. Vectors in contract joint order; they belong to the receiver. */
export interface DemonstrationStep {
  /** s, robot clock. */
  readonly time: number;
  /** Measured joint positions. */
  readonly state: Float32Array;
  /** What the expert wants next. */
  readonly action: Float32Array;
  /** What the robot was sent: the action, disturbed and within the joints' limits. */
  readonly command: Float32Array;
}

export interface Demonstration {
  readonly seed: number;
  readonly success: boolean;
  /** Sum of the rewards after each action. */
  readonly return: number;
  readonly highestReward: number;
  readonly steps: number;
  /** s, robot clock. */
  readonly durationS: number;
  /** Why it could not succeed any more. */
  readonly reason?: string;
  /** At its end. */
  readonly metrics?: Metrics;
}

export interface DemonstrateOptions {
  readonly seed: number;
  readonly timeLimitS: number;
  /** Disturb the executed commands. Off: the expert as it is. */
  readonly disturb: boolean;
  /** Sees every tick as its command is given; the demonstration waits for it. */
  readonly onStep?: (step: DemonstrationStep) => void | Promise<void>;
}

/** Runs the expert on `robot` for one episode. Deterministic in the seed. */
export async function demonstrate(robot: SimRobot, options: DemonstrateOptions): Promise<Demonstration> {
  const { seed } = options;
  const { joints, rateHz } = robot.contract;
  const { seconds, lingerS } = robot.task.script;
  let outcome: Outcome = { time: 0, reward: 0 };
  const subscription = robot.outcomes.subscribe((next) => {
    outcome = next;
  });
  const expert = new Expert(robot);
  const grippers = robot.arms.map(({ gripper }) => gripper);
  const disturbance = options.disturb
    ? new Disturbance({ seed, joints: joints.length, grippers, seconds, rateHz })
    : undefined;
  let [steps, total, highestReward] = [0, 0, 0];
  try {
    await robot.reset({ seed });
    expert.reset();
    let end = Math.round(options.timeLimitS * rateHz);
    for (; steps < end && !outcome.failure; steps++) {
      const time = robot.clock.now;
      const state = robot.measured();
      const action = expert.act(state);
      const command = (disturbance?.apply(action) ?? action).map((position, j) =>
        Math.min(joints[j].max, Math.max(joints[j].min, position)),
      );
      robot.command({ time, positions: command });
      await options.onStep?.({ time, state, action, command });
      await robot.clock.sleepUntil((steps + 1) / rateHz);
      total += outcome.reward;
      if (outcome.reward >= robot.maxReward && highestReward < robot.maxReward)
        end = Math.min(end, steps + 1 + Math.round(lingerS * rateHz));
      highestReward = Math.max(highestReward, outcome.reward);
    }
  } finally {
    subscription.unsubscribe();
    expert.free();
  }
  return {
    seed,
    success: highestReward >= robot.maxReward && outcome.failure === undefined,
    return: total,
    highestReward,
    steps,
    durationS: robot.clock.now,
    ...(outcome.failure !== undefined && { reason: outcome.failure }),
    ...(outcome.metrics && { metrics: outcome.metrics }),
  };
}

interface DisturbanceOptions {
  readonly seed: number;
  /** How many there are, and which of them are grippers. */
  readonly joints: number;
  readonly grippers: readonly number[];
  /** About how long there is something to disturb. */
  readonly seconds: number;
  readonly rateHz: number;
}

/** What happens to the expert's commands: correlated noise, knocks, a slipping gripper. */
class Disturbance {
  readonly #random: Random;
  readonly #level: number;
  readonly #knocks: Array<{ from: number; to: number; offset: number[] }> = [];
  readonly #slip: { gripper: number; from: number; to: number } | undefined;
  readonly #grippers: readonly number[];
  readonly #wander: number[];
  #tick = 0;

  constructor({ seed, joints, grippers, seconds, rateHz }: DisturbanceOptions) {
    const random = new Random(seed, 'disturbance');
    this.#random = random;
    this.#grippers = grippers;
    // A fifth of the episodes are undisturbed by noise; the others differ in how shaky the arm is.
    this.#level = random.next() < 0.2 ? 0 : random.uniform(0.003, 0.018);
    this.#wander = new Array<number>(joints).fill(0);
    const knock = (from: number, scale: number): void => {
      const length = Math.round(random.uniform(0.15, 0.35) * rateHz);
      const offset = Array.from({ length: joints }, (_, j) =>
        grippers.includes(j) ? 0 : random.normal() * scale,
      );
      this.#knocks.push({ from, to: from + length, offset });
    };
    if (random.next() < 0.5) knock(0, 0.15);
    for (let t = random.uniform(0.5, 2); t < seconds; t += random.uniform(0.8, 3)) {
      if (random.next() < 0.5) knock(Math.round(t * rateHz), 0.06);
    }
    if (random.next() < 0.15) {
      const from = Math.round(random.uniform(seconds / 4, (3 * seconds) / 4) * rateHz);
      const gripper = grippers[grippers.length > 1 ? Math.floor(random.next() * grippers.length) : 0];
      this.#slip = { gripper, from, to: from + Math.round(0.3 * rateHz) };
    }
  }

  apply(action: Float32Array): Float32Array {
    const out = action.slice();
    for (let j = 0; j < out.length; j++) {
      if (this.#grippers.includes(j)) continue;
      // Ornstein–Uhlenbeck: correlated over about a third of a second at 20 Hz.
      this.#wander[j] = 0.85 * this.#wander[j] + 0.53 * this.#level * this.#random.normal();
      out[j] += this.#wander[j];
      for (const knock of this.#knocks)
        if (this.#tick >= knock.from && this.#tick < knock.to) out[j] += knock.offset[j];
    }
    if (this.#slip && this.#tick >= this.#slip.from && this.#tick < this.#slip.to)
      out[this.#slip.gripper] = OPEN;
    this.#tick++;
    return out;
  }
}
