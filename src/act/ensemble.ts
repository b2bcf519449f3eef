/**
 * Temporal ensembling over time-indexed chunks.
 *
 * ACT (Zhao et al., "Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware", RSS 2023,
 * Algorithm 2) averages, at every step, all predictions made for it, with weight exp(−m·i), i = 0 the
 * OLDEST: positive m trusts older predictions more, negative m newer ones. Its code keeps a T×(T+K)×A table
 * indexed by step and takes a row of zeros for an absent prediction. Here presence follows from the chunks'
 * times, so a genuine all-zero action counts, and an instant between two rows is interpolated. With one
 * chunk a step and instants at whole steps the two agree.
 */
import type { Interpolation } from '../contract/strategy.js';
import { type ActionChunk, type ChunkShape, rowAt } from './chunk.js';
import { monotoneSlopes } from './interpolate.js';

interface Slot {
  time: number;
  dt: number;
  /** When its chunk arrived, s. */
  arrival: number;
  /** K×A row-major. */
  readonly actions: Float32Array;
  /** K×A, a row's time; of `cubic` interpolation alone. */
  readonly slopes: Float64Array;
}

/** A chunk, and when it arrived, s on the robot's clock. */
export interface Arrived {
  readonly chunk: ActionChunk;
  readonly arrival: number;
}

export interface HistoryOptions {
  /** Chunks remembered: the newest by observation time. */
  readonly capacity: number;
  /** Weight decay: a prediction with i older ones beside it weighs exp(−m·i). */
  readonly m: number;
  /** Before its end a chunk's weight fades out over this long (s), so that nothing jumps when it ends; 0: it does not. */
  readonly taperS: number;
  readonly interpolation: Interpolation;
}

/** The newest chunks by observation time, in storage allocated once; nothing below `add` allocates. */
export class ChunkHistory {
  /** `#slots[0 … #count)` are in use, oldest observation first; the rest are free. */
  readonly #slots: Slot[];
  readonly #weights: Float64Array;
  readonly #newestFirst: boolean;
  readonly #taperS: number;
  readonly #cubic: boolean;
  /** Of one chunk. */
  readonly #position: Float64Array;
  readonly #velocity: Float64Array;
  #count = 0;
  /** The slot whose last row is the latest. */
  #last = 0;
  #end = Number.NEGATIVE_INFINITY;

  constructor(
    readonly shape: ChunkShape,
    { capacity, m, taperS, interpolation }: HistoryOptions,
  ) {
    this.#taperS = taperS;
    const size = shape.length * shape.width;
    this.#slots = Array.from({ length: capacity }, () => ({
      time: 0,
      dt: 0,
      arrival: 0,
      actions: new Float32Array(size),
      slopes: new Float64Array(size),
    }));
    // Relative to the heaviest, which is the first that is come by: a sum of many neither overflows nor vanishes.
    this.#newestFirst = m < 0;
    this.#weights = Float64Array.from({ length: capacity }, (_, i) => Math.exp(-Math.abs(m) * i));
    this.#cubic = interpolation === 'cubic';
    this.#position = new Float64Array(shape.width);
    this.#velocity = new Float64Array(shape.width);
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** The last instant (s) that any chunk has a row for; −Infinity when there is no chunk. */
  get end(): number {
    return this.#end;
  }

  /** Observation time of the newest chunk, s; −Infinity when there is none. */
  get newest(): number {
    return this.#count === 0 ? Number.NEGATIVE_INFINITY : this.#slots[this.#count - 1].time;
  }

  clear(): void {
    this.#count = 0;
    this.#end = Number.NEGATIVE_INFINITY;
  }

  /**
   * Copies a chunk in; when full the oldest makes room. A second chunk of one observation time replaces
   * the first, and a chunk older than everything in a full history is dropped.
   * @param arrival s on the robot's clock
   * @throws RangeError when the chunk has another shape than this history was made for
   */
  add(chunk: ActionChunk, arrival: number): void {
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
    } else if (this.#count < slots.length) {
      this.#move(this.#count++, at);
    } else if (at > 0) {
      this.#move(0, --at);
    } else {
      return;
    }
    const slot = slots[at];
    slot.time = chunk.time;
    slot.dt = chunk.dt;
    slot.arrival = arrival;
    slot.actions.set(chunk.actions);
    if (this.#cubic) monotoneSlopes(slot.actions, this.shape, slot.slopes);
    this.#findEnd();
  }

  /** Takes the slot at `from` out and puts it in again at `to`, closing ranks. */
  #move(from: number, to: number): void {
    const slots = this.#slots;
    const slot = slots[from];
    if (from > to) slots.copyWithin(to + 1, to, from);
    else slots.copyWithin(from, from + 1, to + 1);
    slots[to] = slot;
  }

  #findEnd(): void {
    this.#end = Number.NEGATIVE_INFINITY;
    for (let s = 0; s < this.#count; s++) {
      const { time, dt } = this.#slots[s];
      const end = time + (this.shape.length - 1) * dt;
      if (end < this.#end) continue;
      this.#end = end;
      this.#last = s;
    }
  }

  /** Its chunks, oldest observation first. */
  *chunks(): Generator<Arrived> {
    for (const { time, dt, arrival, actions } of this.#slots.slice(0, this.#count))
      yield { chunk: { time, dt, ...this.shape, actions }, arrival };
  }

  /** The newest chunk's row for `time` (see `rowAt`); −Infinity when there is no chunk. */
  newestIndexAt(time: number): number {
    if (this.#count === 0) return Number.NEGATIVE_INFINITY;
    const newest = this.#slots[this.#count - 1];
    return rowAt(newest.time, newest.dt, time);
  }

  /** Whether any chunk has something to say of `time`. */
  covers(time: number): boolean {
    for (let s = 0; s < this.#count; s++) {
      const row = rowAt(this.#slots[s].time, this.#slots[s].dt, time);
      if (row >= 0 && row <= this.shape.length - 1) return true;
    }
    return false;
  }

  /**
   * Writes the weighted mean of all predictions for `time` (s) to `out` (A values, float64 throughout).
   * Returns false, leaving `out` alone, when there is none.
   */
  positionAt(time: number, out: Float64Array): boolean {
    const { length, width } = this.shape;
    let present = 0;
    let total = 0;
    for (let i = 0; i < this.#count; i++) {
      const s = this.#newestFirst ? this.#count - 1 - i : i;
      const slot = this.#slots[s];
      const actions = slot.actions;
      const row = rowAt(slot.time, slot.dt, time);
      if (row < 0 || row > length - 1) continue;
      if (present === 0) out.fill(0);
      const weight = this.#weights[present++] * this.#taper(s, time);
      total += weight;
      const below = Math.floor(row);
      const fraction = row - below;
      const a = below * width;
      if (fraction === 0) {
        for (let j = 0; j < width; j++) out[j] += weight * actions[a + j];
      } else if (this.#cubic) {
        const slopes = slot.slopes;
        // Hermite's basis; see interpolate.ts.
        const rest = 1 - fraction;
        const toHigh = fraction * fraction * (1 + 2 * rest);
        const fromLow = fraction * rest * rest;
        const intoHigh = -fraction * fraction * rest;
        for (let j = 0; j < width; j++) {
          const low = actions[a + j];
          const step = actions[a + width + j] - low;
          const bend = fromLow * slopes[a + j] + intoHigh * slopes[a + width + j];
          out[j] += weight * (low + toHigh * step + bend);
        }
      } else {
        for (let j = 0; j < width; j++) {
          const low = actions[a + j];
          const high = actions[a + width + j];
          out[j] += weight * (low + fraction * (high - low));
        }
      }
    }
    if (total === 0) return false;
    for (let j = 0; j < width; j++) out[j] /= total;
    return true;
  }

  /**
   * As `positionAt`, with its velocity (units/s), the derivative of the weighted mean P = Σw·p / Σw:
   *
   *     P' = (Σw·p' + Σw'·(p − P)) / Σw.
   *
   * Where straight pieces meet it is that of the one that begins.
   */
  motionAt(time: number, position: Float64Array, velocity: Float64Array): boolean {
    if (!this.positionAt(time, position)) return false;
    let present = 0;
    let total = 0;
    let change = 0;
    velocity.fill(0);
    for (let i = 0; i < this.#count; i++) {
      const s = this.#newestFirst ? this.#count - 1 - i : i;
      const slot = this.#slots[s];
      const row = rowAt(slot.time, slot.dt, time);
      if (row < 0 || row > this.shape.length - 1) continue;
      const base = this.#weights[present++];
      const weight = base * this.#taper(s, time);
      const rate = base * this.#taperRate(s, time);
      total += weight;
      change += rate;
      this.#piece(slot, row, this.#position, this.#velocity);
      for (let j = 0; j < velocity.length; j++)
        velocity[j] += weight * this.#velocity[j] + rate * this.#position[j];
    }
    for (let j = 0; j < velocity.length; j++) velocity[j] = (velocity[j] - change * position[j]) / total;
    return true;
  }

  /** Writes position and velocity (units/s) at `end`; there must be a chunk. */
  endMotion(position: Float64Array, velocity: Float64Array): void {
    this.#piece(this.#slots[this.#last], this.shape.length - 1, position, velocity);
  }

  /** What is left of the weight of a chunk that another outlasts: 1, and 0 at its end. */
  #taper(s: number, time: number): number {
    const left = this.#left(s, time);
    return left < 1 ? left * left * (3 - 2 * left) : 1;
  }

  /** Its derivative, 1/s. */
  #taperRate(s: number, time: number): number {
    const left = this.#left(s, time);
    return left < 1 ? (6 * left * (left - 1)) / this.#taperS : 0;
  }

  /** How much of its taper a chunk has before it; the one that lasts longest has none. */
  #left(s: number, time: number): number {
    if (this.#taperS === 0 || s === this.#last) return 1;
    const { time: start, dt } = this.#slots[s];
    return Math.max(0, start + (this.shape.length - 1) * dt - time) / this.#taperS;
  }

  /** Position and velocity (units/s) of one chunk at a row of it, whole or not. */
  #piece({ dt, actions, slopes }: Slot, row: number, position: Float64Array, velocity: Float64Array): void {
    const { length, width } = this.shape;
    // The last row ends the piece before it; a single row does not move.
    const below = Math.max(0, Math.min(Math.floor(row), length - 2));
    const next = length === 1 ? 0 : width;
    const u = row - below;
    for (let i = below * width, j = 0; j < width; i++, j++) {
      const step = actions[i + next] - actions[i];
      if (this.#cubic) {
        // The cubic of `positionAt`, and its derivative.
        const bend = u * (1 - u) * ((1 - u) * slopes[i] - u * slopes[i + next]);
        position[j] = actions[i] + u * u * (3 - 2 * u) * step + bend;
        const turn = (1 - u) * (1 - 3 * u) * slopes[i] + u * (3 * u - 2) * slopes[i + next];
        velocity[j] = (6 * u * (1 - u) * step + turn) / dt;
      } else {
        position[j] = actions[i] + u * step;
        velocity[j] = step / dt;
      }
    }
  }
}
