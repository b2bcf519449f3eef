/**
 * The task `pick_lift` in the simulated world: what a seed randomises, and the staged reward.
 */
import { Random } from '../../random.js';
import type { Outcome } from '../robot.js';
import type { Scene } from './mujoco.js';
import type { CameraJitter, Renderer } from './renderer.js';
import type { TaskSpec } from './task.js';
import { paintedCube } from './textures.js';

export const PICK_LIFT_MAX_REWARD = 4;

/** Metres the cube's lowest point must be above the table to count as lifted. */
const LIFT_CLEARANCE = 0.01;

export class PickLift {
  readonly maxReward = PICK_LIFT_MAX_REWARD;
  readonly #scene: Scene;
  readonly #spec: TaskSpec;
  readonly #cubeQpos: number;
  readonly #cubeBody: number;
  readonly #cubeGeom: number;
  readonly #cubeHalf: number;
  readonly #fingers: readonly [number, number];
  readonly #table: number;
  #heldSince: number | undefined;

  constructor(scene: Scene, spec: TaskSpec) {
    this.#scene = scene;
    this.#spec = spec;
    this.#cubeBody = scene.id('body', 'cube');
    this.#cubeGeom = scene.id('geom', 'cube');
    this.#cubeQpos = scene.model.jnt_qposadr[scene.id('joint', 'cube')];
    this.#cubeHalf = scene.model.geom_size[this.#cubeGeom * 3];
    this.#fingers = [scene.id('geom', 'finger_left'), scene.id('geom', 'finger_right')];
    this.#table = scene.id('geom', 'table');
  }

  get timeLimitS(): number {
    return this.#spec.time_limit_s;
  }

  /**
   * Lays out an episode: cube, light, camera jitter, home pose of the arm.
   * @returns the arm's start pose (contract joint order) and each camera's jitter.
   */
  randomise(seed: number, renderer: Renderer): { home: number[]; jitter: (role: string) => CameraJitter } {
    const r = this.#spec.randomise;
    const { data } = this.#scene;
    this.#heldSince = undefined;

    const cube = new Random(seed, 'cube');
    const yaw = cube.uniform(...r.cube_yaw_rad);
    const [x, y] = [cube.uniform(...r.cube_x_m), cube.uniform(...r.cube_y_m)];
    data.qpos.set([x, y, this.#cubeHalf, Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2)], this.#cubeQpos);

    const paint = new Random(seed, 'paint');
    const colour = hsv(
      paint.uniform(...r.cube_hue),
      paint.uniform(...r.cube_saturation),
      paint.uniform(...r.cube_value),
    );
    renderer.setTexture(this.#cubeGeom, paintedCube(colour, this.#cubeHalf));

    const light = new Random(seed, 'light');
    const [azimuth, elevation] = [
      light.uniform(...r.light_azimuth_rad),
      light.uniform(...r.light_elevation_rad),
    ];
    renderer.light = {
      direction: [
        Math.cos(elevation) * Math.cos(azimuth),
        Math.cos(elevation) * Math.sin(azimuth),
        Math.sin(elevation),
      ],
      diffuse: light.uniform(...r.light_diffuse),
      ambient: light.uniform(...r.light_ambient),
      tint: [light.uniform(...r.light_tint), 1, light.uniform(...r.light_tint)],
    };

    const arm = new Random(seed, 'home');
    const home = r.home.map((q, i) =>
      i < r.home.length - 1 ? q + arm.uniform(-1, 1) * r.home_joint_rad : q,
    );

    const camera = new Random(seed, 'camera');
    const triple = (scale: number): [number, number, number] => [
      camera.uniform(-scale, scale),
      camera.uniform(-scale, scale),
      camera.uniform(-scale, scale),
    ];
    return {
      home,
      jitter: (role) =>
        role === 'global_overview'
          ? { offset: triple(r.head_camera_offset_m), rotation: triple(r.head_camera_rotation_rad) }
          : { offset: triple(r.wrist_camera_offset_m), rotation: triple(r.wrist_camera_rotation_rad) },
    };
  }

  /** The staged reward of the scene as it stands at `time`. Call it at every control tick. */
  outcome(time: number): Outcome {
    const z = this.#scene.data.xpos[this.#cubeBody * 3 + 2];
    const touching = this.#contacts();
    const grasped = touching.left && touching.right;
    const lifted = grasped && !touching.table && z > this.#cubeHalf + LIFT_CLEARANCE;
    const atGoal = lifted && z >= this.#spec.goal_height_m;
    if (!atGoal) this.#heldSince = undefined;
    else this.#heldSince ??= time;
    const held = this.#heldSince !== undefined && time - this.#heldSince >= this.#spec.hold_s - 1e-9;
    const reward = held ? 4 : lifted ? 3 : grasped ? 2 : touching.left || touching.right ? 1 : 0;
    // Below the table top the cube is out of reach for good.
    if (z < -0.05) return { time, reward, failure: 'the cube fell off the table' };
    return { time, reward };
  }

  /** Cube centre (m) and yaw (rad), world frame. For the expert, which may see what the policy may not. */
  cubePose(): { position: [number, number, number]; yaw: number } {
    const { xpos, xmat } = this.#scene.data;
    const b = this.#cubeBody;
    return {
      position: [xpos[3 * b], xpos[3 * b + 1], xpos[3 * b + 2]],
      yaw: Math.atan2(xmat[9 * b + 3], xmat[9 * b]),
    };
  }

  /** True while both fingers press on the cube. */
  grasped(): boolean {
    const { left, right } = this.#contacts();
    return left && right;
  }

  #contacts(): { left: boolean; right: boolean; table: boolean } {
    const touching = { left: false, right: false, table: false };
    const contacts = this.#scene.data.contact;
    for (let i = 0; i < contacts.size(); i++) {
      const contact = contacts.get(i);
      if (!contact) continue;
      const other =
        contact.geom1 === this.#cubeGeom
          ? contact.geom2
          : contact.geom2 === this.#cubeGeom
            ? contact.geom1
            : -1;
      if (contact.dist < 0.0005) {
        if (other === this.#fingers[0]) touching.left = true;
        else if (other === this.#fingers[1]) touching.right = true;
        else if (other === this.#table) touching.table = true;
      }
      contact.delete();
    }
    contacts.delete();
    return touching;
  }
}

/** Hue, saturation, value (0…1) to linear rgb. */
function hsv(h: number, s: number, v: number): [number, number, number] {
  const f = (n: number): number => {
    const k = (n + h * 6) % 6;
    return v - v * s * Math.max(0, Math.min(k, 4 - k, 1));
  };
  return [f(5), f(3), f(1)];
}
