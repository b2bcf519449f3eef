/** A strategy that can be changed while an episode runs. */
import type { StrategySpec } from '../contract/strategy.js';
import type { ActionChunk, ChunkShape } from './chunk.js';
import { ChunkHistory } from './ensemble.js';
import { createStrategy, type Strategy } from './strategy.js';

export class LiveStrategy implements Strategy {
  readonly #shape: ChunkShape;
  /** As much as any strategy remembers. */
  readonly #seen: ChunkHistory;
  /** Where the episode began. */
  readonly #start: Float32Array;
  #now: Strategy;

  /** @throws UserError as of `createStrategy` */
  constructor(spec: StrategySpec, shape: ChunkShape) {
    this.#shape = shape;
    this.#seen = new ChunkHistory(shape, {
      capacity: shape.length + 1,
      m: 0,
      taperS: 0,
      interpolation: 'linear',
    });
    this.#start = new Float32Array(shape.width);
    this.#now = createStrategy(spec, shape);
  }

  get spec(): StrategySpec {
    return this.#now.spec;
  }

  /**
   * From the next tick on, as if it had been the strategy all along, as far as the chunks of the last K
   * inferences tell; the safety stage sees to it that what changes does so within the limits.
   * @throws UserError as of `createStrategy`; the strategy is then as it was
   */
  change(spec: StrategySpec): void {
    const next = createStrategy(spec, this.#shape);
    next.reset(this.#start);
    for (const { chunk, arrival } of this.#seen.chunks()) next.add(chunk, arrival);
    this.#now = next;
  }

  reset(pose: Float32Array): void {
    this.#seen.clear();
    this.#start.set(pose);
    this.#now.reset(pose);
  }

  wantsInference(time: number, latencyS: number): boolean {
    return this.#now.wantsInference(time, latencyS);
  }

  add(chunk: ActionChunk, now: number): boolean {
    this.#seen.add(chunk, now);
    return this.#now.add(chunk, now);
  }

  foresees(time: number): boolean {
    return this.#now.foresees(time);
  }

  actionAt(time: number, out: Float32Array): boolean {
    return this.#now.actionAt(time, out);
  }
}
