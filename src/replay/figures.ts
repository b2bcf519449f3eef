/** The figures of one bag, from what was compared in it. */
import type { InterventionCounts } from '../act/interventions.js';
import type { Compared } from './comparison.js';
import { errorFigures, type JointErrors } from './jointErrors.js';
import type { HorizonRow, JointFigures, ReplayFigures } from './results.js';

export interface Units {
  /** Bundle order. */
  readonly joints: readonly string[];
  readonly rateHz: number;
}

/** @param recordedTicks of the bag */
export function figures(
  compared: Compared,
  recordedTicks: number,
  safety: InterventionCounts,
  { joints, rateHz }: Units,
): ReplayFigures {
  const { command } = compared;
  const differences = joints.map((_, j) => errorFigures(command, j).max);
  const max = differences.includes(null) ? null : Math.max(...(differences as number[]));
  return {
    ticks: compared.ticks,
    inferences: compared.inferences,
    chunk_rows: compared.chunk.count,
    chunk_error: byName(compared.chunk, joints),
    horizon: horizonRows(compared, joints, rateHz),
    actions: compared.action.count,
    action_error: byName(compared.action, joints),
    command: {
      compared: command.count,
      max_difference: max,
      identical: max === 0 && compared.ticks === recordedTicks,
    },
    safety,
  };
}

function byName(errors: JointErrors, joints: readonly string[]): JointFigures {
  return Object.fromEntries(joints.map((name, j) => [name, errorFigures(errors, j)]));
}

/** The rows of the short table: first, last, and the quarters between. */
export function horizonSteps(chunk: number): number[] {
  return [...new Set([0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * (chunk - 1))))];
}

function horizonRows({ horizon }: Compared, joints: readonly string[], rateHz: number): HorizonRow[] {
  const { counts, sums } = horizon;
  return horizonSteps(counts.length).map((k) => ({
    step: k,
    time_s: k / rateHz,
    compared: counts[k] as number,
    mean: Object.fromEntries(
      joints.map((name, j) => [name, ratio(sums[k * joints.length + j] as number, counts[k] as number)]),
    ),
  }));
}

function ratio(sum: number, count: number): number | null {
  return count > 0 && Number.isFinite(sum) ? sum / count : null;
}
