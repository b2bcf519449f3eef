/**
 * From chunks to the action for one instant. Chunks are indexed by time, never by count: a late chunk
 * contributes the rows that are still ahead, and a gap is bridged by what earlier chunks foresaw.
 */
import type { StrategySpec } from '../contract/strategy.js';
import { UserError } from '../errors.js';
import type { ActionChunk } from './chunk.js';
import { ChunkHistory, type ChunkShape } from './ensemble.js';

export interface Strategy {
  readonly spec: StrategySpec;
  /** Forgets every chunk: a new episode. */
  reset(): void;
  /** Whether an observation made at `time` (s) should be inferred. */
  wantsInference(time: number): boolean;
  /** Takes in a chunk, copying its actions; chunks may arrive late and out of order. */
  add(chunk: ActionChunk): void;
  /**
   * Writes the action meant for `time` (s) to `out` (A values, robot units, bundle joint order).
   * Returns false, leaving `out` alone, when nothing was predicted for that instant: the robot holds.
   */
  actionAt(time: number, out: Float32Array): boolean;
}

/**
 * @param shape of the chunks the policy gives
 * @throws UserError when the parameters cannot work with such chunks
 */
export function createStrategy(spec: StrategySpec, shape: ChunkShape): Strategy {
  switch (spec.name) {
    case 'ensemble': {
      if (!Number.isFinite(spec.m))
        throw new UserError(`strategy ensemble: m is ${spec.m}, it must be a finite number`);
      return new EveryTick(spec, new ChunkHistory(shape, shape.length + 1, spec.m));
    }
    case 'latest':
      return new EveryTick(spec, new ChunkHistory(shape, 1, 0));
    case 'receding': {
      const { steps } = spec;
      if (!Number.isInteger(steps) || steps < 1 || steps > shape.length) {
        throw new UserError(
          `strategy receding: steps is ${steps}, it must be a whole number from 1 to ${shape.length}, the policy's chunk length`,
        );
      }
      return new Receding(spec, new ChunkHistory(shape, 1, 0));
    }
  }
}

/** `ensemble` and `latest`: they differ only in how many chunks they remember. */
class EveryTick implements Strategy {
  constructor(
    readonly spec: StrategySpec,
    private readonly history: ChunkHistory,
  ) {}

  reset(): void {
    this.history.clear();
  }

  wantsInference(): boolean {
    return true;
  }

  add(chunk: ActionChunk): void {
    this.history.add(chunk);
  }

  actionAt(time: number, out: Float32Array): boolean {
    return this.history.actionAt(time, out);
  }
}

/**
 * While the next chunk is on its way the present one is followed past its `steps` rows: with inference
 * slower than a tick the arm keeps moving instead of stopping at every seam.
 */
class Receding implements Strategy {
  constructor(
    readonly spec: Extract<StrategySpec, { name: 'receding' }>,
    private readonly history: ChunkHistory,
  ) {}

  reset(): void {
    this.history.clear();
  }

  wantsInference(time: number): boolean {
    return this.history.empty || this.history.newestIndexAt(time) >= this.spec.steps;
  }

  add(chunk: ActionChunk): void {
    this.history.add(chunk);
  }

  actionAt(time: number, out: Float32Array): boolean {
    return this.history.actionAt(time, out);
  }
}
