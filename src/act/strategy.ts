/**
 * From chunks to the action for one instant. Chunks are indexed by time, never by count: a late chunk
 * contributes the rows that are still ahead, and a gap is bridged by what earlier chunks foresaw.
 */
import {
  DEFAULT_INTERPOLATION,
  DEFAULT_LATE_EXTRAPOLATE_S,
  type StrategySpec,
} from '../contract/strategy.js';
import { UserError } from '../errors.js';
import { Blend } from './blend.js';
import type { ActionChunk, ChunkShape } from './chunk.js';
import { ChunkHistory } from './ensemble.js';
import { Late } from './late.js';

export interface Strategy {
  readonly spec: StrategySpec;
  /** Forgets every chunk: a new episode, at whose start the arm stands at `pose` (A values). */
  reset(pose: Float32Array): void;
  /**
   * Whether an observation made at `time` (s) should be inferred.
   * @param latencyS from an observation to the arrival of its chunk, as measured lately, s
   */
  wantsInference(time: number, latencyS: number): boolean;
  /**
   * Takes in a chunk, copying its actions; chunks may arrive late and out of order.
   * @param now when it arrived, s on the robot's clock: instants before it are past and done
   * @returns false when nothing of it lies ahead: the policy took longer than it looks ahead
   */
  add(chunk: ActionChunk, now: number): boolean;
  /** Whether a chunk has a row for `time` (s), or one on either side of it. */
  foresees(time: number): boolean;
  /**
   * Writes the action meant for `time` (s) to `out` (A values, robot units, bundle joint order); soon after
   * the predictions' end that is the last motion, fading out. Depends on the chunks added alone: asking
   * changes nothing. Returns false, leaving `out` alone, when nothing says what to do then: the robot holds.
   */
  actionAt(time: number, out: Float32Array): boolean;
}

/**
 * @param shape of the chunks the policy gives
 * @throws UserError when the parameters cannot work with such chunks
 */
export function createStrategy(spec: StrategySpec, shape: ChunkShape): Strategy {
  const refuse = (parameter: string, value: number, must: string) => {
    throw new UserError(`strategy ${spec.name}: ${parameter} is ${value}, it must be ${must}`);
  };
  const interpolation = spec.interpolation ?? DEFAULT_INTERPOLATION;
  const extrapolateS = spec.late_extrapolate_s ?? DEFAULT_LATE_EXTRAPOLATE_S;
  if (!(extrapolateS >= 0 && Number.isFinite(extrapolateS)))
    refuse('late_extrapolate_s', extrapolateS, 'a number of seconds of at least 0');
  const follow = (capacity: number, m: number, taperS = 0) =>
    new Late(new ChunkHistory(shape, { capacity, m, taperS, interpolation }), extrapolateS);
  switch (spec.name) {
    case 'ensemble': {
      if (!Number.isFinite(spec.m)) refuse('m', spec.m, 'a finite number');
      return new ByTime(spec, follow(shape.length + 1, spec.m));
    }
    case 'latest':
      return new ByTime(spec, follow(1, 0));
    case 'receding': {
      const { steps } = spec;
      if (!Number.isInteger(steps) || steps < 1 || steps > shape.length)
        refuse('steps', steps, `a whole number from 1 to ${shape.length}, the policy's chunk length`);
      return new Receding(spec, follow(1, 0));
    }
    case 'blend': {
      if (!(spec.fade_s > 0 && Number.isFinite(spec.fade_s)))
        refuse('fade_s', spec.fade_s, 'a number of seconds above 0');
      return new Blend(
        spec,
        spec.m === undefined ? follow(1, 0) : follow(shape.length + 1, spec.m, spec.fade_s),
      );
    }
  }
}

/** `ensemble` and `latest`: they differ only in how many chunks they remember. */
class ByTime implements Strategy {
  readonly #late: Late;
  readonly #position: Float64Array;

  constructor(
    readonly spec: StrategySpec,
    late: Late,
  ) {
    this.#late = late;
    this.#position = new Float64Array(late.history.shape.width);
  }

  protected get history(): ChunkHistory {
    return this.#late.history;
  }

  reset(_pose: Float32Array): void {
    this.#late.clear();
  }

  wantsInference(_time: number, _latencyS: number): boolean {
    return true;
  }

  add(chunk: ActionChunk, now: number): boolean {
    const ahead = this.#late.retimed(chunk, now);
    if (ahead) this.history.add(ahead, now);
    return ahead !== undefined;
  }

  foresees(time: number): boolean {
    return this.history.covers(time);
  }

  actionAt(time: number, out: Float32Array): boolean {
    if (!this.#late.positionAt(time, this.#position)) return false;
    out.set(this.#position);
    return true;
  }
}

/**
 * It asks so early that the next chunk is there when `steps` rows have been executed. Should it come later
 * still, the present one is followed past them: the arm keeps moving instead of stopping at every seam.
 */
class Receding extends ByTime {
  constructor(
    override readonly spec: Extract<StrategySpec, { name: 'receding' }>,
    late: Late,
  ) {
    super(spec, late);
  }

  override wantsInference(time: number, latencyS: number): boolean {
    return this.history.empty || this.history.newestIndexAt(time + latencyS) >= this.spec.steps;
  }
}
