/**
 * The scripted expert of `pick_lift`. It sees the true cube pose and reacts to the *measured* state at every
 * tick, so what it does after a disturbance is a recovery, not the rest of a canned path: hover above the
 * cube, descend, close, lift; open and start again when the cube slipped or was pushed away.
 */
import type { ToolPose } from './kinematics.js';
import { Kinematics } from './kinematics.js';
import type { PickLift } from './pickLift.js';
import type { SimRobot } from './simRobot.js';

/** Metres, seconds, radians. */
const HOVER = 0.085;
const GRASP_DEPTH = 0.002; // the tool centre below the cube's centre
const LIFT_TO = 0.16;
const OPEN = 0.04;
/** Fingers this far apart (one finger's travel) or less hold nothing. */
const EMPTY = 0.012;
const SPEED = 0.3;
const SPEED_NEAR = 0.18;
const ACCELERATION = 1.2;
const YAW_SPEED = 1.8;
const YAW_ACCELERATION = 8;
const GAIN = 6;
/** How far ahead of the measured pose the target is put, s: about the servos' lag at constant speed. */
const LEAD = 0.12;

type Phase = 'approach' | 'descend' | 'close' | 'lift' | 'retreat';

export class PickLiftExpert {
  readonly #task: PickLift;
  readonly #kinematics: Kinematics;
  readonly #arm: number;
  readonly #dt: number;
  #phase: Phase = 'approach';
  #inPhase = 0;
  #velocity = [0, 0, 0];
  #yawVelocity = 0;
  #grip = OPEN;

  constructor(robot: SimRobot) {
    this.#task = robot.task;
    const names = robot.contract.joints.map((joint) => joint.name);
    this.#arm = names.indexOf('gripper');
    this.#kinematics = new Kinematics(robot.scene, names.slice(0, this.#arm), 'tcp');
    this.#dt = 1 / robot.contract.rateHz;
  }

  free(): void {
    this.#kinematics.free();
  }

  reset(): void {
    this.#enter('approach');
    this.#velocity = [0, 0, 0];
    this.#yawVelocity = 0;
    this.#grip = OPEN;
  }

  /**
   * Joint targets for the next period (contract order), from the measured joints.
   * @param measured joint positions, contract order.
   */
  act(measured: ArrayLike<number>): Float32Array {
    const tool = this.#kinematics.forward(measured);
    const cube = this.#task.cubePose();
    const yaw = nearestYaw(cube.yaw);
    const [dx, dy] = [cube.position[0] - tool.position[0], cube.position[1] - tool.position[1]];
    const aside = Math.hypot(dx, dy);
    const above = tool.position[2] - cube.position[2];
    const turn = wrap(yaw - tool.yaw);
    this.#inPhase += this.#dt;
    this.#next({ aside, above, turn, grip: measured[this.#arm], height: cube.position[2] });

    const at = cube.position;
    let goal: ToolPose;
    let speed = SPEED;
    switch (this.#phase) {
      case 'approach':
        goal = { position: [at[0], at[1], at[2] + HOVER], yaw };
        break;
      case 'descend':
        goal = { position: [at[0], at[1], at[2] - GRASP_DEPTH], yaw };
        speed = SPEED_NEAR;
        break;
      case 'close':
        goal = { position: [at[0], at[1], Math.max(at[2] - GRASP_DEPTH, 0.012)], yaw: tool.yaw };
        speed = 0.05;
        break;
      case 'lift':
        goal = { position: [tool.position[0], tool.position[1], LIFT_TO], yaw: tool.yaw };
        speed = SPEED_NEAR;
        break;
      case 'retreat':
        goal = { position: [tool.position[0], tool.position[1], HOVER + 0.02], yaw: tool.yaw };
        break;
    }
    const gripTarget = this.#phase === 'close' || this.#phase === 'lift' ? 0 : OPEN;
    // The fingers' target moves at 0.16 m/s, inside the contract's limit.
    this.#grip += clamp(gripTarget - this.#grip, 0.16 * this.#dt);
    return this.#target(tool, goal, speed, measured);
  }

  #next(s: { aside: number; above: number; turn: number; grip: number; height: number }): void {
    switch (this.#phase) {
      case 'approach':
        if (s.aside < 0.012 && Math.abs(s.turn) < 0.15 && s.above < HOVER + 0.03) this.#enter('descend');
        break;
      case 'descend':
        if (s.aside > 0.025 || (s.above > 0.03 && Math.abs(s.turn) > 0.4)) this.#enter('approach');
        else if (s.above < 0.006 && s.aside < 0.01) this.#enter('close');
        break;
      case 'close':
        if (s.aside > 0.025) this.#enter('retreat');
        else if (this.#inPhase > 0.25 && this.#task.grasped()) this.#enter('lift');
        else if (this.#inPhase > 0.8) this.#enter('retreat');
        break;
      case 'lift':
        if (s.grip < EMPTY || s.above < -0.03 || s.aside > 0.03 || s.above > 0.04) this.#enter('retreat');
        break;
      case 'retreat':
        if (s.grip > 0.03 && this.#inPhase > 0.3) this.#enter('approach');
        break;
    }
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#inPhase = 0;
  }

  /** One step of a speed- and acceleration-limited approach to `goal`, put LEAD ahead of the tool. */
  #target(tool: ToolPose, goal: ToolPose, speed: number, measured: ArrayLike<number>): Float32Array {
    const wanted = [0, 1, 2].map((i) => GAIN * (goal.position[i] - tool.position[i]));
    const norm = Math.hypot(...wanted);
    if (norm > speed) for (let i = 0; i < 3; i++) wanted[i] *= speed / norm;
    const change = wanted.map((v, i) => v - this.#velocity[i]);
    const size = Math.hypot(...change);
    const limit = ACCELERATION * this.#dt;
    for (let i = 0; i < 3; i++) this.#velocity[i] += size > limit ? (change[i] * limit) / size : change[i];
    this.#yawVelocity += clamp(
      clamp(GAIN * wrap(goal.yaw - tool.yaw), YAW_SPEED) - this.#yawVelocity,
      YAW_ACCELERATION * this.#dt,
    );
    const yaw = tool.yaw + this.#yawVelocity * LEAD;
    const position: [number, number, number] = [
      tool.position[0] + this.#velocity[0] * LEAD,
      tool.position[1] + this.#velocity[1] * LEAD,
      tool.position[2] + this.#velocity[2] * LEAD,
    ];
    const { q } = this.#kinematics.inverse({ position, yaw }, measured);
    return Float32Array.from([...q, this.#grip]);
  }
}

/** A cube looks the same every quarter turn: the yaw within ±45° of the arm's own. */
function nearestYaw(yaw: number): number {
  const quarter = Math.PI / 2;
  return yaw - quarter * Math.round(yaw / quarter);
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}

function wrap(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}
