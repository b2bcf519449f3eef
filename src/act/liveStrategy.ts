/** A strategy that can be changed while an episode runs. */
import type { StrategySpec } from '../contract/strategy.js';
import type { ActionChunk } from './chunk.js';
import { ChunkHistory, type ChunkShape } from './ensemble.js';
import { createStrategy, type Strategy } from './strategy.js';

export class LiveStrategy implements Strategy {
  readonly #shape: ChunkShape;
  /** As much as any strategy remembers. */
  readonly #seen: ChunkHistory;
  #now: Strategy;

  /** @throws UserError as of `createStrategy` */
  constructor(spec: StrategySpec, shape: ChunkShape) {
    this.#shape = shape;
    this.#seen = new ChunkHistory(shape, shape.length + 1, 0);
    this.#now = createStrategy(spec, shape);
  }

  get spec(): StrategySpec {
    return this.#now.spec;
  }

  /**
   * From the next tick on, as if it had been the strategy all along; the safety stage sees to it that what changes
   * does so within the limits.
   * @throws UserError as of `createStrategy`; the strategy is then as it was
   */
  change(spec: StrategySpec): void {
    const next = createStrategy(spec, this.#shape);
    for (const chunk of this.#seen.chunks()) next.add(chunk);
    this.#now = next;
  }

  reset(): void {
    this.#seen.clear();
    this.#now.reset();
  }

  wantsInference(time: number): boolean {
    return this.#now.wantsInference(time);
  }

  add(chunk: ActionChunk): void {
    this.#seen.add(chunk);
    this.#now.add(chunk);
  }

  actionAt(time: number, out: Float32Array): boolean {
    return this.#now.actionAt(time, out);
  }
}
