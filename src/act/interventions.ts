/**
 * Why the safety stage changed a command. Each kind counts control ticks: a tick on which several joints
 * meet one limit counts once, a tick on which two limits meet counts once under each.
 */
export const INTERVENTIONS = [
  'non_finite',
  'position_limit',
  'velocity_limit',
  'acceleration_limit',
  'ramp_in',
  'hold_stale',
  'hold_no_action',
  'emergency_stop',
] as const;

export type Intervention = (typeof INTERVENTIONS)[number];

/** Ticks by kind; every kind is present, zero where nothing happened. */
export type InterventionCounts = Readonly<Record<Intervention, number>>;

export function noInterventions(): Record<Intervention, number> {
  return {
    non_finite: 0,
    position_limit: 0,
    velocity_limit: 0,
    acceleration_limit: 0,
    ramp_in: 0,
    hold_stale: 0,
    hold_no_action: 0,
    emergency_stop: 0,
  };
}

/** By bits: bit i stands for the i-th kind. Made beforehand, so that a control tick makes none. */
const LISTS: readonly (readonly Intervention[])[] = Array.from(
  { length: 1 << INTERVENTIONS.length },
  (_, bits) => Object.freeze(INTERVENTIONS.filter((_, i) => bits & (1 << i))),
);

/** The bit of one kind, for `interventionList`. */
export function bitOf(kind: Intervention): number {
  return 1 << INTERVENTIONS.indexOf(kind);
}

/** The kinds whose bits are set, in the order of `INTERVENTIONS`; lent for ever, not to be changed. */
export function interventionList(bits: number): readonly Intervention[] {
  return LISTS[bits];
}
