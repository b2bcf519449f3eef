/**
 * The task `pick_lift`: hold the cube up. Reward: 1 a finger touches it, 2 grasped (both fingers), 3 lifted off the
 * table, 4 held at goal height for `hold_s`.
 */
import { z } from 'zod';
import { Random } from '../../../random.js';
import type { Outcome } from '../../robot.js';
import type { Arm } from '../arms.js';
import { Block } from '../block.js';
import { dropped, GRASP_DEPTH, grasp, SPEED_NEAR } from '../expert/grasp.js';
import { GENTLE, ofOneArm, type Script } from '../expert/script.js';
import { Lasting } from '../lasting.js';
import type { Scene } from '../mujoco.js';
import type { SimTask } from '../simTask.js';
import { range } from '../surroundings.js';
import { hsv, paintedCube, type Texture } from '../textures.js';
import { taskSchema } from './schema.js';

export const pickLiftSchema = taskSchema(
  'pick_lift',
  {
    goal_height_m: z.number().positive(),
    hold_s: z.number().nonnegative(),
  },
  {
    cube_x_m: range,
    cube_y_m: range,
    cube_yaw_rad: range,
    cube_hue: range,
    cube_saturation: range,
    cube_value: range,
  },
);

export type PickLiftSpec = z.infer<typeof pickLiftSchema>;

/** Metres the cube's lowest point must be above the table to count as lifted. */
const LIFT_CLEARANCE = 0.01;
/** Where the expert lifts it to, m. */
const LIFT_TO = 0.16;

export class PickLift implements SimTask {
  readonly script: Script;
  readonly #spec: PickLiftSpec;
  readonly #cube: Block;
  readonly #held: Lasting;

  constructor(scene: Scene, arms: readonly Arm[], spec: PickLiftSpec) {
    this.#spec = spec;
    this.#cube = new Block(scene, arms, 'cube');
    this.#held = new Lasting(spec.hold_s);
    this.script = script(this.#cube, arms[0].heading);
  }

  layOut(seed: number, paint: (geom: number, texture: Texture) => void): void {
    const { randomise: r } = this.#spec;
    this.#held.reset();
    const place = new Random(seed, 'cube');
    const yaw = place.uniform(...r.cube_yaw_rad);
    const [x, y] = [place.uniform(...r.cube_x_m), place.uniform(...r.cube_y_m)];
    this.#cube.lay(x, y, yaw);
    const colour = new Random(seed, 'paint');
    const [hue, saturation, value] = [
      colour.uniform(...r.cube_hue),
      colour.uniform(...r.cube_saturation),
      colour.uniform(...r.cube_value),
    ];
    paint(this.#cube.geom, paintedCube(hsv(hue, saturation, value), this.#cube.half));
  }

  outcome(time: number): Outcome {
    const [, , z] = this.#cube.position;
    const { fingers, table } = this.#cube.touch;
    const grasped = fingers[0] === 2;
    const lifted = grasped && !table && z > this.#cube.half + LIFT_CLEARANCE;
    const held = this.#held.lasts(lifted && z >= this.#spec.goal_height_m, time);
    const reward = held ? 4 : lifted ? 3 : grasped ? 2 : fingers[0] > 0 ? 1 : 0;
    if (this.#cube.fallen) return { time, reward, failure: 'the cube fell off the table' };
    return { time, reward };
  }
}

function script(cube: Block, heading: number): Script {
  return {
    approaches: ['down'],
    drive: GENTLE,
    first: 'approach',
    seconds: 4,
    lingerS: 0,
    phases: ofOneArm({
      ...grasp({ block: cube, yaw: () => cube.yaw, arm: 0, heading, depth: GRASP_DEPTH, whenHeld: 'lift' }),
      lift: {
        next: (arm) => (dropped(arm, cube) ? 'retreat' : undefined),
        goal: ({ tool }) => ({
          tool: { position: [tool.position[0], tool.position[1], LIFT_TO], yaw: tool.yaw },
          speed: SPEED_NEAR,
          grip: 0,
        }),
      },
    }),
  };
}
