/**
 * A scene as plain data: what MuJoCo compiled from the MJCF files, for those who write it down in another simulator's
 * words. Units: m, kg, rad; everything in the frame of its body, and a body in that of its parent.
 */
import type { Scene } from './mujoco.js';
import type { Texture } from './textures.js';

export type Vector = readonly [x: number, y: number, z: number];
export type Quaternion = readonly [x: number, y: number, z: number, w: number];

export interface Pose {
  readonly position: Vector;
  readonly orientation: Quaternion;
}

export interface JointDescription {
  readonly name: string;
  readonly kind: 'hinge' | 'slide';
  readonly axis: Vector;
  /** Its origin, in the frame of its body. */
  readonly position: Vector;
  readonly range?: readonly [lower: number, upper: number];
  /** N·m·s/rad, or N·s/m. */
  readonly damping: number;
}

/** A position servo: the force is kp · (target − q) − kv · q̇, no more than `maxForce` either way. */
export interface ServoDescription {
  readonly joint: string;
  readonly kp: number;
  readonly kv: number;
  readonly maxForce: number;
}

/** `size` as in MJCF: half extents of a box, radius and half length of what is round, nothing of a plane. */
export interface GeomDescription {
  readonly name: string;
  readonly kind: 'plane' | 'sphere' | 'capsule' | 'cylinder' | 'box';
  readonly size: Vector;
  readonly pose: Pose;
  /** Sliding friction. */
  readonly friction: number;
  /** Bits: two geoms collide where one's `type` and the other's `affinity` have one in common. */
  readonly collides: { readonly type: number; readonly affinity: number };
  readonly texture: Texture;
}

export interface CameraDescription {
  readonly name: string;
  /** It looks along its own −z; x is right in the image, y up. */
  readonly pose: Pose;
  /** Vertical field of view, rad. */
  readonly fovy: number;
}

export interface BodyDescription {
  readonly name: string;
  /** Index of its parent; of the world, which is the first, none. */
  readonly parent?: number;
  readonly pose: Pose;
  /** How it moves against its parent: not at all, freely, wherever it is put (a mark), or by its joints. */
  readonly motion: 'fixed' | 'free' | 'mocap' | 'joints';
  /** kg; 0 of what cannot move. */
  readonly mass: number;
  readonly centreOfMass: Vector;
  /** About the centre of mass, along the body's axes, kg·m²: rows. */
  readonly inertia: readonly [Vector, Vector, Vector];
  /** True where gravity does not pull it, or is held against by the robot. */
  readonly weightless: boolean;
  readonly joints: readonly JointDescription[];
  readonly geoms: readonly GeomDescription[];
  readonly cameras: readonly CameraDescription[];
}

export interface SceneDescription {
  /** s */
  readonly timestep: number;
  /** m/s² */
  readonly gravity: Vector;
  readonly bodies: readonly BodyDescription[];
  readonly servos: readonly ServoDescription[];
  /** Pairs of joints that move as one, by the same amount. */
  readonly coupled: readonly (readonly [leader: string, follower: string])[];
}

/** `mjtGeom` and `mjtJoint`. */
const GEOMS: Readonly<Record<number, GeomDescription['kind']>> = {
  0: 'plane',
  2: 'sphere',
  3: 'capsule',
  5: 'cylinder',
  6: 'box',
};
const [FREE, SLIDE, HINGE] = [0, 2, 3];

/**
 * @param textures by geom
 * @throws Error when the scene has something that there are no words for here
 */
export function describe(scene: Scene, textures: readonly Texture[]): SceneDescription {
  const { mj, model, data } = scene;
  const nameOf = (type: 'mjOBJ_BODY' | 'mjOBJ_GEOM' | 'mjOBJ_JOINT' | 'mjOBJ_CAMERA', id: number): string =>
    mj.mj_id2name(model, mj.mjtObj[type].value, id) || `${type.slice(6).toLowerCase()}_${id}`;
  const of = (count: number, bodies: ArrayLike<number>, body: number): number[] =>
    Array.from({ length: count }, (_, i) => i).filter((i) => bodies[i] === body);

  const joint = (id: number): JointDescription => {
    const dof = model.jnt_dofadr[id];
    const [lower, upper] = model.jnt_range.subarray(2 * id, 2 * id + 2);
    return {
      name: nameOf('mjOBJ_JOINT', id),
      kind: model.jnt_type[id] === HINGE ? 'hinge' : 'slide',
      axis: vector(model.jnt_axis, id),
      position: vector(model.jnt_pos, id),
      // MuJoCo has 0 … 0 where there is no limit.
      ...(lower < upper && { range: [lower, upper] }),
      damping: model.dof_damping[dof],
    };
  };
  const geom = (id: number): GeomDescription => {
    const kind = GEOMS[model.geom_type[id]];
    if (!kind) throw new Error(`geom ${nameOf('mjOBJ_GEOM', id)} is of a kind that is not described`);
    return {
      name: nameOf('mjOBJ_GEOM', id),
      kind,
      size: vector(model.geom_size, id),
      pose: pose(model.geom_pos, model.geom_quat, id),
      friction: model.geom_friction[3 * id],
      collides: { type: model.geom_contype[id], affinity: model.geom_conaffinity[id] },
      texture: textures[id],
    };
  };
  const camera = (id: number): CameraDescription => ({
    name: nameOf('mjOBJ_CAMERA', id),
    pose: pose(model.cam_pos, model.cam_quat, id),
    fovy: (model.cam_fovy[id] * Math.PI) / 180,
  });
  const body = (id: number): BodyDescription => {
    const joints = of(model.njnt, model.jnt_bodyid, id);
    const types = joints.map((j) => model.jnt_type[j]);
    if (types.some((type) => type !== FREE && type !== SLIDE && type !== HINGE))
      throw new Error(`body ${nameOf('mjOBJ_BODY', id)} has a joint of a kind that is not described`);
    const motion = types.includes(FREE)
      ? 'free'
      : joints.length > 0
        ? 'joints'
        : model.body_mocapid[id] >= 0
          ? 'mocap'
          : 'fixed';
    return {
      name: nameOf('mjOBJ_BODY', id),
      ...(id > 0 && { parent: model.body_parentid[id] }),
      // What is laid out lies where the state has it.
      pose:
        motion === 'free' || motion === 'mocap'
          ? pose(data.xpos, data.xquat, id)
          : pose(model.body_pos, model.body_quat, id),
      motion,
      mass: model.body_mass[id],
      centreOfMass: vector(model.body_ipos, id),
      inertia: turned(vector(model.body_inertia, id), quaternion(model.body_iquat, id)),
      weightless: model.body_gravcomp[id] === 1,
      joints: motion === 'joints' ? joints.map(joint) : [],
      geoms: of(model.ngeom, model.geom_bodyid, id).map(geom),
      cameras: of(model.ncam, model.cam_bodyid, id).map(camera),
    };
  };

  return {
    timestep: model.opt.timestep,
    gravity: [model.opt.gravity[0], model.opt.gravity[1], model.opt.gravity[2]],
    bodies: Array.from({ length: model.nbody }, (_, id) => body(id)),
    servos: Array.from({ length: model.nu }, (_, id) => ({
      joint: nameOf('mjOBJ_JOINT', model.actuator_trnid[2 * id]),
      kp: model.actuator_gainprm[10 * id],
      kv: -model.actuator_biasprm[10 * id + 2],
      maxForce: model.actuator_forcerange[2 * id + 1],
    })),
    coupled: Array.from({ length: model.neq }, (_, i) => [
      nameOf('mjOBJ_JOINT', model.eq_obj1id[i]),
      nameOf('mjOBJ_JOINT', model.eq_obj2id[i]),
    ]),
  };
}

function vector(values: ArrayLike<number>, index: number): Vector {
  return [values[3 * index], values[3 * index + 1], values[3 * index + 2]];
}

/** MuJoCo writes w first. */
function quaternion(values: ArrayLike<number>, index: number): Quaternion {
  const i = 4 * index;
  return [values[i + 1], values[i + 2], values[i + 3], values[i]];
}

function pose(positions: ArrayLike<number>, orientations: ArrayLike<number>, index: number): Pose {
  return { position: vector(positions, index), orientation: quaternion(orientations, index) };
}

/** R · diag(d) · Rᵀ, R being the rotation of the quaternion. */
function turned(d: Vector, [x, y, z, w]: Quaternion): [Vector, Vector, Vector] {
  const r = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
  const row = (i: number): Vector => {
    const at = (j: number): number =>
      r[i][0] * d[0] * r[j][0] + r[i][1] * d[1] * r[j][1] + r[i][2] * d[2] * r[j][2];
    return [at(0), at(1), at(2)];
  };
  return [row(0), row(1), row(2)];
}
