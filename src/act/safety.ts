/**
 * The last stage before the robot; nothing configures it away.
 *
 * A command always lies within the position limits and within one tick's travel at the velocity limit of
 * the command before it. The acceleration limit holds too (to the resolution of float32), because a joint
 * is never allowed faster than it can brake from before its position limit. While the command keeps up
 * with the policy, an action that meets every limit passes bit for bit; once it has fallen behind, it
 * catches up as fast as it can without overshooting.
 */
import type { JointSpec } from '../contract/contract.js';
import { roundToward } from './float32.js';
import { type Intervention, type InterventionCounts, noInterventions } from './interventions.js';

/** Latches when pressed and lives as long as the robot, across episodes, until somebody releases it. */
export class EmergencyStop {
  #engaged = false;

  get engaged(): boolean {
    return this.#engaged;
  }

  press(): void {
    this.#engaged = true;
  }

  release(): void {
    this.#engaged = false;
  }
}

export interface SafetyOptions {
  /** Control ticks a second. */
  readonly rateHz: number;
  /** Seconds over which the allowed velocity grows from 0 at the start, and after an emergency stop. */
  readonly rampInS: number;
  readonly emergencyStop?: EmergencyStop;
}

/** Limits of one joint per control tick, and where its commands are. Positions in rad (m), steps per tick. */
interface Joint {
  readonly spec: JointSpec;
  /** The float32 values nearest the contract's limits on their inner side. */
  readonly min: number;
  readonly max: number;
  readonly maxStep: number;
  readonly maxStepChange: number;
  /** The last command, how far it was from the one before, and what the policy wanted it to be. */
  position: number;
  step: number;
  target: number;
}

/** Shared by the many ticks on which nothing happens. */
const NONE: readonly Intervention[] = [];

export class Safety {
  readonly #joints: readonly Joint[];
  readonly #rampInS: number;
  readonly #emergencyStop: EmergencyStop;
  #counts = noInterventions();
  #fault: string | undefined;
  #rampStart = 0;
  #stopped = false;
  #interventions: readonly Intervention[] = NONE;
  // What happened on the tick under way, so that a kind counts once however many joints meet it.
  #position = false;
  #velocity = false;
  #acceleration = false;
  #ramp = false;

  /** @param joints limits, in the order of every vector given to this object */
  constructor(joints: readonly JointSpec[], { rateHz, rampInS, emergencyStop }: SafetyOptions) {
    this.#joints = joints.map((joint) => ({
      spec: joint,
      min: roundToward(joint.min, joint.max),
      max: roundToward(joint.max, joint.min),
      maxStep: joint.velocity / rateHz,
      maxStepChange: joint.acceleration / (rateHz * rateHz),
      position: 0,
      step: 0,
      target: 0,
    }));
    this.#rampInS = rampInS;
    this.#emergencyStop = emergencyStop ?? new EmergencyStop();
  }

  /** Ticks by kind since `begin`. */
  get counts(): InterventionCounts {
    return { ...this.#counts };
  }

  /** What was done to the newest command. */
  get interventions(): readonly Intervention[] {
    return this.#interventions;
  }

  /** Why the robot must not go on, once set until the next `begin`; every command is then a hold. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** True once holding has brought every joint to a stop. */
  get atRest(): boolean {
    return this.#joints.every((joint) => joint.step === 0);
  }

  /**
   * Starts an episode at the measured pose, standing still. A pose just outside a position limit (a noisy
   * sensor) is taken as at the limit; one further out than a tick's travel is a fault, for any command
   * within the limits would be a jump.
   */
  begin(measured: Float32Array, time: number): void {
    this.#counts = noInterventions();
    this.#interventions = NONE;
    this.#fault = undefined;
    this.#rampStart = time;
    this.#stopped = false;
    for (let j = 0; j < this.#joints.length; j++) {
      const joint = this.#joints[j];
      const position = Math.min(joint.max, Math.max(joint.min, measured[j]));
      if (!(Math.abs(measured[j] - position) <= joint.maxStep)) {
        const { name, min, max } = joint.spec;
        this.#fault ??= `joint ${name} starts at ${Number(measured[j].toFixed(4))}, outside its limits ${min} to ${max}`;
      }
      joint.position = Number.isFinite(position) ? position : joint.min;
      joint.step = 0;
      joint.target = joint.position;
    }
  }

  /**
   * The command for the tick at `time` on the way to `action`, written to `out`. A value that is not finite
   * moves nothing: it latches `fault`, and this command and all after it hold.
   */
  limit(action: Float32Array, time: number, out: Float32Array): void {
    this.#interventions = NONE;
    if (this.#held(time, out)) return;
    for (let j = 0; j < this.#joints.length; j++) {
      if (!Number.isFinite(action[j])) {
        this.#fault = `the policy's action for joint ${this.#joints[j].spec.name} is ${action[j]}`;
        this.#count('non_finite');
        this.#brake(out);
        return;
      }
    }
    const ramp = this.#rampInS > 0 ? Math.min(1, Math.max(0, (time - this.#rampStart) / this.#rampInS)) : 1;
    this.#position = this.#velocity = this.#acceleration = this.#ramp = false;
    for (let j = 0; j < this.#joints.length; j++) out[j] = this.#approach(this.#joints[j], action[j], ramp);
    if (this.#position) this.#count('position_limit');
    if (this.#velocity) this.#count('velocity_limit');
    if (this.#acceleration) this.#count('acceleration_limit');
    if (this.#ramp) this.#count('ramp_in');
  }

  /** The command for the tick at `time` when there is nothing to follow: brake, then stand. */
  hold(why: Extract<Intervention, 'hold_stale' | 'hold_no_action'>, time: number, out: Float32Array): void {
    this.#interventions = NONE;
    if (this.#held(time, out)) return;
    this.#count(why);
    this.#brake(out);
  }

  /** A braking command after the episode's end: nobody intervened, so nothing is counted. */
  settle(out: Float32Array): void {
    this.#interventions = NONE;
    this.#brake(out);
  }

  /** Takes on the whole state of another of the same robot, to look ahead with. Its counts are not taken. */
  copyFrom(other: Safety): void {
    this.#fault = other.#fault;
    this.#rampStart = other.#rampStart;
    this.#stopped = other.#stopped;
    for (let j = 0; j < this.#joints.length; j++) {
      const { position, step, target } = other.#joints[j];
      Object.assign(this.#joints[j], { position, step, target });
    }
  }

  #count(kind: Intervention): void {
    this.#counts[kind]++;
    this.#interventions = [...this.#interventions, kind];
  }

  /** Holds, and says so, while a fault or the emergency stop is latched. */
  #held(time: number, out: Float32Array): boolean {
    if (this.#emergencyStop.engaged) {
      this.#stopped = true;
      this.#count('emergency_stop');
      this.#brake(out);
      return true;
    }
    if (this.#stopped) {
      this.#stopped = false;
      this.#rampStart = time;
    }
    if (this.#fault === undefined) return false;
    this.#brake(out);
    return true;
  }

  #brake(out: Float32Array): void {
    for (let j = 0; j < this.#joints.length; j++) {
      const joint = this.#joints[j];
      const slower = Math.max(0, Math.abs(joint.step) - joint.maxStepChange);
      out[j] = this.#move(joint, Math.sign(joint.step) * slower);
      joint.target = joint.position;
    }
  }

  #approach(joint: Joint, action: number, ramp: number): number {
    const { min, max, maxStep, maxStepChange, position, step } = joint;
    const target = Math.min(max, Math.max(min, action));
    if (target !== action) this.#position = true;
    const wanted = target - position;
    const allowed = maxStep * ramp;
    if (Math.abs(wanted) > maxStep) this.#velocity = true;
    else if (Math.abs(wanted) > allowed) this.#ramp = true;

    // What earlier limits left of the way is made up for at a speed, relative to the target's own, that can
    // be braked from in time; a command that has kept up with the policy has nothing to make up for.
    const gap = joint.target - position;
    const catchUp = target - joint.target + Math.sign(gap) * brakingStep(Math.abs(gap), maxStepChange);
    const goal = Math.abs(gap) <= maxStepChange ? wanted : catchUp;
    joint.target = target;

    const lowest = Math.max(step - maxStepChange, -brakingStep(position - min, maxStepChange));
    const highest = Math.min(step + maxStepChange, brakingStep(max - position, maxStepChange));
    const chosen = Math.min(highest, Math.max(lowest, clamp(goal, allowed)));
    if (chosen !== clamp(wanted, allowed)) this.#acceleration = true;
    if (chosen !== wanted) return this.#move(joint, chosen);
    joint.position = target;
    joint.step = wanted;
    return target;
  }

  /** Moves the command by about `step`, never past it. */
  #move(joint: Joint, step: number): number {
    const { position, min, max } = joint;
    const next = roundToward(Math.min(max, Math.max(min, position + step)), position);
    joint.step = next - position;
    joint.position = next;
    return next;
  }
}

/**
 * The longest first step d that still lets a joint stop within `room`, when each further step may be
 * shorter than the one before by at most `change`: the largest d with
 *
 *     d + (d − c) + (d − 2c) + …  (terms > 0)  ≤ room.
 *
 * With n = ⌊d/c⌋ the sum is (n + 1)·d − c·n(n + 1)/2, and d = n·c needs room c·n(n + 1)/2, which gives n.
 * It is the discrete form of v = √(2·a·s): unlike that one it holds exactly at a finite tick rate.
 */
export function brakingStep(room: number, change: number): number {
  const n = Math.floor((Math.sqrt(1 + (8 * room) / change) - 1) / 2);
  return (room + (change * n * (n + 1)) / 2) / (n + 1);
}

function clamp(value: number, magnitude: number): number {
  return Math.min(magnitude, Math.max(-magnitude, value));
}
