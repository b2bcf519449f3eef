import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scene } from '../mujoco.js';
import { Kinematics } from './kinematics.js';

const ARM = ['shoulder_pan', 'shoulder_lift', 'elbow', 'wrist_1', 'wrist_2', 'wrist_3'];
const TOOL_DOWN = [0, 0.15, 1.75, 1.24, 0, 0];
const TOOL_LEVEL = [0, 0.4, 2.25, -1.07, 0, -1.571];

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.load(join(import.meta.dirname, '../../../../config/scenes/tabletop.xml'));
});
afterAll(() => scene.free());

describe('Kinematics', () => {
  it.each([
    ['down', TOOL_DOWN, [0.27, 0.36, 0.45], [0.016, 0.1, 0.16]],
    ['level', TOOL_LEVEL, [0.35, 0.45, 0.54], [0.13, 0.19, 0.25]],
  ] as const)(
    'finds joints for every pose of the workspace, to a tenth of a millimetre: tool %s',
    (approach, start, xs, zs) => {
      const kinematics = new Kinematics(scene, ARM, 'tcp', approach);
      try {
        for (const x of xs) {
          for (const y of [-0.15, 0, 0.15]) {
            for (const z of zs) {
              for (const yaw of approach === 'down' ? [-0.78, 0, 0.78] : [-0.2, 0, 0.2]) {
                const { q, error } = kinematics.inverse({ position: [x, y, z], yaw }, start);
                expect(error, `${x} ${y} ${z} ${yaw}`).toBeLessThan(1e-4);
                const { position, yaw: reached } = kinematics.forward(q);
                expect(Math.hypot(position[0] - x, position[1] - y, position[2] - z)).toBeLessThan(1e-4);
                expect(Math.abs(reached - yaw)).toBeLessThan(1e-3);
              }
            }
          }
        }
      } finally {
        kinematics.free();
      }
    },
  );

  it('holds the tool as it is to: pointing down, or level with a finger above the other', () => {
    // The tool's own y and z axes in the world, from a scene of its own.
    for (const [approach, start, position, pointing, fingers] of [
      ['down', TOOL_DOWN, [0.36, 0, 0.1], [0, 0, -1], [0, 1, 0]],
      ['level', TOOL_LEVEL, [0.45, 0, 0.19], [1, 0, 0], [0, 0, -1]],
    ] as const) {
      const kinematics = new Kinematics(scene, ARM, 'tcp', approach);
      const { q } = kinematics.inverse({ position, yaw: 0 }, start);
      kinematics.free();
      ARM.forEach((name, j) => {
        scene.data.qpos[scene.model.jnt_qposadr[scene.id('joint', name)]] = q[j];
      });
      scene.forward();
      const matrix = scene.data.site_xmat.slice(9 * scene.id('site', 'tcp'));
      for (const row of [0, 1, 2]) {
        expect(matrix[3 * row + 2]).toBeCloseTo(pointing[row], 3);
        expect(matrix[3 * row + 1]).toBeCloseTo(fingers[row], 3);
      }
    }
  });

  it('says how far it stayed from a pose out of reach', () => {
    const kinematics = new Kinematics(scene, ARM, 'tcp', 'down');
    const { error } = kinematics.inverse({ position: [1.5, 0, 0.1], yaw: 0 }, TOOL_DOWN);
    expect(error).toBeGreaterThan(0.3);
    kinematics.free();
  });
});
