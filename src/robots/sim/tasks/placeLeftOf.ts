/**
 * The task `place_left_of`: put the red block down left of the blue one, as the head camera sees it, and leave the blue
 * one where it is.
 */
import { z } from 'zod';
import { Random } from '../../../random.js';
import type { Outcome } from '../../robot.js';
import type { Arm } from '../arms.js';
import { Block } from '../block.js';
import { pickAndPlace } from '../expert/pickAndPlace.js';
import { FIRM, ofOneArm, type Script } from '../expert/script.js';
import type { Scene } from '../mujoco.js';
import { distance, type Place, scatter } from '../scatter.js';
import type { SimTask } from '../simTask.js';
import { range } from '../surroundings.js';
import { hsv, paintedCube, type Texture } from '../textures.js';
import { Placing } from './placing.js';
import { taskSchema } from './schema.js';

export const placeLeftOfSchema = taskSchema(
  'place_left_of',
  {
    seen_by: z.string().min(1),
    gap_m: range,
    band_m: z.number().positive(),
    moved_max_m: z.number().positive(),
    hold_s: z.number().nonnegative(),
  },
  {
    place_x_m: range,
    place_y_m: range,
    spacing_m: z.number().nonnegative(),
    block_yaw_rad: range,
    red_hue: range,
    blue_hue: range,
    block_saturation: range,
    block_value: range,
  },
);

export type PlaceLeftOfSpec = z.infer<typeof placeLeftOfSchema>;

/** The expert lets go with its fingers no further apart than this (m): the other block is near. */
const RELEASE = 0.028;

export class PlaceLeftOf implements SimTask {
  readonly script: Script;
  readonly #spec: PlaceLeftOfSpec;
  readonly #red: Block;
  readonly #blue: Block;
  readonly #placing: Placing;
  /** Unit vector on the table that points to the right in the camera's image. */
  readonly #right: Place;
  #blueStart: Place = [0, 0];

  constructor(scene: Scene, arms: readonly Arm[], spec: PlaceLeftOfSpec) {
    this.#spec = spec;
    this.#red = new Block(scene, arms, 'red_block');
    this.#blue = new Block(scene, arms, 'blue_block');
    this.#placing = new Placing(this.#red, spec.hold_s);
    this.#right = rightOf(scene, spec.seen_by);
    this.script = {
      approaches: ['down'],
      drive: FIRM,
      first: 'approach',
      seconds: 5,
      lingerS: 0.5,
      phases: ofOneArm(
        pickAndPlace({
          block: this.#red,
          heading: arms[0].heading,
          target: () => this.#aim(),
          placed: () => this.#isLeftOf(0.01),
          release: RELEASE,
        }),
      ),
    };
  }

  layOut(seed: number, paint: (geom: number, texture: Texture) => void): void {
    const { name, randomise: r } = this.#spec;
    this.#placing.reset();
    const random = new Random(seed, 'places');
    const { x, y, spacing } = { x: r.place_x_m, y: r.place_y_m, spacing: r.spacing_m };
    const inside = ([px, py]: Place) => px >= x[0] && px <= x[1] && py >= y[0] && py <= y[1];
    // The place left of the blue block is in the area, and the red block is not near it.
    const [red, blue] = scatter(random, 2, { x, y, spacing }, name, ([red, blue]) => {
      const aim = this.#leftOf(blue);
      return inside(aim) && distance(red, aim) >= spacing;
    });
    this.#blueStart = blue;
    this.#red.lay(...red, random.uniform(...r.block_yaw_rad));
    this.#blue.lay(...blue, random.uniform(...r.block_yaw_rad));
    const colour = new Random(seed, 'paint');
    for (const [block, hue] of [
      [this.#red, r.red_hue],
      [this.#blue, r.blue_hue],
    ] as const) {
      const [h, s, v] = [hue, r.block_saturation, r.block_value].map((each) => colour.uniform(...each));
      paint(block.geom, paintedCube(hsv(((h % 1) + 1) % 1, s, v), block.half));
    }
  }

  outcome(time: number): Outcome {
    const moved = distance(onTable(this.#blue), this.#blueStart);
    const reward = this.#placing.reward(this.#isLeftOf(0), time);
    const failure = this.#red.fallen
      ? 'the red block fell off the table'
      : moved > this.#spec.moved_max_m
        ? 'the blue block was moved'
        : undefined;
    return { time, reward, ...(failure && { failure }), metrics: { blue_moved_m: moved } };
  }

  /** Whether red is left of blue, within the limits by at least `margin` (m): at a distance, and neither nearer nor farther. */
  #isLeftOf(margin: number): boolean {
    const { gap_m, band_m } = this.#spec;
    const [ax, ay] = onTable(this.#red);
    const [bx, by] = onTable(this.#blue);
    const [rx, ry] = this.#right;
    const gap = (bx - ax) * rx + (by - ay) * ry;
    const depth = (by - ay) * rx - (bx - ax) * ry;
    return gap >= gap_m[0] + margin && gap <= gap_m[1] - margin && Math.abs(depth) <= band_m - margin;
  }

  /** The middle of all places that are left of `place`. */
  #leftOf([x, y]: Place): Place {
    const [low, high] = this.#spec.gap_m;
    const gap = (low + high) / 2;
    return [x - gap * this.#right[0], y - gap * this.#right[1]];
  }

  #aim(): Place {
    return this.#leftOf(onTable(this.#blue));
  }
}

function onTable(block: Block): Place {
  const [x, y] = block.position;
  return [x, y];
}

/** The x axis of a camera that stands still, on the table. */
function rightOf(scene: Scene, camera: string): Place {
  scene.forward();
  const { cam_xmat } = scene.data;
  const c = 9 * scene.id('camera', camera);
  const [x, y] = [cam_xmat[c], cam_xmat[c + 3]];
  const length = Math.hypot(x, y);
  return [x / length, y / length];
}
