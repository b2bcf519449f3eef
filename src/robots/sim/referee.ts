/**
 * Judges a scene that another simulator moves: the embedded world of the same robot and task, which is never stepped.
 * Joints and objects are put where they are there, and the task says what that is worth, as it does of its own.
 */
import type { RobotContract } from '../../contract/contract.js';
import type { Outcome } from '../robot.js';
import { SimWorld } from './simWorld.js';
import type { TaskSpec } from './task.js';

export interface Placement {
  /** m */
  readonly position: readonly [x: number, y: number, z: number];
  readonly orientation: readonly [x: number, y: number, z: number, w: number];
}

/** Something of the task's that lies about. */
export interface PlacedObject extends Placement {
  readonly name: string;
  /** False for what is only drawn. */
  readonly moves: boolean;
}

/** How an episode begins. */
export interface Layout {
  /** Contract joint order. */
  readonly home: readonly number[];
  readonly objects: readonly PlacedObject[];
}

/** An object that moves, as it does now. */
export interface Motion extends Placement {
  /** m/s */
  readonly velocity: readonly [x: number, y: number, z: number];
}

/** What there is to see at one instant. */
export interface Scenery {
  /** By the names of the scene's joints; those that are left out stand where the joint they are coupled to does. */
  readonly joints: ReadonlyMap<string, number>;
  /** By name; all that move. */
  readonly objects: ReadonlyMap<string, Motion>;
}

/** `mjtJoint` */
const FREE = 0;

export class Referee {
  readonly world: SimWorld;
  /** Names of the objects that move, and of those that are only drawn. */
  readonly objects: readonly string[];
  readonly marks: readonly string[];
  /** Joints that move as one with another, by that one. */
  readonly followers: ReadonlyMap<string, string>;
  readonly #joints: ReadonlyMap<string, number>;

  private constructor(world: SimWorld, margin: number) {
    const { scene } = world;
    const { model } = scene;
    const name = (type: 'mjOBJ_BODY' | 'mjOBJ_JOINT', id: number) =>
      scene.mj.mj_id2name(model, scene.mj.mjtObj[type].value, id) ?? '';
    const all = (count: number) => Array.from({ length: count }, (_, id) => id);
    this.world = world;
    const joints = all(model.njnt);
    this.objects = joints.filter((id) => model.jnt_type[id] === FREE).map((id) => name('mjOBJ_JOINT', id));
    this.marks = all(model.nbody)
      .filter((id) => model.body_mocapid[id] >= 0)
      .map((id) => name('mjOBJ_BODY', id));
    this.#joints = new Map(
      joints
        .filter((id) => model.jnt_type[id] !== FREE)
        .map((id) => [name('mjOBJ_JOINT', id), model.jnt_qposadr[id]]),
    );
    this.followers = new Map(
      all(model.neq).map((i) => [
        name('mjOBJ_JOINT', model.eq_obj1id[i]),
        name('mjOBJ_JOINT', model.eq_obj2id[i]),
      ]),
    );
    // MuJoCo lists what is nearer than a geom's margin.
    if (margin > 0) scene.touch = margin;
    for (let geom = 0; geom < model.ngeom; geom++) model.geom_margin[geom] = margin;
  }

  /**
   * @param margin m; what is nearer than this touches. 0: what presses on one another, as in the embedded simulator
   * @throws UserError as `SimWorld.create`
   */
  static async create(contract: RobotContract, task: TaskSpec, margin = 0): Promise<Referee> {
    return new Referee(await SimWorld.create(contract, task), margin);
  }

  /** The episode of `seed`, as the embedded task lays it out; what is judged from now on belongs to it. */
  layOut(seed: number): Layout {
    const home = this.world.reset(seed);
    const { scene } = this.world;
    const placed = (name: string, moves: boolean): PlacedObject => {
      const body = scene.id('body', name);
      const [x, y, z] = scene.data.xpos.subarray(3 * body, 3 * body + 3);
      const [w, qx, qy, qz] = scene.data.xquat.subarray(4 * body, 4 * body + 4);
      return { name, moves, position: [x, y, z], orientation: [qx, qy, qz, w] };
    };
    return {
      home,
      objects: [
        ...this.objects.map((name) => placed(name, true)),
        ...this.marks.map((name) => placed(name, false)),
      ],
    };
  }

  /** @param time s since the layout; call it at every control tick */
  judge({ joints, objects }: Scenery, time: number): Outcome {
    const { scene } = this.world;
    const { model, data } = scene;
    for (const [name, address] of this.#joints) {
      const position = joints.get(name);
      if (position !== undefined) data.qpos[address] = position;
    }
    for (const [leader, follower] of this.followers)
      if (!joints.has(follower))
        data.qpos[this.#joints.get(follower) as number] = data.qpos[this.#joints.get(leader) as number];
    for (const name of this.objects) {
      const placed = objects.get(name);
      if (!placed) continue;
      const joint = scene.id('joint', name);
      const [x, y, z, w] = placed.orientation;
      data.qpos.set([...placed.position, w, x, y, z], model.jnt_qposadr[joint]);
      data.qvel.set(placed.velocity, model.jnt_dofadr[joint]);
    }
    scene.forward();
    return this.world.outcome(time);
  }

  free(): void {
    this.world.free();
  }
}
