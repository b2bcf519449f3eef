/**
 * The simulated robot and its surroundings, in MuJoCo: physics steps, cameras, the task's randomisation and
 * reward. It has no notion of when; that is up to whoever steps it.
 */
import type { CameraSpec, RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import type { Outcome } from '../robot.js';
import { type Arm, armsOf } from './arms.js';
import { describe, type SceneDescription } from './description.js';
import { Scene } from './mujoco.js';
import { type CameraJitter, Renderer } from './renderer.js';
import { type Shape, shapes } from './shapes.js';
import type { SimTask } from './simTask.js';
import { homeOf, jitterOf, lightOf } from './surroundings.js';
import { createTask, refuseMisfit, type TaskSpec } from './task.js';

interface SimCamera {
  readonly spec: CameraSpec;
  readonly id: number;
  jitter: CameraJitter | undefined;
}

export class SimWorld {
  readonly task: SimTask;
  readonly arms: readonly Arm[];
  /** Physics steps in a control period of the contract, and from one command to the next. */
  readonly stepsPerTick: number;
  readonly stepsPerCommand: number;
  readonly #spec: TaskSpec;
  readonly #renderer: Renderer;
  readonly #cameras: readonly SimCamera[];
  readonly #qpos: readonly number[];
  readonly #actuators: readonly number[];
  /** qpos addresses of joint pairs that move as one. */
  readonly #coupled: readonly (readonly [number, number])[];

  private constructor(
    readonly contract: RobotContract,
    readonly scene: Scene,
    spec: TaskSpec,
  ) {
    const { model } = scene;
    this.#spec = spec;
    this.arms = armsOf(scene, contract.joints);
    refuseMisfit(spec, this.arms, contract.file);
    this.task = createTask(scene, this.arms, spec);
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
    if (spec.randomise.home.length !== contract.joints.length) {
      throw new UserError(
        `task ${spec.name}: randomise.home has ${spec.randomise.home.length} joints, the robot contract ${contract.file} has ${contract.joints.length}`,
      );
    }
    this.stepsPerTick = stepsIn(contract, 'rate_hz', contract.rateHz, model.opt.timestep);
    this.stepsPerCommand = stepsIn(contract, 'command_rate_hz', contract.commandRateHz, model.opt.timestep);
  }

  /** @throws UserError when the contract has no `sim` section, or scene, task and contract disagree. */
  static async create(contract: RobotContract, spec: TaskSpec): Promise<SimWorld> {
    if (!contract.sim)
      throw new UserError(`${contract.file} has no sim section: it is not a simulated robot`);
    const scene = await Scene.load(contract.sim.scene, spec.objects);
    try {
      return new SimWorld(contract, scene, spec);
    } catch (error) {
      scene.free();
      throw error;
    }
  }

  /** Lays out the episode of `seed`. @returns the arms' start pose, contract joint order */
  reset(seed: number): readonly number[] {
    const { mj, model, data } = this.scene;
    mj.mj_resetData(model, data);
    const { randomise } = this.#spec;
    this.task.layOut(seed, (geom, texture) => this.#renderer.setTexture(geom, texture));
    this.#renderer.light = lightOf(randomise, seed);
    const home = homeOf(randomise, this.arms, seed);
    const jitter = jitterOf(randomise, seed);
    for (const camera of this.#cameras) camera.jitter = jitter(camera.spec.role);
    for (let j = 0; j < home.length; j++) {
      data.qpos[this.#qpos[j]] = home[j];
      data.ctrl[this.#actuators[j]] = home[j];
    }
    // Joints that an equality couples to another (the second finger to the first) start where it starts.
    for (const [a, b] of this.#coupled) data.qpos[b] = data.qpos[a];
    this.scene.forward();
    return home;
  }

  /** One physics step with these servo targets, contract joint order. */
  step(targets: ArrayLike<number>): void {
    const { mj, model, data } = this.scene;
    const { ctrl } = data;
    for (let j = 0; j < this.#actuators.length; j++) ctrl[this.#actuators[j]] = targets[j];
    mj.mj_step(model, data);
  }

  /** To be called between the last step and `picture`, `shot`, `shapes` or `outcome`. */
  settle(): void {
    // mj_step leaves positions one integration ahead of the derived poses and contacts.
    this.scene.forward();
  }

  /** Joint positions now, contract order. */
  measured(): Float32Array {
    const { qpos } = this.scene.data;
    return Float32Array.from(this.#qpos, (address) => qpos[address]);
  }

  /** One camera of the contract as it sees the scene now. The caller owns the pixels (rgb8). */
  picture(index: number): Uint8Array {
    const { spec, id, jitter } = this.#cameras[index];
    return this.#renderer.render(id, spec.width, spec.height, jitter);
  }

  /** The same by name and at any size. */
  shot(name: string, width: number, height: number): Uint8Array {
    const camera = this.#cameras.find((c) => c.spec.name === name);
    if (!camera) {
      throw new UserError(
        `no camera '${name}': the contract has ${this.#cameras.map((c) => c.spec.name).join(', ')}`,
      );
    }
    return this.#renderer.render(camera.id, width, height, camera.jitter);
  }

  /** All there is in it, as solid shapes. */
  shapes(): Shape[] {
    return shapes(this.scene, this.#renderer.textures);
  }

  /** All it was compiled to, and how it looks, as it was laid out last. */
  describe(): SceneDescription {
    return describe(this.scene, this.#renderer.textures);
  }

  /** The task's reward at `time`, s since the reset. Call it at every control tick. */
  outcome(time: number): Outcome {
    return this.task.outcome(time);
  }

  free(): void {
    this.#renderer.free();
    this.scene.free();
  }
}

function stepsIn({ file }: RobotContract, key: string, rateHz: number, timestep: number): number {
  const period = 1 / rateHz;
  const steps = Math.round(period / timestep);
  if (Math.abs(steps * timestep - period) > 1e-9) {
    throw new UserError(
      `${file}: ${key} ${rateHz} is a period of ${period} s, not a whole number of the scene's ${timestep} s physics steps`,
    );
  }
  return steps;
}
