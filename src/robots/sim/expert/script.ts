/**
 * What a task tells the scripted expert: phases, each with a goal for every arm and the way on from it. A phase sees
 * the world as it is at every tick, so what is done after a disturbance is a recovery, not the rest of a canned path.
 */
import type { Approach, ToolPose } from './kinematics.js';

/** Fingers wide open: the travel of each, m. */
export const OPEN = 0.04;

/** How far ahead of the measured pose a tool's target is put, s: about the servos' lag at constant speed. */
export const LEAD = 0.12;

/** How arms are driven to their goals. */
export interface Drive {
  /** Speed wanted for the distance that is left, 1/s. */
  readonly gain: number;
  /** m/s² */
  readonly acceleration: number;
}

/** Never quite at the goal, so that every disturbance adds to those before it. `pick_lift` was recorded with it. */
export const GENTLE: Drive = { gain: 6, acceleration: 1.2 };

/** Near the goal, the target is the goal itself: what disturbed the arm is forgotten. */
export const FIRM: Drive = { gain: 1 / LEAD, acceleration: 2.4 };

/** One arm as measured. */
export interface ArmSight {
  readonly tool: ToolPose;
  /** Travel of a finger, m. */
  readonly grip: number;
}

export interface Sight {
  /** In the robot's order. */
  readonly arms: readonly ArmSight[];
  /** s since the phase began. */
  readonly inPhase: number;
}

/** Where an arm's tool is to go. */
export interface ArmGoal {
  readonly tool: ToolPose;
  /** m/s, at most. */
  readonly speed: number;
  /** Where a finger is to go, m. */
  readonly grip: number;
}

export interface Phase<P extends string> {
  /** The phase that follows, once it is time for it. */
  next(sight: Sight): P | undefined;
  /** One an arm, in the robot's order. */
  goals(sight: Sight): readonly ArmGoal[];
}

export interface Script<P extends string = string> {
  /** How each arm holds its tool, in the robot's order. */
  readonly approaches: readonly Approach[];
  readonly drive: Drive;
  readonly first: P;
  readonly phases: Readonly<Record<P, Phase<P>>>;
  /** About how long it takes; disturbances come within. */
  readonly seconds: number;
  /** How long a demonstration goes on when the task is solved: what a policy does there is to be learnt, too. */
  readonly lingerS: number;
}

/** A phase as one arm knows it. */
export interface ArmPhase<P extends string> {
  next(arm: ArmSight, inPhase: number): P | undefined;
  goal(arm: ArmSight): ArmGoal;
}

/** The phases of a robot that has one arm. */
export function ofOneArm<P extends string>(phases: Readonly<Record<P, ArmPhase<P>>>): Record<P, Phase<P>> {
  const entries = Object.entries<ArmPhase<P>>(phases).map(([name, { next, goal }]) => [
    name,
    {
      next: ({ arms: [arm], inPhase }: Sight) => next(arm, inPhase),
      goals: ({ arms: [arm] }: Sight) => [goal(arm)],
    },
  ]);
  return Object.fromEntries(entries);
}
