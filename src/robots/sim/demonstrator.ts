/**
 * Runs the scripted expert. A learner is to have the expert's *intended* action while a disturbed one is
 * executed (DART, Laskey et al. 2017), so the data shows recoveries from states a learned
 * policy will drift into: wandering joints, knocks, and a gripper that lets go.
 */
import { Random } from '../../random.js';
import { PickLiftExpert } from './expert.js';
import type { SimRobot } from './simRobot.js';

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
  let outcome = { reward: 0, failure: undefined as string | undefined };
  const subscription = robot.outcomes.subscribe((o) => {
    outcome = { reward: o.reward, failure: o.failure };
  });
  const expert = new PickLiftExpert(robot);
  const disturbance = options.disturb ? new Disturbance(seed, joints.length, rateHz) : undefined;
  let [steps, total, highestReward] = [0, 0, 0];
  try {
    await robot.reset({ seed });
    expert.reset();
    const ticks = Math.round(options.timeLimitS * rateHz);
    for (; steps < ticks && outcome.reward < robot.maxReward && !outcome.failure; steps++) {
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
      highestReward = Math.max(highestReward, outcome.reward);
    }
  } finally {
    subscription.unsubscribe();
    expert.free();
  }
  return {
    seed,
    success: outcome.reward >= robot.maxReward,
    return: total,
    highestReward,
    steps,
    durationS: robot.clock.now,
  };
}

/** What happens to the expert's commands: correlated noise, knocks, a slipping gripper. */
class Disturbance {
  readonly #random: Random;
  readonly #level: number;
  readonly #knocks: Array<{ from: number; to: number; offset: number[] }> = [];
  readonly #slip: { from: number; to: number } | undefined;
  readonly #wander: number[];
  #tick = 0;

  constructor(seed: number, joints: number, rateHz: number) {
    const random = new Random(seed, 'disturbance');
    this.#random = random;
    // A fifth of the episodes are undisturbed by noise; the others differ in how shaky the arm is.
    this.#level = random.next() < 0.2 ? 0 : random.uniform(0.003, 0.018);
    this.#wander = new Array<number>(joints).fill(0);
    const knock = (from: number, scale: number): void => {
      const length = Math.round(random.uniform(0.15, 0.35) * rateHz);
      const offset = Array.from({ length: joints }, (_, j) => (j < joints - 1 ? random.normal() * scale : 0));
      this.#knocks.push({ from, to: from + length, offset });
    };
    if (random.next() < 0.5) knock(0, 0.15);
    for (let t = random.uniform(0.5, 2); t < 4; t += random.uniform(0.8, 3)) {
      if (random.next() < 0.5) knock(Math.round(t * rateHz), 0.06);
    }
    if (random.next() < 0.15) {
      const from = Math.round(random.uniform(1, 3) * rateHz);
      this.#slip = { from, to: from + Math.round(0.3 * rateHz) };
    }
  }

  apply(action: Float32Array): Float32Array {
    const out = action.slice();
    const gripper = out.length - 1;
    for (let j = 0; j < gripper; j++) {
      // Ornstein–Uhlenbeck: correlated over about a third of a second at 20 Hz.
      this.#wander[j] = 0.85 * this.#wander[j] + 0.53 * this.#level * this.#random.normal();
      out[j] += this.#wander[j];
      for (const knock of this.#knocks)
        if (this.#tick >= knock.from && this.#tick < knock.to) out[j] += knock.offset[j];
    }
    if (this.#slip && this.#tick >= this.#slip.from && this.#tick < this.#slip.to) out[gripper] = 0.04;
    this.#tick++;
    return out;
  }
}
