/**
 * Runs the scripted expert and keeps what a learner needs. The expert's *intended* action is recorded while
 * a disturbed one is executed (DART, Laskey et al. 2017), so the data shows recoveries from states a learned
 * policy will drift into: wandering joints, knocks, and a gripper that lets go.
 */
import { Random } from '../../random.js';
import type { Frame } from '../robot.js';
import { PickLiftExpert } from './expert.js';
import type { SimRobot } from './simRobot.js';

/** One demonstration, row by row in time: T rows. */
export interface Demonstration {
  readonly seed: number;
  readonly success: boolean;
  /** Sum of the rewards after each action. */
  readonly return: number;
  readonly steps: number;
  /** By camera name: T frames, H·W·3 bytes each. */
  readonly frames: ReadonlyMap<string, Uint8Array[]>;
  /** T rows each, contract joint order. */
  readonly states: Float32Array[];
  readonly actions: Float32Array[];
  /** The reward of the state that row's frames show. */
  readonly rewards: number[];
}

export interface DemonstrateOptions {
  readonly seed: number;
  readonly timeLimitS: number;
  /** Disturb the executed commands. Off: the expert as it is. */
  readonly disturb: boolean;
  /** Keep camera frames. Off: nothing is rendered. */
  readonly frames: boolean;
}

/** Runs the expert on `robot` for one episode. Deterministic in the seed. */
export async function demonstrate(robot: SimRobot, options: DemonstrateOptions): Promise<Demonstration> {
  const { seed } = options;
  const { joints } = robot.contract;
  const frames = new Map<string, Uint8Array[]>(robot.contract.cameras.map((camera) => [camera.name, []]));
  const states: Float32Array[] = [];
  const actions: Float32Array[] = [];
  const rewards: number[] = [];
  let newest: Frame[] = [];
  let outcome = { reward: 0, failure: undefined as string | undefined };
  const subscriptions = [
    robot.outcomes.subscribe((o) => {
      outcome = { reward: o.reward, failure: o.failure };
    }),
    ...(options.frames ? [robot.frames.subscribe((frame) => newest.push(frame))] : []),
  ];
  const expert = new PickLiftExpert(robot);
  const disturbance = options.disturb
    ? new Disturbance(seed, joints.length, robot.contract.rateHz)
    : undefined;
  let total = 0;
  try {
    await robot.reset({ seed });
    expert.reset();
    const period = 1 / robot.contract.rateHz;
    const ticks = Math.round(options.timeLimitS / period);
    for (let tick = 0; tick < ticks && outcome.reward < robot.maxReward && !outcome.failure; tick++) {
      for (const frame of newest) frames.get(frame.camera)?.push(frame.data);
      newest = [];
      const measured = robot.measured();
      states.push(measured);
      rewards.push(outcome.reward);
      const action = expert.act(measured);
      actions.push(action);
      const positions = disturbance ? disturbance.apply(action) : action;
      for (let j = 0; j < positions.length; j++) {
        positions[j] = Math.min(joints[j].max, Math.max(joints[j].min, positions[j]));
      }
      robot.command({ time: robot.clock.now, positions });
      await robot.clock.sleepUntil((tick + 1) * period);
      total += outcome.reward;
    }
  } finally {
    for (const subscription of subscriptions) subscription.unsubscribe();
    expert.free();
  }
  const success = outcome.reward >= robot.maxReward;
  return { seed, success, return: total, steps: actions.length, frames, states, actions, rewards };
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
