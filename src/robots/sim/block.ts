/** A cube that lies about in a scene: a body with a free joint and a geom, all of one name. */
import type { Arm } from './arms.js';
import { touching } from './contacts.js';
import type { Scene } from './mujoco.js';

/** Below the table top by this much (m) a thing is out of reach for good. */
const FALLEN = 0.05;

/** What touches a block; an arm's entry is the number of its fingers. */
export interface Touch {
  readonly fingers: readonly number[];
  readonly table: boolean;
}

export class Block {
  readonly geom: number;
  /** Half its side, m. */
  readonly half: number;
  readonly #scene: Scene;
  readonly #arms: readonly Arm[];
  readonly #body: number;
  readonly #qpos: number;
  readonly #dof: number;
  readonly #table: number;

  constructor(scene: Scene, arms: readonly Arm[], name: string) {
    const { model } = scene;
    const joint = scene.id('joint', name);
    this.#scene = scene;
    this.#arms = arms;
    this.#body = scene.id('body', name);
    this.#qpos = model.jnt_qposadr[joint];
    this.#dof = model.jnt_dofadr[joint];
    this.#table = scene.id('geom', 'table');
    this.geom = scene.id('geom', name);
    this.half = model.geom_size[this.geom * 3];
  }

  /** Puts it flat on the table. */
  lay(x: number, y: number, yaw: number): void {
    this.#scene.data.qpos.set([x, y, this.half, Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2)], this.#qpos);
  }

  /** Of the centre, world frame, m. */
  get position(): readonly [number, number, number] {
    const { xpos } = this.#scene.data;
    const b = 3 * this.#body;
    return [xpos[b], xpos[b + 1], xpos[b + 2]];
  }

  /** Of its x axis, rad: no good where that stands upright, the block having been dropped. */
  get yaw(): number {
    return this.#yawOf(0);
  }

  /** Of one of its sides, rad, whichever it lies on. */
  get sideYaw(): number {
    const upright = Math.abs(this.#scene.data.xmat[9 * this.#body + 6]) > 0.7;
    return this.#yawOf(upright ? 1 : 0);
  }

  /** m/s */
  get speed(): number {
    const { qvel } = this.#scene.data;
    return Math.hypot(qvel[this.#dof], qvel[this.#dof + 1], qvel[this.#dof + 2]);
  }

  get touch(): Touch {
    const geoms = touching(this.#scene, this.geom);
    return {
      fingers: this.#arms.map(({ fingers }) => fingers.filter((finger) => geoms.has(finger)).length),
      table: geoms.has(this.#table),
    };
  }

  /** True while both fingers of the arm press on it. */
  heldBy(arm: number): boolean {
    return this.touch.fingers[arm] === 2;
  }

  get fallen(): boolean {
    return this.#scene.data.xpos[3 * this.#body + 2] < -FALLEN;
  }

  #yawOf(axis: 0 | 1): number {
    const { xmat } = this.#scene.data;
    const b = 9 * this.#body;
    return Math.atan2(xmat[b + 3 + axis], xmat[b + axis]);
  }
}
