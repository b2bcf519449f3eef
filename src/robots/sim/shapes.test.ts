import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadContract } from '../../contract/load.js';
import { quaternion } from './shapes.js';
import { SimWorld } from './simWorld.js';
import { loadTask } from './task.js';

const root = join(import.meta.dirname, '../../..');

/** The rotation matrix of a unit quaternion, row by row. */
function matrix([x, y, z, w]: readonly number[]): number[] {
  return [
    ...[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    ...[2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    ...[2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
}

describe('quaternion', () => {
  it('is the rotation that the matrix is', () => {
    const part = fc.double({ min: -1, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.tuple(part, part, part, part), (q) => {
        const length = Math.hypot(...q);
        fc.pre(length > 1e-3);
        const wanted = matrix(q.map((c) => c / length));
        matrix(quaternion(wanted)).forEach((value, i) => {
          expect(value).toBeCloseTo(wanted[i], 9);
        });
      }),
    );
  });
});

describe('the shapes of a world', () => {
  it('are where its geoms are, in the colours that its cameras see', async () => {
    const task = await loadTask('pick_lift', join(root, 'config/tasks'));
    const world = await SimWorld.create(await loadContract(join(root, 'config/robots/sim_arm.yaml')), task);
    try {
      const cubes = [3, 4].map((seed) => {
        world.reset(seed);
        const body = 3 * world.scene.id('body', 'cube');
        const position = world.scene.data.xpos.slice(body, body + 3);
        const cube = world.shapes().find((shape) => shape.position.every((p, i) => p === position[i]));
        expect(cube?.kind).toBe('box');
        expect(cube?.size.map((side) => side.toFixed(3))).toEqual(['0.036', '0.036', '0.036']);
        return cube;
      });
      expect(cubes[0]?.colour).not.toEqual(cubes[1]?.colour);
      expect(world.shapes().every(({ size }) => size.every((side) => side > 0))).toBe(true);
    } finally {
      world.free();
    }
  });
});
