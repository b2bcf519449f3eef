/** A simulated world in which nothing moves by itself: blocks and fingers are where a test puts them. */
import { loadContract } from '../../src/contract/load.js';
import type { Outcome } from '../../src/robots/robot.js';
import type { Arm } from '../../src/robots/sim/arms.js';
import { Kinematics } from '../../src/robots/sim/expert/kinematics.js';
import { SimWorld } from '../../src/robots/sim/simWorld.js';
import { loadTask, type TaskSpec } from '../../src/robots/sim/task.js';
import { TASKS } from './cli.js';

/** How many fingers of an arm touch a block. */
export type Fingers = 0 | 1 | 2;
export type Point = readonly [x: number, y: number, z: number];

/** A finger so far inside the block touches it, m. */
const PRESS = 0.0002;
/** A tool so far above the block touches nothing, m. */
const ABOVE = 0.1;
/** Joints of an arm whose tool points down at the middle of its workspace, rad. */
const TOOL_DOWN = [0, 0.15, 1.75, 1.24, 0, 0];

export class PosedWorld {
  readonly #kinematics: readonly Kinematics[];

  private constructor(
    readonly world: SimWorld,
    readonly spec: TaskSpec,
  ) {
    const { scene, arms, contract } = world;
    world.reset(0);
    this.#kinematics = arms.map(({ prefix, joints }) => {
      const chain = joints.map((index) => contract.joints[index].name);
      return new Kinematics(scene, chain, `${prefix}tcp`, 'down');
    });
  }

  /** The episode of seed 0 of a task. */
  static async of(task: string): Promise<PosedWorld> {
    const spec = await loadTask(task, TASKS);
    return new PosedWorld(await SimWorld.create(await loadContract(spec.robot), spec), spec);
  }

  free(): void {
    for (const kinematics of this.#kinematics) kinematics.free();
    this.world.free();
  }

  /** Of the block's centre, m. */
  where(block: string): Point {
    const { scene } = this.world;
    const [x, y, z] = scene.data.xpos.slice(3 * scene.id('body', block));
    return [x, y, z];
  }

  /** Half the block's side, m. */
  half(block: string): number {
    const { scene } = this.world;
    return scene.model.geom_size[3 * scene.id('geom', block)];
  }

  /** The height of its centre when it lies on the table and presses on it, m. */
  lying(block: string): number {
    return this.half(block) - PRESS;
  }

  /** Puts the block's centre there, its sides along the axes, moving along x at so many m/s. */
  put(block: string, at: Point, speed = 0): void {
    const { scene } = this.world;
    const joint = scene.id('joint', block);
    scene.data.qpos.set([...at, 1, 0, 0, 0], scene.model.jnt_qposadr[joint]);
    scene.data.qvel.set([speed, 0, 0, 0, 0, 0], scene.model.jnt_dofadr[joint]);
    scene.forward();
  }

  /** Brings an arm to the block, so many fingers on its sides; without any it stays well above it. */
  touch(block: string, fingers: Fingers, index = 0): void {
    const { arms } = this.world;
    const arm = arms[index];
    const [x, y, z] = this.where(block);
    const pose = { position: [x, y, fingers === 0 ? z + ABOVE : z] as const, yaw: arm.heading };
    const { q, error } = this.#kinematics[index].inverse(pose, TOOL_DOWN);
    if (error > 1e-3) throw new Error(`the ${arm.prefix}arm does not reach ${x}, ${y}, ${z}`);
    const { joints } = this.world.contract;
    arm.joints.forEach((joint, i) => {
      this.#set(joints[joint].name, q[i]);
    });
    const closed = this.half(block) - PRESS;
    this.#setFingers(arm, fingers === 0 ? 0.04 : closed, fingers === 2 ? closed : 0.04);
    this.world.scene.forward();
  }

  /** Call it with ascending times, s. */
  outcome(time: number): Outcome {
    return this.world.outcome(time);
  }

  #setFingers({ prefix }: Arm, left: number, right: number): void {
    this.#set(`${prefix}gripper`, left);
    this.#set(`${prefix}gripper_mimic`, right);
  }

  #set(joint: string, position: number): void {
    const { scene } = this.world;
    scene.data.qpos[scene.model.jnt_qposadr[scene.id('joint', joint)]] = position;
  }
}
