/**
 * The scripted expert: carries out a task's script with the arms of the simulated robot. It sees what a policy may
 * not, and reacts to the *measured* state at every tick.
 */
import type { SimRobot } from '../simRobot.js';
import { Reach } from './reach.js';
import type { Script } from './script.js';

export class Expert {
  readonly #robot: SimRobot;
  readonly #script: Script;
  readonly #reaches: readonly Reach[];
  readonly #dt: number;
  #phase: string;
  #inPhase = 0;

  constructor(robot: SimRobot) {
    const { contract, scene, arms, task } = robot;
    const jointNames = contract.joints.map((joint) => joint.name);
    this.#robot = robot;
    this.#script = task.script;
    this.#dt = 1 / contract.rateHz;
    this.#phase = this.#script.first;
    this.#reaches = arms.map((arm, i) => {
      const { approaches, drive } = task.script;
      return new Reach(scene, arm, { approach: approaches[i], drive, jointNames, dt: this.#dt });
    });
  }

  free(): void {
    for (const reach of this.#reaches) reach.free();
  }

  reset(): void {
    this.#enter(this.#script.first);
    for (const reach of this.#reaches) reach.reset();
  }

  /**
   * Joint targets for the next period (contract order), from the measured joints.
   * @param measured joint positions, contract order.
   */
  act(measured: ArrayLike<number>): Float32Array {
    const arms = this.#reaches.map((reach) => reach.see(measured));
    this.#inPhase += this.#dt;
    const next = this.#script.phases[this.#phase].next({ arms, inPhase: this.#inPhase });
    if (next !== undefined) this.#enter(next);
    const goals = this.#script.phases[this.#phase].goals({ arms, inPhase: this.#inPhase });
    const targets = new Float32Array(measured.length);
    this.#robot.arms.forEach((arm, i) => {
      const { joints, grip } = this.#reaches[i].step(arms[i], goals[i], measured);
      arm.joints.forEach((index, j) => {
        targets[index] = joints[j];
      });
      targets[arm.gripper] = grip;
    });
    return targets;
  }

  #enter(phase: string): void {
    this.#phase = phase;
    this.#inPhase = 0;
  }
}
