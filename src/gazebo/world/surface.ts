/** The surface of a geom, cut into patches that a picture can be pasted on. */
import type { GeomDescription, Vector } from '../../robots/sim/description.js';

/** A point of a surface, and after it the normal there, frame of the geom: x, y, z, nx, ny, nz. */
export type Spot = Float64Array;

export const newSpot = (): Spot => new Float64Array(6);

export interface Patch {
  /** Extent of its picture, m. */
  readonly width: number;
  readonly height: number;
  /** Facets along each side of the picture. */
  readonly facets: readonly [across: number, down: number];
  /**
   * Writes the spot at `s` from 0, the picture's left, to 1 and `t` from 0, its top, to 1. Seen from outside, s goes
   * right where t goes down.
   */
  readonly at: (s: number, t: number, spot: Spot) => void;
}

/** What is shown of an endless plane, m. */
const PLANE_SIZE = 6;
const ROUND = 32;

export function patches({ kind, size }: Pick<GeomDescription, 'kind' | 'size'>): Patch[] {
  const [a, b, c] = size;
  switch (kind) {
    case 'plane':
      return [flat([0, 0, 1], [PLANE_SIZE / 2, PLANE_SIZE / 2, 0])];
    case 'box':
      return ([0, 1, 2] as const).flatMap((axis) =>
        [1, -1].map((sign) => flat(AXES[axis].map((v) => v * sign) as unknown as Vector, size)),
      );
    case 'cylinder':
      return [wall(a, b), disc(a, b, 1), disc(a, b, -1)];
    case 'capsule':
      return [wall(a, b), dome(a, b, 1), dome(a, b, -1)];
    case 'sphere':
      return [dome(a, 0, 1), dome(a, 0, -1)];
    default:
      throw new Error(`no surface for ${kind satisfies never} ${c}`);
  }
}

const AXES: readonly [Vector, Vector, Vector] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** The side of a box of these half extents that looks along `normal`, one of the axes. */
function flat(normal: Vector, half: Vector): Patch {
  const axis = normal.findIndex((v) => v !== 0);
  // Pictures are put one below the other: they had better be wide.
  const [one, other] = [(axis + 1) % 3, (axis + 2) % 3];
  const across = AXES[half[one] >= half[other] ? one : other];
  // What goes down in the picture: normal × right, so that the facets look outwards.
  const down = cross(across, normal);
  const extent = (direction: Vector): number =>
    direction.reduce((sum, v, i) => sum + Math.abs(v) * half[i], 0);
  const [w, h, d] = [extent(across), extent(down), extent(normal)];
  return {
    width: 2 * w,
    height: 2 * h,
    facets: [1, 1],
    at: (s, t, spot) => {
      for (let i = 0; i < 3; i++) {
        spot[i] = across[i] * (2 * s - 1) * w + down[i] * (2 * t - 1) * h + normal[i] * d;
        spot[3 + i] = normal[i];
      }
    },
  };
}

/** Round a cylinder; its axis is z. */
function wall(radius: number, half: number): Patch {
  return {
    width: 2 * Math.PI * radius,
    height: 2 * half,
    facets: [ROUND, 1],
    at: (s, t, spot) => {
      const [x, y] = [Math.cos(2 * Math.PI * s), Math.sin(2 * Math.PI * s)];
      write(spot, radius * x, radius * y, (1 - 2 * t) * half, x, y, 0);
    },
  };
}

/** An end of a cylinder: t goes from its middle outwards, or back where it looks down. */
function disc(radius: number, half: number, side: 1 | -1): Patch {
  return {
    width: 2 * Math.PI * radius,
    height: radius,
    facets: [ROUND, 1],
    at: (s, t, spot) => {
      const r = radius * (side > 0 ? t : 1 - t);
      write(spot, r * Math.cos(2 * Math.PI * s), r * Math.sin(2 * Math.PI * s), side * half, 0, 0, side);
    },
  };
}

/** An end of a capsule, from the pole to the wall, or back where it looks down. */
function dome(radius: number, half: number, side: 1 | -1): Patch {
  return {
    width: 2 * Math.PI * radius,
    height: (Math.PI / 2) * radius,
    facets: [ROUND, ROUND / 4],
    at: (s, t, spot) => {
      const polar = (Math.PI / 2) * (side > 0 ? t : 1 - t);
      const x = Math.sin(polar) * Math.cos(2 * Math.PI * s);
      const y = Math.sin(polar) * Math.sin(2 * Math.PI * s);
      const z = side * Math.cos(polar);
      write(spot, radius * x, radius * y, radius * z + side * half, x, y, z);
    },
  };
}

function write(spot: Spot, x: number, y: number, z: number, nx: number, ny: number, nz: number): void {
  spot[0] = x;
  spot[1] = y;
  spot[2] = z;
  spot[3] = nx;
  spot[4] = ny;
  spot[5] = nz;
}

export function cross([ax, ay, az]: Vector, [bx, by, bz]: Vector): Vector {
  return [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
}
