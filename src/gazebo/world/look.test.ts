import { describe, expect, it } from 'vitest';
import type { GeomDescription, Vector } from '../../robots/sim/description.js';
import type { Texture } from '../../robots/sim/textures.js';
import { lookOf, type Picture } from './look.js';
import { cross } from './surface.js';

/** Tells where it was asked for: each coordinate in a colour, −5 cm black, 5 cm white. */
const position: Texture = (x, y, z, _nx, _ny, _nz, out) => {
  out.set([x, y, z].map((c) => (c + 0.05) / 0.1));
};

interface Corner {
  readonly point: Vector;
  readonly normal: Vector;
  readonly uv: readonly [number, number];
}

/** The facets of a Wavefront file. */
function facets(mesh: string): Corner[][] {
  const rows = (key: string): number[][] =>
    [...mesh.matchAll(new RegExp(`^${key} (.*)$`, 'gm'))].map(([, values]) => values.split(' ').map(Number));
  const [points, normals, uvs] = [rows('v'), rows('vn'), rows('vt')];
  return [...mesh.matchAll(/^f (.*)$/gm)].map(([, corners]) =>
    corners.split(' ').map((corner): Corner => {
      const [v, vt, vn] = corner.split('/').map((index) => Number(index) - 1);
      return {
        point: points[v] as unknown as Vector,
        normal: normals[vn] as unknown as Vector,
        uv: uvs[vt] as unknown as [number, number],
      };
    }),
  );
}

const middle = (vectors: readonly (readonly number[])[]): number[] =>
  vectors[0].map((_, i) => vectors.reduce((sum, v) => sum + v[i], 0) / vectors.length);
const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

/** Texture coordinates start at the lower left, rows at the top. */
function pixel({ width, height, data }: Picture, u: number, v: number): number[] {
  const i = 3 * (Math.floor((1 - v) * height) * width + Math.floor(u * width));
  return [...data.subarray(i, i + 3)];
}

const SHAPES: readonly Pick<GeomDescription, 'kind' | 'size'>[] = [
  { kind: 'box', size: [0.018, 0.03, 0.04] },
  { kind: 'cylinder', size: [0.03, 0.04, 0] },
  { kind: 'capsule', size: [0.02, 0.03, 0] },
  { kind: 'sphere', size: [0.04, 0, 0] },
];

describe.each(SHAPES)('the look of a $kind', ({ kind, size }) => {
  const { mesh, picture } = lookOf({ kind, size, texture: position });
  const all = facets(mesh);

  it('is closed, and looks outwards', () => {
    // The volume that the facets enclose, by the divergence theorem; and every normal points away from the middle.
    let volume = 0;
    for (const [a, b, c] of all) {
      const turn = cross(minus(b.point, a.point), minus(c.point, a.point));
      const [x, y, z] = a.point;
      volume += (x * turn[0] + y * turn[1] + z * turn[2]) / 6;
      for (const { point, normal } of [a, b, c]) {
        expect(Math.hypot(...normal)).toBeCloseTo(1, 6);
        expect(point.reduce((sum, p, i) => sum + p * normal[i], 0)).toBeGreaterThan(0);
      }
      // Facets that shrink to a line, at a pole, have no side.
      if (Math.hypot(...turn) > 1e-12)
        expect(
          turn.reduce((sum, t, i) => sum + t * (a.normal[i] + b.normal[i] + c.normal[i]), 0),
        ).toBeGreaterThan(0);
    }
    const [r, h] = size;
    const exact = {
      box: 8 * size[0] * size[1] * size[2],
      cylinder: 2 * Math.PI * r * r * h,
      capsule: 2 * Math.PI * r * r * h + (4 / 3) * Math.PI * r ** 3,
      sphere: (4 / 3) * Math.PI * r ** 3,
      plane: 0,
    }[kind];
    expect(volume / exact).toBeGreaterThan(0.97);
    expect(volume / exact).toBeLessThan(1.000001);
  });

  it('has on its surface the colours that the texture has there', () => {
    for (const corners of all) {
      const point = middle(corners.map(({ point }) => point));
      const [u, v] = middle(corners.map(({ uv }) => uv));
      pixel(picture, u, v).forEach((value, c) => {
        // A facet cuts short what is round: half a millimetre, and as much for the pixel.
        expect(Math.abs(value / 255 - (point[c] + 0.05) / 0.1)).toBeLessThan(0.02);
      });
    }
  });
});

describe('lookOf', () => {
  it('shows a part of an endless plane, in a picture of bounded size', () => {
    const { mesh, picture } = lookOf({ kind: 'plane', size: [0, 0, 1], texture: position });
    expect(facets(mesh)).toHaveLength(2);
    expect(picture.width).toBeLessThanOrEqual(2048);
    expect(picture.height).toBeLessThanOrEqual(2048);
    expect(picture.data).toHaveLength(3 * picture.width * picture.height);
  });

  it('paints the margin of a patch as its edge is', () => {
    const { picture } = lookOf({ kind: 'box', size: [0.02, 0.02, 0.02], texture: position });
    const at = (x: number, y: number) =>
      pixel(picture, (x + 0.5) / picture.width, 1 - (y + 0.5) / picture.height);
    expect(at(0, 20)).toEqual(at(4, 20));
    expect(at(20, 0)).toEqual(at(20, 4));
  });
});
