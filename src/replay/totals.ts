/** The figures of all bags of a replay together. */
import { INTERVENTIONS, noInterventions } from '../act/interventions.js';
import { percentiles } from '../episode/statistics.js';
import type { Units } from './figures.js';
import { errorFigures, type JointErrors, mergeErrors, noErrors } from './jointErrors.js';
import type {
  CommandComparison,
  HorizonRow,
  JointFigures,
  ReplayInfo,
  ReplayRecord,
  ReplayResult,
  ReplaySummary,
  ReplayWall,
} from './results.js';

/** Sums up a replay. Figures do not depend on the order in which bags are added. */
export class ReplayTotals {
  readonly #units: Units;
  /** Counts and sketches, whose sums are whole numbers; means come from the results, in the order of their names. */
  readonly #chunk: JointErrors;
  readonly #action: JointErrors;
  readonly #results: ReplayResult[] = [];
  readonly #latencyMs: Float32Array[] = [];
  readonly #runMs: Float32Array[] = [];

  constructor(units: Units) {
    this.#units = units;
    this.#chunk = noErrors(units.joints.length);
    this.#action = noErrors(units.joints.length);
  }

  add({ result, compared, timings }: ReplayRecord): void {
    this.#results.push(result);
    this.#latencyMs.push(timings.latencyMs);
    this.#runMs.push(timings.runMs);
    mergeErrors(this.#chunk, compared.chunk);
    mergeErrors(this.#action, compared.action);
  }

  /** @param seconds of wall time that the replay took */
  summary(replay: ReplayInfo, seconds: number): ReplaySummary {
    const { joints, rateHz } = this.#units;
    const results = this.#results.sort((a, b) => compareNames(a.bag, b.bag));
    const safety = noInterventions();
    for (const result of results) for (const kind of INTERVENTIONS) safety[kind] += result.safety[kind];
    const sum = (of: (result: ReplayResult) => number) => results.reduce((total, r) => total + of(r), 0);
    const recorded = results.flatMap(({ recorded }) => (recorded ? [recorded] : []));
    const ticks = sum((result) => result.ticks);
    return {
      replay,
      bags: results.length,
      ticks,
      inferences: sum((result) => result.inferences),
      chunk_rows: this.#chunk.count,
      chunk_error: pooled(this.#chunk, joints, results, ({ chunk_rows, chunk_error }) => [
        chunk_rows,
        chunk_error,
      ]),
      horizon: pooledHorizon(results),
      actions: this.#action.count,
      action_error: pooled(this.#action, joints, results, ({ actions, action_error }) => [
        actions,
        action_error,
      ]),
      command: pooledCommand(results),
      safety,
      recorded: {
        episodes: recorded.length,
        successes: recorded.filter(({ success }) => success).length,
      },
      wall: replayWall(ticks / rateHz, seconds, this.#latencyMs, this.#runMs),
      results,
    };
  }
}

export function replayWall(
  recordedS: number,
  seconds: number,
  latencyMs: readonly Float32Array[],
  runMs: readonly Float32Array[],
): ReplayWall {
  return {
    seconds: Math.round(seconds * 1e3) / 1e3,
    speed: seconds > 0 ? Math.round((recordedS / seconds) * 100) / 100 : 0,
    latency_ms: percentiles(...latencyMs),
    run_ms: percentiles(...runMs),
  };
}

/** By code unit, on every machine alike. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pooled(
  errors: JointErrors,
  joints: readonly string[],
  results: readonly ReplayResult[],
  of: (result: ReplayResult) => [count: number, figures: JointFigures],
): JointFigures {
  const mean = (name: string) =>
    weighted(
      results.map((result) => {
        const [count, byJoint] = of(result);
        return [count, byJoint[name]?.mean ?? null];
      }),
    );
  return Object.fromEntries(
    joints.map((name, j) => [name, { ...errorFigures(errors, j), mean: mean(name) }]),
  );
}

function pooledHorizon(results: readonly ReplayResult[]): HorizonRow[] {
  const [first] = results;
  return (first?.horizon ?? []).map(({ step, time_s, mean }, i) => ({
    step,
    time_s,
    compared: results.reduce((sum, { horizon }) => sum + (horizon[i]?.compared ?? 0), 0),
    mean: Object.fromEntries(
      Object.keys(mean).map((name) => [
        name,
        weighted(results.map(({ horizon }) => [horizon[i]?.compared ?? 0, horizon[i]?.mean[name] ?? null])),
      ]),
    ),
  }));
}

function pooledCommand(results: readonly ReplayResult[]): CommandComparison {
  const compared = results.map(({ command }) => command).filter(({ compared }) => compared > 0);
  const differences = compared.map(({ max_difference }) => max_difference);
  return {
    compared: compared.reduce((sum, command) => sum + command.compared, 0),
    max_difference:
      differences.length === 0 || differences.includes(null) ? null : Math.max(...(differences as number[])),
    identical: results.length > 0 && results.every(({ command }) => command.identical),
  };
}

/** Mean of means; null when there is nothing, or one of them is not a number. */
function weighted(parts: readonly (readonly [count: number, mean: number | null])[]): number | null {
  let [sum, total] = [0, 0];
  for (const [count, mean] of parts) {
    if (count === 0) continue;
    if (mean === null) return null;
    sum += count * mean;
    total += count;
  }
  return total > 0 ? sum / total : null;
}
