/**
 * Looks on while a bag is replayed, and compares: every row of every chunk with what the recorded actor
 * wanted at the row's time, the action of each tick with what it wanted then, the command with the recorded one.
 */

import { type ActionChunk, rowAt } from '../act/chunk.js';
import type { Timeline } from '../robots/bag/timeline.js';
import type { Tap, Tick } from '../tap.js';
import { addErrors, type JointErrors, noErrors } from './jointErrors.js';

/** Errors of chunks by row: how many of row k were compared, and K×A sums of the errors. */
export interface HorizonErrors {
  readonly counts: Float64Array;
  readonly sums: Float64Array;
}

/** Plain data, joints in bundle order. */
export interface Compared {
  /** Recorded ticks that were replayed. */
  ticks: number;
  inferences: number;
  readonly chunk: JointErrors;
  readonly horizon: HorizonErrors;
  readonly action: JointErrors;
  readonly command: JointErrors;
}

export interface ComparisonOptions {
  readonly timeline: Timeline;
  readonly rateHz: number;
  /** Contract index of each bundle joint. */
  readonly joints: readonly number[];
  /** Rows of a chunk. */
  readonly chunk: number;
}

export class Comparison implements Tap {
  readonly compared: Compared;
  readonly #options: ComparisonOptions;
  readonly #wanted: Float64Array;

  constructor(options: ComparisonOptions) {
    const { joints, chunk } = options;
    this.#options = options;
    this.#wanted = new Float64Array(joints.length);
    this.compared = {
      ticks: 0,
      inferences: 0,
      chunk: noErrors(joints.length),
      horizon: { counts: new Float64Array(chunk), sums: new Float64Array(chunk * joints.length) },
      action: noErrors(joints.length),
      command: noErrors(joints.length),
    };
  }

  onTick({ time, inference, action, command }: Tick): void {
    const { timeline, rateHz, joints } = this.#options;
    if (inference) this.#chunk(inference.chunk);
    // Sensors that were late at the start have the loop begin later, and go on past the end.
    const n = Math.round((time - timeline.start) * rateHz);
    if (n >= timeline.ticks) return;
    this.compared.ticks++;
    if (action && this.#wantedAt(n)) addErrors(this.compared.action, this.#wanted, action);
    const sent = timeline.commandAt(n);
    if (!sent) return;
    addErrors(
      this.compared.command,
      joints.map((index) => sent[index] as number),
      joints.map((index) => command.positions[index] as number),
    );
  }

  #chunk(chunk: ActionChunk): void {
    const { start } = this.#options.timeline;
    const { chunk: errors, horizon } = this.compared;
    this.compared.inferences++;
    for (let k = 0; k < chunk.length; k++) {
      const position = rowAt(start, 1 / this.#options.rateHz, chunk.time + k * chunk.dt);
      if (!this.#wantedAt(position)) continue;
      const row = chunk.actions.subarray(k * chunk.width, (k + 1) * chunk.width);
      addErrors(errors, this.#wanted, row);
      horizon.counts[k]++;
      for (let j = 0; j < chunk.width; j++)
        horizon.sums[k * chunk.width + j] += Math.abs((this.#wanted[j] as number) - (row[j] as number));
    }
  }

  /**
   * Fills `#wanted` with the recorded action at tick `position`, between two ticks by linear interpolation;
   * false where there is none.
   */
  #wantedAt(position: number): boolean {
    const { timeline, joints } = this.#options;
    const n = Math.floor(position);
    if (n < 0 || Math.ceil(position) >= timeline.ticks) return false;
    const fraction = position - n;
    const before = timeline.actionAt(n);
    const after = fraction === 0 ? before : timeline.actionAt(n + 1);
    if (!before || !after) return false;
    for (let j = 0; j < joints.length; j++) {
      const [a, b] = [before[joints[j] as number] as number, after[joints[j] as number] as number];
      this.#wanted[j] = fraction === 0 ? a : a + fraction * (b - a);
    }
    return true;
  }
}
