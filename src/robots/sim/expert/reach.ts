/** Moves one arm's tool towards a goal, at limited speed and acceleration. */
import type { Arm } from '../arms.js';
import type { Scene } from '../mujoco.js';
import { clamp, wrap } from './angles.js';
import { type Approach, Kinematics, type ToolPose } from './kinematics.js';
import { type ArmGoal, type ArmSight, type Drive, LEAD, OPEN } from './script.js';

/** Metres, seconds, radians. */
const YAW_SPEED = 1.8;
const YAW_ACCELERATION = 8;
/** Of the fingers' target, m/s: inside the contract's limit. */
const GRIP_SPEED = 0.16;

export interface ReachOptions {
  readonly approach: Approach;
  readonly drive: Drive;
  /** Of the contract, in its order. */
  readonly jointNames: readonly string[];
  /** Control period, s. */
  readonly dt: number;
}

export interface ReachTarget {
  /** Joint positions of the arm, base first. */
  readonly joints: readonly number[];
  readonly grip: number;
}

export class Reach {
  readonly #arm: Arm;
  readonly #kinematics: Kinematics;
  readonly #drive: Drive;
  readonly #dt: number;
  #velocity = [0, 0, 0];
  #yawVelocity = 0;
  #grip = OPEN;

  constructor(scene: Scene, arm: Arm, { approach, drive, jointNames, dt }: ReachOptions) {
    this.#arm = arm;
    this.#drive = drive;
    this.#dt = dt;
    const chain = arm.joints.map((index) => jointNames[index]);
    this.#kinematics = new Kinematics(scene, chain, `${arm.prefix}tcp`, approach);
  }

  free(): void {
    this.#kinematics.free();
  }

  reset(): void {
    this.#velocity = [0, 0, 0];
    this.#yawVelocity = 0;
    this.#grip = OPEN;
  }

  /** @param measured joint positions, contract order. */
  see(measured: ArrayLike<number>): ArmSight {
    return { tool: this.#kinematics.forward(this.#chain(measured)), grip: measured[this.#arm.gripper] };
  }

  /** Targets for the next period: one step of the approach to `goal`, put LEAD ahead of the tool. */
  step({ tool }: ArmSight, goal: ArmGoal, measured: ArrayLike<number>): ReachTarget {
    this.#grip += clamp(goal.grip - this.#grip, GRIP_SPEED * this.#dt);
    const { q } = this.#kinematics.inverse(this.#ahead(tool, goal), this.#chain(measured));
    return { joints: q, grip: this.#grip };
  }

  #ahead(tool: ToolPose, { tool: goal, speed }: ArmGoal): ToolPose {
    const { gain, acceleration } = this.#drive;
    const wanted = [0, 1, 2].map((i) => gain * (goal.position[i] - tool.position[i]));
    const norm = Math.hypot(...wanted);
    if (norm > speed) for (let i = 0; i < 3; i++) wanted[i] *= speed / norm;
    const change = wanted.map((v, i) => v - this.#velocity[i]);
    const size = Math.hypot(...change);
    const limit = acceleration * this.#dt;
    for (let i = 0; i < 3; i++) this.#velocity[i] += size > limit ? (change[i] * limit) / size : change[i];
    this.#yawVelocity += clamp(
      clamp(gain * wrap(goal.yaw - tool.yaw), YAW_SPEED) - this.#yawVelocity,
      YAW_ACCELERATION * this.#dt,
    );
    return {
      position: [
        tool.position[0] + this.#velocity[0] * LEAD,
        tool.position[1] + this.#velocity[1] * LEAD,
        tool.position[2] + this.#velocity[2] * LEAD,
      ],
      yaw: tool.yaw + this.#yawVelocity * LEAD,
    };
  }

  #chain(measured: ArrayLike<number>): number[] {
    return this.#arm.joints.map((index) => measured[index]);
  }
}
