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
