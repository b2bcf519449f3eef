/**
 * The task `pick_at_xy`: of several blocks of one look, take the one on the plate and put it down on the target. Its
 * metric is how far from the target the block ends.
 */
import { z } from 'zod';
import { Random } from '../../../random.js';
import type { Outcome } from '../../robot.js';
import type { Arm } from '../arms.js';
import { Block } from '../block.js';
import { pickAndPlace } from '../expert/pickAndPlace.js';
import { FIRM, OPEN, ofOneArm, type Script } from '../expert/script.js';
import { Mark } from '../mark.js';
import type { Scene } from '../mujoco.js';
import { distance, type Place, scatter } from '../scatter.js';
import type { SimTask } from '../simTask.js';
import { range } from '../surroundings.js';
import { hsv, paintedCube, type Texture } from '../textures.js';
import { lifted, Placing } from './placing.js';
import { taskSchema } from './schema.js';

export const pickAtXySchema = taskSchema(
  'pick_at_xy',
  { tolerance_m: z.number().positive(), hold_s: z.number().nonnegative() },
  {
    place_x_m: range,
    place_y_m: range,
    spacing_m: z.number().nonnegative(),
    block_yaw_rad: range,
    block_hue: range,
    block_saturation: range,
    block_value: range,
  },
);

export type PickAtXySpec = z.infer<typeof pickAtXySchema>;

/** The first is the one to take; nothing but its place tells it from the others. */
const BLOCKS = ['block_1', 'block_2', 'block_3'];

export class PickAtXy implements SimTask {
  readonly script: Script;
  readonly #spec: PickAtXySpec;
  readonly #blocks: readonly Block[];
  readonly #plate: Mark;
  readonly #mark: Mark;
  readonly #placing: Placing;
  #target: Place = [0, 0];

  constructor(scene: Scene, arms: readonly Arm[], spec: PickAtXySpec) {
    this.#spec = spec;
    this.#blocks = BLOCKS.map((name) => new Block(scene, arms, name));
    this.#plate = new Mark(scene, 'plate');
    this.#mark = new Mark(scene, 'target');
    this.#placing = new Placing(this.#blocks[0], spec.hold_s);
    this.script = {
      approaches: ['down'],
      drive: FIRM,
      first: 'approach',
      seconds: 5,
      lingerS: 0.5,
      phases: ofOneArm(
        pickAndPlace({
          block: this.#blocks[0],
          heading: arms[0].heading,
          target: () => this.#target,
          placed: () => this.#error() < spec.tolerance_m / 2,
          release: OPEN,
        }),
      ),
    };
  }

  layOut(seed: number, paint: (geom: number, texture: Texture) => void): void {
    const { name, randomise: r } = this.#spec;
    this.#placing.reset();
    const random = new Random(seed, 'places');
    const area = { x: r.place_x_m, y: r.place_y_m, spacing: r.spacing_m };
    const [target, ...places] = scatter(random, 1 + BLOCKS.length, area, name);
    this.#target = target;
    this.#mark.put(target);
    this.#plate.put(places[0]);
    const colour = new Random(seed, 'paint');
    const [hue, saturation, value] = [
      colour.uniform(...r.block_hue),
      colour.uniform(...r.block_saturation),
      colour.uniform(...r.block_value),
    ];
    this.#blocks.forEach((block, i) => {
      block.lay(...places[i], random.uniform(...r.block_yaw_rad));
      paint(block.geom, paintedCube(hsv(hue, saturation, value), block.half));
    });
  }

  outcome(time: number): Outcome {
    const [block, ...others] = this.#blocks;
    const error = this.#error();
    const reward = this.#placing.reward(error <= this.#spec.tolerance_m, time);
    const failure = block.fallen
      ? 'the block fell off the table'
      : others.some(lifted)
        ? 'a block was lifted that is not on the plate'
        : undefined;
    return { time, reward, ...(failure && { failure }), metrics: { position_error_m: error } };
  }

  /** From the block's centre to the target's, seen from above, m. */
  #error(): number {
    const [x, y] = this.#blocks[0].position;
    return distance([x, y], this.#target);
  }
}
