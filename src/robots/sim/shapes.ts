/** The simulated world as solid shapes, for a three-dimensional view. */
import type { Scene } from './mujoco.js';
import type { Texture } from './textures.js';

export interface Shape {
  readonly kind: 'box' | 'sphere' | 'cylinder';
  /** Full extents along its own axes, m; a cylinder's axis is z. */
  readonly size: readonly [number, number, number];
  /** Of its centre, world frame, m. */
  readonly position: readonly [number, number, number];
  /** World frame: x, y, z, w. */
  readonly orientation: readonly [number, number, number, number];
  /** Linear rgb, 0…1. */
  readonly colour: readonly [number, number, number];
}

/** What is shown of an endless plane, m. */
const PLANE_SIZE = 6;

/** `mjtGeom` of the shapes that scenes are made of. */
const [PLANE, SPHERE, CAPSULE, CYLINDER, BOX] = [0, 2, 3, 5, 6];

/** Every geom that has a shape to show, as it stands now. A capsule is a cylinder with a sphere at each end. */
export function shapes(scene: Scene, textures: readonly Texture[]): Shape[] {
  const { model, data } = scene;
  return Array.from({ length: model.ngeom }, (_, geom): Shape[] => {
    const [sx, sy, sz] = model.geom_size.subarray(3 * geom, 3 * geom + 3);
    const [px, py, pz] = data.geom_xpos.subarray(3 * geom, 3 * geom + 3);
    const matrix = data.geom_xmat.subarray(9 * geom, 9 * geom + 9);
    const type = model.geom_type[geom];
    const shape = (kind: Shape['kind'], size: Shape['size'], along = 0): Shape => ({
      kind,
      size,
      position: [px + along * matrix[2], py + along * matrix[5], pz + along * matrix[8]],
      orientation: quaternion(matrix),
      colour: colourAt(textures[geom], [sx, sy, sz]),
    });
    const ball: Shape['size'] = [2 * sx, 2 * sx, 2 * sx];
    switch (type) {
      case PLANE:
        return [shape('box', [PLANE_SIZE, PLANE_SIZE, 0.001])];
      case SPHERE:
        return [shape('sphere', ball)];
      case CAPSULE:
        return [
          shape('cylinder', [2 * sx, 2 * sx, 2 * sy]),
          shape('sphere', ball, sy),
          shape('sphere', ball, -sy),
        ];
      case CYLINDER:
        return [shape('cylinder', [2 * sx, 2 * sx, 2 * sy])];
      case BOX:
        return [shape('box', [2 * sx, 2 * sy, 2 * sz])];
      default:
        return [];
    }
  }).flat();
}

/** A geom's mean colour: its texture on the middle of each of its six sides. */
function colourAt(texture: Texture, half: readonly number[]): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0];
  const out = new Float64Array(3);
  for (const axis of [0, 1, 2])
    for (const sign of [-1, 1]) {
      const normal = [0, 0, 0];
      normal[axis] = sign;
      const [x, y, z] = normal.map((n, i) => n * half[i]);
      texture(x, y, z, normal[0], normal[1], normal[2], out);
      for (let c = 0; c < 3; c++) sum[c] += Math.min(1, Math.max(0, out[c])) / 6;
    }
  return sum;
}

/** Of a rotation matrix, row by row: x, y, z, w. (Shepperd, 1978: divides by the largest component.) */
export function quaternion(m: ArrayLike<number>): [number, number, number, number] {
  const [xx, yy, zz] = [m[0], m[4], m[8]];
  const four = [1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz];
  const largest = four.indexOf(Math.max(...four));
  const q = [
    [four[0], m[1] + m[3], m[2] + m[6], m[7] - m[5]],
    [m[1] + m[3], four[1], m[5] + m[7], m[2] - m[6]],
    [m[2] + m[6], m[5] + m[7], four[2], m[3] - m[1]],
    [m[7] - m[5], m[2] - m[6], m[3] - m[1], four[3]],
  ][largest];
  const scale = 0.5 / Math.sqrt(four[largest]);
  return [q[0] * scale, q[1] * scale, q[2] * scale, q[3] * scale];
}
