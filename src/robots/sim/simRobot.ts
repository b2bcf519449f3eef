/**
 * The embedded simulator as a robot: MuJoCo physics and cameras in process.
 *
 * In lockstep the world advances only inside `clock.sleepUntil`, one camera period at a time; between two
 * commands the servo targets move linearly, as a joint trajectory controller would move them.
 */
import { Subject } from 'rxjs';
import type { CameraSpec, RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import type { Clock, Frame, JointCommand, JointState, Outcome, ResetRequest, Robot } from '../robot.js';
import { Scene } from './mujoco.js';
import { PickLift } from './pickLift.js';
import { type CameraJitter, Renderer } from './renderer.js';
import type { TaskSpec } from './task.js';

interface SimCamera {
  readonly spec: CameraSpec;
  readonly id: number;
  jitter: CameraJitter | undefined;
}

export class SimRobot implements Robot {
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly clock: Clock;
  readonly task: PickLift;
  readonly #renderer: Renderer;
  readonly #cameras: readonly SimCamera[];
  readonly #qpos: readonly number[];
  readonly #actuators: readonly number[];
  /** qpos addresses of joint pairs that move as one. */
  readonly #coupled: readonly (readonly [number, number])[];
  readonly #stepsPerTick: number;
  readonly #target: Float64Array;
  readonly #previousTarget: Float64Array;
  /** Control periods since the reset; time is counted, not summed, so that it does not drift. */
  #ticks = 0;
  #closed = false;

  private constructor(
    readonly contract: RobotContract,
    readonly scene: Scene,
    task: TaskSpec,
  ) {
    const { model } = scene;
    this.task = new PickLift(scene, task);
    this.#renderer = new Renderer(scene);
    this.#cameras = contract.cameras.map((spec) => ({
      spec,
      id: scene.id('camera', spec.name),
      jitter: undefined,
    }));
    this.#qpos = contract.joints.map((joint) => model.jnt_qposadr[scene.id('joint', joint.name)]);
    this.#actuators = contract.joints.map((joint) => scene.id('actuator', joint.name));
    this.#coupled = Array.from({ length: model.neq }, (_, i) => [
      model.jnt_qposadr[model.eq_obj1id[i]],
      model.jnt_qposadr[model.eq_obj2id[i]],
    ]);
    if (task.randomise.home.length !== contract.joints.length) {
      throw new UserError(
        `task ${task.name}: randomise.home has ${task.randomise.home.length} joints, the robot contract ${contract.file} has ${contract.joints.length}`,
      );
    }
    const period = 1 / contract.rateHz;
    const timestep = model.opt.timestep;
    this.#stepsPerTick = Math.round(period / timestep);
    if (Math.abs(this.#stepsPerTick * timestep - period) > 1e-9) {
      throw new UserError(
        `${contract.file}: rate_hz ${contract.rateHz} is a period of ${period} s, not a whole number of the scene's ${timestep} s physics steps`,
      );
    }
    this.#target = new Float64Array(contract.joints.length);
    this.#previousTarget = new Float64Array(contract.joints.length);
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

  get maxReward(): number {
    return this.task.maxReward;
  }

  /** @throws UserError when the contract has no `sim` section, or scene, task and contract disagree. */
  static async create(contract: RobotContract, task: TaskSpec): Promise<SimRobot> {
    if (!contract.sim)
      throw new UserError(`${contract.file} has no sim section: it is not a simulated robot`);
    const scene = await Scene.load(contract.sim.scene);
    try {
      return new SimRobot(contract, scene, task);
    } catch (error) {
      scene.free();
      throw error;
    }
  }

  async reset({ seed }: ResetRequest): Promise<void> {
    const { mj, model, data } = this.scene;
    mj.mj_resetData(model, data);
    this.#ticks = 0;
    const { home, jitter } = this.task.randomise(seed, this.#renderer);
    for (const camera of this.#cameras) camera.jitter = jitter(camera.spec.role);
    for (let j = 0; j < home.length; j++) {
      data.qpos[this.#qpos[j]] = home[j];
      data.ctrl[this.#actuators[j]] = home[j];
    }
    // Joints that an equality couples to another (the second finger to the first) start where it starts.
    for (const [a, b] of this.#coupled) data.qpos[b] = data.qpos[a];
    this.#target.set(home);
    this.#previousTarget.set(home);
    this.scene.forward();
    this.#sense();
  }

  command(command: JointCommand): void {
    this.#previousTarget.set(this.#target);
    this.#target.set(command.positions);
  }

  /** One camera of the contract as it sees the scene now, at any size. The caller owns the pixels. */
  shot(name: string, width: number, height: number): Uint8Array {
    const camera = this.#cameras.find((c) => c.spec.name === name);
    if (!camera) {
      throw new UserError(
        `no camera '${name}': the contract has ${this.#cameras.map((c) => c.spec.name).join(', ')}`,
      );
    }
    return this.#renderer.render(camera.id, width, height, camera.jitter);
  }

  /** Joint positions now, contract order. */
  measured(): Float32Array {
    const { qpos } = this.scene.data;
    return Float32Array.from(this.#qpos, (address) => qpos[address]);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.frames.complete();
    this.joints.complete();
    this.outcomes.complete();
    this.#renderer.free();
    this.scene.free();
  }

  #time(): number {
    return this.#ticks / this.contract.rateHz;
  }

  /** Advances the world by one control period and says what is seen at its end. */
  #advance(): void {
    const { mj, model, data } = this.scene;
    const n = this.#stepsPerTick;
    const ctrl = data.ctrl;
    for (let step = 1; step <= n; step++) {
      const k = step / n;
      for (let j = 0; j < this.#actuators.length; j++) {
        ctrl[this.#actuators[j]] = this.#previousTarget[j] + k * (this.#target[j] - this.#previousTarget[j]);
      }
      mj.mj_step(model, data);
    }
    this.#previousTarget.set(this.#target);
    // mj_step leaves positions one integration ahead of the derived poses and contacts.
    this.scene.forward();
    this.#ticks += 1;
    this.#sense();
  }

  #sense(): void {
    const time = this.#time();
    this.joints.next({ time, positions: this.measured() });
    // Rendering is most of a tick: done only while somebody looks.
    for (const { spec, id, jitter } of this.frames.observed ? this.#cameras : []) {
      const pixels = this.#renderer.render(id, spec.width, spec.height, jitter);
      this.frames.next({ camera: spec.name, time, width: spec.width, height: spec.height, data: pixels });
    }
    this.outcomes.next(this.task.outcome(time));
  }
}
