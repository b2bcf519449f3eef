/**
 * The task `transfer_cube`, staged as ALOHA's: the right arm takes the cube from the table and gives it to the left.
 * Reward: 1 the right gripper touches it, 2 lifted by it, 3 touched by the left gripper in the air, 4 transferred: held
 * by the left gripper alone for `hold_s`, after the right one had lifted it.
 */
import { z } from 'zod';
import { Random } from '../../../random.js';
import type { Outcome } from '../../robot.js';
import type { Arm } from '../arms.js';
import { Block } from '../block.js';
import { handOver } from '../expert/handOver.js';
import { FIRM, type Script } from '../expert/script.js';
import { Lasting } from '../lasting.js';
import type { Scene } from '../mujoco.js';
import type { SimTask } from '../simTask.js';
import { range } from '../surroundings.js';
import { hsv, paintedCube, type Texture } from '../textures.js';
import { taskSchema } from './schema.js';

export const transferCubeSchema = taskSchema(
  'transfer_cube',
  { hold_s: z.number().nonnegative() },
  {
    cube_x_m: range,
    cube_y_m: range,
    cube_yaw_rad: range,
    cube_hue: range,
    cube_saturation: range,
    cube_value: range,
  },
);

export type TransferCubeSpec = z.infer<typeof transferCubeSchema>;

/** Indices of the arms, in the order of the contract. */
const [LEFT, RIGHT] = [0, 1];
/** Metres the cube's centre must be higher than on the table to count as lifted. */
const LIFT_CLEARANCE = 0.01;
/** Where the expert hands it over, m. */
const HAND_OVER = [0.04, 0, 0.19] as const;

export class TransferCube implements SimTask {
  readonly script: Script;
  readonly #spec: TransferCubeSpec;
  readonly #cube: Block;
  readonly #held: Lasting;
  #lifted = false;

  constructor(scene: Scene, arms: readonly Arm[], spec: TransferCubeSpec) {
    this.#spec = spec;
    this.#cube = new Block(scene, arms, 'cube');
    this.#held = new Lasting(spec.hold_s);
    this.script = {
      approaches: ['level', 'down'],
      drive: FIRM,
      first: 'approach',
      seconds: 6,
      lingerS: 0.5,
      phases: handOver({
        block: this.#cube,
        giver: RIGHT,
        taker: LEFT,
        giverHeading: arms[RIGHT].heading,
        takerHeading: arms[LEFT].heading,
        at: HAND_OVER,
      }),
    };
  }

  layOut(seed: number, paint: (geom: number, texture: Texture) => void): void {
    const { randomise: r } = this.#spec;
    this.#held.reset();
    this.#lifted = false;
    const place = new Random(seed, 'cube');
    const [x, y, yaw] = [r.cube_x_m, r.cube_y_m, r.cube_yaw_rad].map((each) => place.uniform(...each));
    this.#cube.lay(x, y, yaw);
    const colour = new Random(seed, 'paint');
    const [hue, saturation, value] = [r.cube_hue, r.cube_saturation, r.cube_value].map((each) =>
      colour.uniform(...each),
    );
    paint(this.#cube.geom, paintedCube(hsv(hue, saturation, value), this.#cube.half));
  }

  outcome(time: number): Outcome {
    const { fingers, table } = this.#cube.touch;
    const inAir = !table && this.#cube.position[2] > this.#cube.half + LIFT_CLEARANCE;
    const lifted = inAir && fingers[RIGHT] === 2;
    this.#lifted ||= lifted;
    const kept = this.#lifted && inAir && fingers[LEFT] === 2 && fingers[RIGHT] === 0;
    const transferred = this.#held.lasts(kept, time);
    const touched = inAir && fingers[LEFT] > 0;
    const reward = transferred ? 4 : touched ? 3 : lifted ? 2 : fingers[RIGHT] > 0 ? 1 : 0;
    if (this.#cube.fallen) return { time, reward, failure: 'the cube fell off the table' };
    return { time, reward };
  }
}
