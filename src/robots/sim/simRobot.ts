/**
 * The embedded simulator as a robot: MuJoCo physics and cameras in process.
 *
 * In lockstep the world advances only inside `clock.sleepUntil`, one command period at a time; between two
 * commands the servo targets move linearly, as a joint trajectory controller would move them. Cameras and the
 * task's outcome come once a control period, joint states with every command's.
 */
import { Subject } from 'rxjs';
import type { RobotContract } from '../../contract/contract.js';
import type { Clock, Frame, JointCommand, JointState, Outcome, ResetRequest, Robot } from '../robot.js';
import type { Arm } from './arms.js';
import type { Scene } from './mujoco.js';
import { MAX_REWARD, type SimTask } from './simTask.js';
import { SimWorld } from './simWorld.js';
import type { TaskSpec } from './task.js';

export class SimRobot implements Robot {
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly clock: Clock;
  readonly maxReward = MAX_REWARD;
  readonly #world: SimWorld;
  readonly #target: Float64Array;
  readonly #previousTarget: Float64Array;
  /** The servos' targets at one physics step. */
  readonly #between: Float64Array;
  /** Command periods since the reset; time is counted, not summed, so that it does not drift. */
  #periods = 0;
  #closed = false;

  private constructor(world: SimWorld) {
    this.#world = world;
    const n = world.contract.joints.length;
    this.#target = new Float64Array(n);
    this.#previousTarget = new Float64Array(n);
    this.#between = new Float64Array(n);
    const self = this;
    this.clock = {
      lockstep: true,
      get now() {
        return self.#time();
      },
      sleepUntil: async (time) => {
        while (self.#time() < time - 1e-9) self.#advance();
      },
    };
  }

  get contract(): RobotContract {
    return this.#world.contract;
  }

  get scene(): Scene {
    return this.#world.scene;
  }

  get arms(): readonly Arm[] {
    return this.#world.arms;
  }

  get task(): SimTask {
    return this.#world.task;
  }

  /** @throws UserError when the contract has no `sim` section, or scene, task and contract disagree. */
  static async create(contract: RobotContract, task: TaskSpec): Promise<SimRobot> {
    return new SimRobot(await SimWorld.create(contract, task));
  }

  async reset({ seed }: ResetRequest): Promise<void> {
    this.#periods = 0;
    const home = this.#world.reset(seed);
    this.#target.set(home);
    this.#previousTarget.set(home);
    this.#sense();
  }

  command(command: JointCommand): void {
    this.#previousTarget.set(this.#target);
    this.#target.set(command.positions);
  }

  /** One camera of the contract as it sees the scene now, at any size. The caller owns the pixels. */
  shot(name: string, width: number, height: number): Uint8Array {
    return this.#world.shot(name, width, height);
  }

  /** Joint positions now, contract order. */
  measured(): Float32Array {
    return this.#world.measured();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.frames.complete();
    this.joints.complete();
    this.outcomes.complete();
    this.#world.free();
  }

  #time(): number {
    return this.#periods / this.contract.commandRateHz;
  }

  /** Advances the world by one command period and says what is seen at its end. */
  #advance(): void {
    const world = this.#world;
    const n = world.stepsPerCommand;
    for (let step = 1; step <= n; step++) {
      const k = step / n;
      for (let j = 0; j < this.#between.length; j++) {
        this.#between[j] = this.#previousTarget[j] + k * (this.#target[j] - this.#previousTarget[j]);
      }
      world.step(this.#between);
    }
    this.#previousTarget.set(this.#target);
    world.settle();
    this.#periods += 1;
    this.#sense();
  }

  #sense(): void {
    const time = this.#time();
    this.joints.next({ time, positions: this.measured() });
    const { stepsPerTick, stepsPerCommand } = this.#world;
    if ((this.#periods * stepsPerCommand) % stepsPerTick !== 0) return;
    // Rendering is most of a tick: done only while somebody looks.
    const cameras = this.frames.observed ? this.contract.cameras : [];
    cameras.forEach(({ name, width, height }, index) => {
      this.frames.next({ camera: name, time, width, height, data: this.#world.picture(index) });
    });
    this.outcomes.next(this.#world.outcome(time));
  }
}
