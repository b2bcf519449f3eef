/** Rotations as unit quaternions: x, y, z, w. */
import type { Pose, Quaternion, Vector } from '../../robots/sim/description.js';

export const NO_ROTATION: Quaternion = [0, 0, 0, 1];

/** First `b`, then `a`. */
export function product([ax, ay, az, aw]: Quaternion, [bx, by, bz, bw]: Quaternion): Quaternion {
  return [
    aw * bx + ax * bw + ay * bz - az * by,
    aw * by - ax * bz + ay * bw + az * bx,
    aw * bz + ax * by - ay * bx + az * bw,
    aw * bw - ax * bx - ay * by - az * bz,
  ];
}

export function rotated([x, y, z]: Vector, q: Quaternion): Vector {
  const [i, j, k] = product(product(q, [x, y, z, 0]), [-q[0], -q[1], -q[2], q[3]]);
  return [i, j, k];
}

/** MuJoCo's camera looks along −z with y up, Gazebo's along x with z up. */
const CAMERA: Quaternion = [-0.5, 0.5, 0.5, 0.5];

export function gazeboCamera({ position, orientation }: Pose): Pose {
  return { position, orientation: product(orientation, CAMERA) };
}
