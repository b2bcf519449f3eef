/** The arms of a simulated robot, told apart by the names in its contract and its scene. */
import type { JointSpec } from '../../contract/contract.js';
import type { Scene } from './mujoco.js';

export interface Arm {
  /** What its names in the scene start with: '' where there is one arm, `left_` for instance where there are two. */
  readonly prefix: string;
  /** Contract indices of the joints that move its tool, base first. */
  readonly joints: readonly number[];
  /** Contract index of its gripper. */
  readonly gripper: number;
  /** Geoms. */
  readonly fingers: readonly [left: number, right: number];
  /** Yaw of its base in the world, rad: where it looks when its joints are 0. */
  readonly heading: number;
}

/**
 * An arm's joints come one after the other in the contract, and the last is named `gripper`, after the arm's prefix.
 * @throws UserError when the scene lacks the fingers or the base of an arm
 */
export function armsOf(scene: Scene, joints: readonly JointSpec[]): Arm[] {
  const arms: Arm[] = [];
  let chain: number[] = [];
  joints.forEach(({ name }, index) => {
    const prefix = /^(.*)gripper$/.exec(name)?.[1];
    if (prefix === undefined) {
      chain.push(index);
      return;
    }
    arms.push({
      prefix,
      joints: chain,
      gripper: index,
      fingers: [scene.id('geom', `${prefix}finger_left`), scene.id('geom', `${prefix}finger_right`)],
      heading: yawOf(scene, scene.id('body', `${prefix}base`)),
    });
    chain = [];
  });
  return arms;
}

/** Of a body that is turned about the vertical alone. */
function yawOf({ model }: Scene, body: number): number {
  const [w, , , z] = model.body_quat.subarray(4 * body, 4 * body + 4);
  return 2 * Math.atan2(z, w);
}
