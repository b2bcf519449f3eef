/**
 * Temporal ensembling over time-indexed chunks.
 *
 * ACT (Zhao et al., "Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware", RSS 2023,
 * Algorithm 2) averages, at every step, all predictions made for it, with weight exp(−m·i), i = 0 the
 * OLDEST: positive m trusts older predictions more. Its code keeps a T×(T+K)×A table indexed by step and
 * takes a row of zeros for an absent prediction. Here presence follows from the chunks' times, so a
 * genuine all-zero action counts, and an instant between two rows is interpolated linearly. With one
 * chunk a step and instants at whole steps the two agree.
 */
import type { ActionChunk } from './chunk.js';

/** K rows of A actions. */
export interface ChunkShape {
  readonly length: number;
  readonly width: number;
}

/**
 * How far (s) an instant may be from a row and still be that row. Seconds since 1970 have a resolution of
 * 0.24 µs as float64, so whole steps come out whole only to about a microsecond.
 */
const SNAP_S = 1e-6;

/**
 * The row of a chunk that `time` falls on: an integer at whole steps, fractional between rows, outside
 * 0 … K − 1 where the chunk says nothing.
 */
export function rowAt(chunkTime: number, dt: number, time: number): number {
  const row = (time - chunkTime) / dt;
  const nearest = Math.round(row);
  return Math.abs(row - nearest) * dt <= SNAP_S ? nearest : row;
}

interface Slot {
  time: number;
  dt: number;
  /** K×A row-major. */
  readonly actions: Float32Array;
}

/** The newest `capacity` chunks by observation time, in storage allocated once. */
export class ChunkHistory {
  /** `#slots[0 … #count)` are in use, oldest observation first; the rest are free. */
  readonly #slots: Slot[];
  readonly #weights: Float64Array;
  readonly #sum: Float64Array;
  #count = 0;

  /** @param m weight decay: a prediction with i older ones beside it weighs exp(−m·i) */
  constructor(
    readonly shape: ChunkShape,
    readonly capacity: number,
    m: number,
  ) {
    const size = shape.length * shape.width;
    this.#slots = Array.from({ length: capacity }, () => ({
      time: 0,
      dt: 0,
      actions: new Float32Array(size),
    }));
    this.#weights = Float64Array.from({ length: capacity }, (_, i) => Math.exp(-m * i));
    this.#sum = new Float64Array(shape.width);
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  clear(): void {
    this.#count = 0;
  }

  /**
   * Copies a chunk in; when full the oldest makes room. A second chunk of one observation time replaces
   * the first, and a chunk older than everything in a full history is dropped.
   * @throws RangeError when the chunk has another shape than this history was made for
   */
  add(chunk: ActionChunk): void {
    const { length, width } = this.shape;
    if (chunk.length !== length || chunk.width !== width || chunk.actions.length !== length * width) {
      throw new RangeError(
        `a chunk of ${chunk.length}×${chunk.width} (${chunk.actions.length} values) came where ${length}×${width} was expected`,
      );
    }
    const slots = this.#slots;
    let at = this.#count;
    while (at > 0 && slots[at - 1].time > chunk.time) at--;
    const replaces = at > 0 && slots[at - 1].time === chunk.time;
    if (replaces) {
      at--;
    } else if (this.#count < this.capacity) {
      this.#move(this.#count++, at);
    } else if (at > 0) {
      this.#move(0, --at);
    } else {
      return;
    }
    const slot = slots[at];
    slot.time = chunk.time;
    slot.dt = chunk.dt;
    slot.actions.set(chunk.actions);
  }

  /** Takes the slot at `from` out and puts it in again at `to`, closing ranks. */
  #move(from: number, to: number): void {
    const slots = this.#slots;
    const slot = slots[from];
    if (from > to) slots.copyWithin(to + 1, to, from);
    else slots.copyWithin(from, from + 1, to + 1);
    slots[to] = slot;
  }

  /** Its chunks, oldest observation first. */
  *chunks(): Generator<ActionChunk> {
    for (const { time, dt, actions } of this.#slots.slice(0, this.#count))
      yield { time, dt, ...this.shape, actions };
  }

  /** The newest chunk's row for `time` (see `rowAt`); −Infinity when there is no chunk. */
  newestIndexAt(time: number): number {
    if (this.#count === 0) return Number.NEGATIVE_INFINITY;
    const newest = this.#slots[this.#count - 1];
    return rowAt(newest.time, newest.dt, time);
  }

  /** See `Strategy.actionAt`. Sums in float64, writes float32; allocates nothing. */
  actionAt(time: number, out: Float32Array): boolean {
    const { length, width } = this.shape;
    const sum = this.#sum;
    sum.fill(0);
    let present = 0;
    let total = 0;
    for (let s = 0; s < this.#count; s++) {
      const { time: chunkTime, dt, actions } = this.#slots[s];
      const row = rowAt(chunkTime, dt, time);
      if (row < 0 || row > length - 1) continue;
      const weight = this.#weights[present++];
      total += weight;
      const below = Math.floor(row);
      const fraction = row - below;
      const a = below * width;
      if (fraction === 0) {
        for (let j = 0; j < width; j++) sum[j] += weight * actions[a + j];
      } else {
        for (let j = 0; j < width; j++) {
          const low = actions[a + j];
          const high = actions[a + width + j];
          sum[j] += weight * (low + fraction * (high - low));
        }
      }
    }
    if (present === 0) return false;
    for (let j = 0; j < width; j++) out[j] = sum[j] / total;
    return true;
  }
}
