/** What a seed decides in every task: the light, the cameras' mounting, the arms' start pose. */
import { z } from 'zod';
import { Random } from '../../random.js';
import type { Arm } from './arms.js';
import type { CameraJitter, Light } from './renderer.js';

export const range = z.tuple([z.number(), z.number()]).refine(([lo, hi]) => lo <= hi, 'must be [low, high]');

/** Keys of a task's `randomise`. Each range is drawn from uniformly. */
export const surroundings = {
  light_azimuth_rad: range,
  light_elevation_rad: range,
  light_diffuse: range,
  light_ambient: range,
  light_tint: range,
  head_camera_offset_m: z.number().nonnegative(),
  head_camera_rotation_rad: z.number().nonnegative(),
  wrist_camera_offset_m: z.number().nonnegative(),
  wrist_camera_rotation_rad: z.number().nonnegative(),
  home_joint_rad: z.number().nonnegative(),
  home: z.array(z.number()),
};

export type Surroundings = z.infer<z.ZodObject<typeof surroundings>>;

export function lightOf(spec: Surroundings, seed: number): Light {
  const light = new Random(seed, 'light');
  const [azimuth, elevation] = [
    light.uniform(...spec.light_azimuth_rad),
    light.uniform(...spec.light_elevation_rad),
  ];
  return {
    direction: [
      Math.cos(elevation) * Math.cos(azimuth),
      Math.cos(elevation) * Math.sin(azimuth),
      Math.sin(elevation),
    ],
    diffuse: light.uniform(...spec.light_diffuse),
    ambient: light.uniform(...spec.light_ambient),
    tint: [light.uniform(...spec.light_tint), 1, light.uniform(...spec.light_tint)],
  };
}

/** The pose the arms start in, contract joint order; grippers start where the task says. */
export function homeOf(spec: Surroundings, arms: readonly Arm[], seed: number): number[] {
  const random = new Random(seed, 'home');
  const grippers = new Set(arms.map(({ gripper }) => gripper));
  return spec.home.map((q, i) => (grippers.has(i) ? q : q + random.uniform(-1, 1) * spec.home_joint_rad));
}

/** Draws the jitter of one camera after the other, by role. */
export function jitterOf(spec: Surroundings, seed: number): (role: string) => CameraJitter {
  const random = new Random(seed, 'camera');
  const triple = (scale: number): [number, number, number] => [
    random.uniform(-scale, scale),
    random.uniform(-scale, scale),
    random.uniform(-scale, scale),
  ];
  return (role) =>
    role === 'global_overview'
      ? { offset: triple(spec.head_camera_offset_m), rotation: triple(spec.head_camera_rotation_rad) }
      : { offset: triple(spec.wrist_camera_offset_m), rotation: triple(spec.wrist_camera_rotation_rad) };
}
