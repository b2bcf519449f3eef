/** Observations to try a policy on where no robot is: seeded noise, in the order and rhythm of a live run. */
import type { Observation } from '../observe/observation.js';
import { Random } from '../random.js';
import type { Frame } from '../robots/robot.js';
import type { PolicyBundle } from './bundle.js';

export interface ImageSize {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * Endless; a policy's first observation is its episode's first. Each camera's previous frame is the current one
 * of the observation before, as it is when a policy keeps up with its cameras.
 *
 * @param size of the cameras' images; each camera's own size in the bundle when absent
 */
export function* exampleObservations(
  { cameras, joints, rateHz }: PolicyBundle,
  size?: ImageSize,
): Generator<Observation, never> {
  const random = new Random(1, 'example observations');
  // Two images a camera, by turns: what they show does not matter, that they are new frames does.
  const images = cameras.map((camera) => {
    const { width, height } = size ?? camera;
    const pixels = 3 * width * height;
    const data = [noise(random, pixels), noise(random, pixels)] as const;
    return { camera: camera.name, width, height, data };
  });
  const state = Float32Array.from(joints, () => random.next() - 0.5);
  let before: readonly Frame[] | undefined;
  for (let i = 0; ; i++) {
    const time = i / rateHz;
    const now = images.map(
      ({ data, ...image }): Frame => ({ ...image, time, data: data[i % 2] as Uint8Array }),
    );
    yield {
      time,
      first: i === 0,
      state,
      cameras: now.map((current, c) => ({ current, previous: before?.[c] ?? current })),
    };
    before = now;
  }
}

function noise(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = random.next() * 256;
  return bytes;
}
