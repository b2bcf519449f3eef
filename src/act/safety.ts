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
import {
  bitOf,
  INTERVENTIONS,
  type Intervention,
  type InterventionCounts,
  interventionList,
  noInterventions,
} from './interventions.js';

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

/** Limits of one joint per control tick. Positions in rad (m), steps per tick. */
interface Joint {
  readonly spec: JointSpec;
  /** The float32 values nearest the contract's limits on their inner side. */
  readonly min: number;
  readonly max: number;
  readonly maxStep: number;
  readonly maxStepChange: number;
}

const NON_FINITE = bitOf('non_finite');
const POSITION = bitOf('position_limit');
const VELOCITY = bitOf('velocity_limit');
const ACCELERATION = bitOf('acceleration_limit');
const RAMP_IN = bitOf('ramp_in');
const STALE = bitOf('hold_stale');
const NO_ACTION = bitOf('hold_no_action');
const EMERGENCY_STOP = bitOf('emergency_stop');

export class Safety {
  readonly #joints: readonly Joint[];
  // Of each joint: the last command, how far it was from the one before, and what the policy wanted it to be.
  readonly #position: Float64Array;
  readonly #step: Float64Array;
  readonly #target: Float64Array;
  readonly #rampInS: number;
  readonly #emergencyStop: EmergencyStop;
  /** In the order of `INTERVENTIONS`. */
  readonly #counts = new Uint32Array(INTERVENTIONS.length);
  /** What was done on the newest tick, a bit a kind: each counts once however many joints meet it. */
  #bits = 0;
  #fault: string | undefined;
  #rampStart = 0;
  #stopped = false;

  /** @param joints limits, in the order of every vector given to this object */
  constructor(joints: readonly JointSpec[], { rateHz, rampInS, emergencyStop }: SafetyOptions) {
    this.#joints = joints.map((joint) => ({
      spec: joint,
      min: roundToward(joint.min, joint.max),
      max: roundToward(joint.max, joint.min),
      maxStep: joint.velocity / rateHz,
      maxStepChange: joint.acceleration / (rateHz * rateHz),
    }));
    this.#position = new Float64Array(joints.length);
    this.#step = new Float64Array(joints.length);
    this.#target = new Float64Array(joints.length);
    this.#rampInS = rampInS;
    this.#emergencyStop = emergencyStop ?? new EmergencyStop();
  }

  /** Ticks by kind since `begin`. */
  get counts(): InterventionCounts {
    const counts = noInterventions();
    INTERVENTIONS.forEach((kind, i) => {
      counts[kind] = this.#counts[i];
    });
    return counts;
  }

  /** What was done to the newest command. */
  get interventions(): readonly Intervention[] {
    return interventionList(this.#bits);
  }

  /** Why the robot must not go on, once set until the next `begin`; every command is then a hold. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** True once holding has brought every joint to a stop. */
  get atRest(): boolean {
    for (let j = 0; j < this.#step.length; j++) if (this.#step[j] !== 0) return false;
    return true;
  }

  /**
   * Starts an episode at the measured pose, standing still. A pose just outside a position limit (a noisy
   * sensor) is taken as at the limit; one further out than a tick's travel is a fault, for any command
   * within the limits would be a jump.
   */
  begin(measured: Float32Array, time: number): void {
    this.#counts.fill(0);
    this.#bits = 0;
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
      this.#position[j] = Number.isFinite(position) ? position : joint.min;
      this.#step[j] = 0;
      this.#target[j] = this.#position[j];
    }
  }

  /**
   * The command for the tick at `time` on the way to `action`, written to `out`. A value that is not finite
   * moves nothing: it latches `fault`, and this command and all after it hold.
   * @param foreseen false where the policy did not predict the action: a soft hold, counted as one
   */
  limit(action: Float32Array, time: number, out: Float32Array, foreseen = true): void {
    this.#bits = 0;
    if (!this.#held(time, out)) this.#follow(action, time, out, foreseen);
    this.#count();
  }

  /** The command for the tick at `time` when there is nothing to follow: brake, then stand. */
  hold(why: Extract<Intervention, 'hold_stale' | 'hold_no_action'>, time: number, out: Float32Array): void {
    this.#bits = 0;
    if (!this.#held(time, out)) {
      this.#bits = why === 'hold_stale' ? STALE : NO_ACTION;
      this.#brake(out);
    }
    this.#count();
  }

  /** A braking command after the episode's end: nobody intervened, so nothing is counted. */
  settle(out: Float32Array): void {
    this.#bits = 0;
    this.#brake(out);
  }

  /** Takes on the whole state of another of the same robot, to look ahead with. Its counts are not taken. */
  copyFrom(other: Safety): void {
    this.#fault = other.#fault;
    this.#rampStart = other.#rampStart;
    this.#stopped = other.#stopped;
    this.#position.set(other.#position);
    this.#step.set(other.#step);
    this.#target.set(other.#target);
  }

  #count(): void {
    for (let i = 0, bits = this.#bits; bits !== 0; i++, bits >>= 1) this.#counts[i] += bits & 1;
  }

  /** Holds, and says so, while a fault or the emergency stop is latched. */
  #held(time: number, out: Float32Array): boolean {
    if (this.#emergencyStop.engaged) {
      this.#stopped = true;
      this.#bits = EMERGENCY_STOP;
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

  #follow(action: Float32Array, time: number, out: Float32Array, foreseen: boolean): void {
    for (let j = 0; j < this.#joints.length; j++) {
      if (!Number.isFinite(action[j])) {
        this.#fault = `the policy's action for joint ${this.#joints[j].spec.name} is ${action[j]}`;
        this.#bits = NON_FINITE;
        this.#brake(out);
        return;
      }
    }
    if (!foreseen) this.#bits = NO_ACTION;
    const ramp = this.#rampInS > 0 ? Math.min(1, Math.max(0, (time - this.#rampStart) / this.#rampInS)) : 1;
    for (let j = 0; j < this.#joints.length; j++) {
      const { min, max, maxStep, maxStepChange } = this.#joints[j];
      const position = this.#position[j];
      const step = this.#step[j];
      const target = Math.min(max, Math.max(min, action[j]));
      if (target !== action[j]) this.#bits |= POSITION;
      const wanted = target - position;
      const allowed = maxStep * ramp;
      if (Math.abs(wanted) > maxStep) this.#bits |= VELOCITY;
      else if (Math.abs(wanted) > allowed) this.#bits |= RAMP_IN;

      // What earlier limits left of the way is made up for at a speed, relative to the target's own, that can
      // be braked from in time; a command that has kept up with the policy has nothing to make up for.
      const gap = this.#target[j] - position;
      const catchUp = target - this.#target[j] + Math.sign(gap) * brakingStep(Math.abs(gap), maxStepChange);
      const goal = Math.abs(gap) <= maxStepChange ? wanted : catchUp;
      this.#target[j] = target;

      const lowest = Math.max(step - maxStepChange, -brakingStep(position - min, maxStepChange));
      const highest = Math.min(step + maxStepChange, brakingStep(max - position, maxStepChange));
      const chosen = Math.min(highest, Math.max(lowest, clamp(goal, allowed)));
      if (chosen !== clamp(wanted, allowed)) this.#bits |= ACCELERATION;
      this.#step[j] = chosen;
      if (chosen === wanted) this.#position[j] = target;
      else this.#move(j);
      out[j] = this.#position[j];
    }
  }

  #brake(out: Float32Array): void {
    for (let j = 0; j < this.#joints.length; j++) {
      const step = this.#step[j];
      this.#step[j] = Math.sign(step) * Math.max(0, Math.abs(step) - this.#joints[j].maxStepChange);
      this.#move(j);
      out[j] = this.#target[j] = this.#position[j];
    }
  }

  /** Moves the command by about its step, never past it: the step becomes what it was moved by. */
  #move(j: number): void {
    const { min, max } = this.#joints[j];
    const position = this.#position[j];
    const next = roundToward(Math.min(max, Math.max(min, position + this.#step[j])), position);
    this.#step[j] = next - position;
    this.#position[j] = next;
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
