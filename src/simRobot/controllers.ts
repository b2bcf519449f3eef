/** The simulated robot's joint controllers: one a command topic of the contract. */
import { type CommandSpec, type RobotContract, type RosJoint, rosJoint } from '../contract/contract.js';
import type { Graph } from './graph.js';
import { readCommand } from './readCommand.js';
import { Setpoints } from './setpoints.js';

interface Controller {
  readonly spec: CommandSpec;
  /** Contract indices of its joints, in its order. */
  readonly indices: readonly number[];
  readonly joints: readonly RosJoint[];
  readonly setpoints: Setpoints;
  /** What was wrong with the newest message. */
  complaint?: string | undefined;
}

export interface ControllersOptions {
  readonly graph: Graph;
  readonly contract: RobotContract;
  /** Where they start, contract joint order. */
  readonly home: ArrayLike<number>;
  /** ROS time, ns. */
  readonly now: () => bigint;
  readonly warn: (sentence: string) => void;
}

export class Controllers {
  readonly #options: ControllersOptions;
  readonly #controllers: readonly Controller[];
  readonly #periodNs: bigint;

  constructor(options: ControllersOptions) {
    const { graph, contract, home } = options;
    this.#options = options;
    this.#periodNs = BigInt(Math.round(1e9 / contract.commandRateHz));
    this.#controllers = contract.commands.map((spec) => {
      const indices = spec.joints.map((name) => contract.joints.findIndex((joint) => joint.name === name));
      const joints = indices.map((index) => rosJoint(contract.joints[index]));
      return { spec, indices, joints, setpoints: new Setpoints(indices.map((index) => home[index])) };
    });
    for (const controller of this.#controllers) {
      const { type, topic } = controller.spec;
      graph.listen(type, topic, 'reliable', (cdr) => this.#onCommand(controller, cdr));
    }
  }

  /** Writes where the joints are to be at `time` (ROS time, ns) to `targets`, contract joint order. */
  aim(time: number, targets: Float64Array): void {
    for (const { indices, setpoints } of this.#controllers) {
      const positions = setpoints.at(time);
      for (let i = 0; i < indices.length; i++) targets[indices[i]] = positions[i];
    }
  }

  /** Forgets all commands: the joints have been put here (contract joint order). */
  reset(home: ArrayLike<number>): void {
    for (const { indices, setpoints } of this.#controllers)
      setpoints.jump(indices.map((index) => home[index]));
  }

  #onCommand(controller: Controller, cdr: Uint8Array): void {
    const { spec, joints, setpoints } = controller;
    const now = this.#options.now();
    try {
      const motion = readCommand(spec.type, cdr, joints, { now, period: this.#periodNs });
      if (motion.kind === 'jump') setpoints.jump(motion.positions);
      else if (!setpoints.follow(motion.way, Number(now))) throw new Error('all of it lies in the past');
      controller.complaint = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== controller.complaint)
        this.#options.warn(`A command on ${spec.topic} is not followed: ${message}.`);
      controller.complaint = message;
    }
  }
}
