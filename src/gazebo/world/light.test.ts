import { describe, expect, it } from 'vitest';
import { meanLight } from './light.js';

const RANDOMISE = {
  light_azimuth_rad: [-3, 3],
  light_elevation_rad: [0.75, 1.4],
  light_diffuse: [0.55, 0.9],
  light_ambient: [0.3, 0.5],
  light_tint: [0.92, 1.08],
  head_camera_offset_m: 0,
  head_camera_rotation_rad: 0,
  wrist_camera_offset_m: 0,
  wrist_camera_rotation_rad: 0,
  home_joint_rad: 0,
  home: [],
} as const;

/** As Ogre shows a grey of sRGB value `colour` under ambient and directed light. */
function shown(colour: number, ambient: number, directed: number): number {
  const linear = ((colour + 0.055) / 1.055) ** 2.4 * (ambient / Math.PI + directed / 1.51);
  return 1.055 * linear ** (1 / 2.4) - 0.055;
}

describe('meanLight', () => {
  const elevation = (0.75 + 1.4) / 2;
  const light = meanLight({ ...RANDOMISE, light_azimuth_rad: [0, 0] } as never);

  it('shines down from the mean direction', () => {
    const [x, y, z] = light.direction;
    expect(Math.hypot(x, y, z)).toBeCloseTo(1, 9);
    expect([x, y, z]).toEqual([-Math.cos(elevation), -0, -Math.sin(elevation)]);
  });

  it('shows a table top, and what is in the shade, as bright as the embedded renderer does', () => {
    const shade = 0.4 + 0.15 * 0.75;
    const flat = shade + 0.725 * Math.sin(elevation);
    expect(shown(0.5, light.ambient[0], 0)).toBeCloseTo(0.5 * shade, 6);
    expect(shown(0.5, light.ambient[0], light.diffuse * Math.sin(elevation))).toBeCloseTo(0.5 * flat, 6);
    // Of other greys and slopes nearly so.
    for (const colour of [0.2, 0.35, 0.7])
      for (const facing of [0.25, 0.5, 0.75, 1])
        expect(
          Math.abs(
            shown(colour, light.ambient[0], light.diffuse * facing) - colour * (shade + 0.725 * facing),
          ),
        ).toBeLessThan(0.1 * colour + 0.01);
  });
});
