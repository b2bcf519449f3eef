/** The task's light, as its mean, in the terms of Gazebo's renderer. */
import type { Surroundings } from '../../robots/sim/surroundings.js';

export interface SdfLight {
  readonly ambient: readonly [number, number, number];
  /** Strength of the directed light. */
  readonly diffuse: number;
  /** That it shines in: from the lamp. */
  readonly direction: readonly [number, number, number];
  readonly background: readonly [number, number, number];
}

/** Of light that comes from the camera itself, and of how squarely it meets what is seen: as the embedded renderer has it. */
const HEADLIGHT = 0.15;
const FACING = 0.75;
/** The embedded renderer's sky, 0…255, between horizon and zenith. */
const SKY = [130, 140, 153] as const;
/** Brightness, 0…1, of the surfaces that are to come out the same: between the table's and a finger's. */
const SURFACE = 0.5;

/**
 * As much of the light as Ogre's materials give back: they divide ambient light by π, and at roughness 1 their diffuse
 * model (Burley's, with Lagarde and de Rousiers' factor that keeps the energy) takes a third of the directed.
 */
const GIVEN_BACK = { ambient: 1 / Math.PI, directed: 1 / 1.51 };

/**
 * Both renderers shade by Lambert's law. The embedded one multiplies the bytes of a picture with the light; Gazebo's
 * first makes them linear, and the product sRGB again. So that what is in the shade, and what lies flat on the table,
 * comes out as bright as there, the light is made linear likewise.
 */
export function meanLight(randomise: Surroundings): SdfLight {
  const elevation = mean(randomise.light_elevation_rad);
  const azimuth = mean(randomise.light_azimuth_rad);
  const shade = mean(randomise.light_ambient) + HEADLIGHT * FACING;
  const flat = shade + mean(randomise.light_diffuse) * Math.sin(elevation);
  const ambient = linear(SURFACE * shade) / linear(SURFACE);
  const level = linear(SURFACE * flat) / linear(SURFACE);
  const [h, v] = [Math.cos(elevation), Math.sin(elevation)];
  return {
    ambient: [ambient / GIVEN_BACK.ambient, ambient / GIVEN_BACK.ambient, ambient / GIVEN_BACK.ambient],
    diffuse: (level - ambient) / v / GIVEN_BACK.directed,
    direction: [-h * Math.cos(azimuth), -h * Math.sin(azimuth), -v],
    background: [SKY[0] / 255, SKY[1] / 255, SKY[2] / 255],
  };
}

const mean = ([low, high]: readonly [number, number]): number => (low + high) / 2;

/** Of sRGB, IEC 61966-2-1. */
function linear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
