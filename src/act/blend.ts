/**
 * A boundary-free way from chunk to chunk. At the instant a chunk arrives (the seam) the arm is on a way it
 * is committed to, with some position and velocity there; what it did before is done, which is why latency
 * does not show. From the seam on it follows the new chunk plus an offset that starts as the difference of
 * the two in position, o, and velocity, w, and fades to zero within T seconds by Hermite's cubic,
 *
 *     offset(s) = o·(2s³ − 3s² + 1) + w·T·(s³ − 2s² + s),    s = (t − seam)/T in 0 … 1,
 *
 * the only cubic with those values and slopes at its two ends (C. de Boor, "A Practical Guide to Splines",
 * 1978, chapter IV). The way is thus continuous in position and velocity at both ends of a fade. A chunk
 * that arrives during a fade starts another from what is committed to by then.
 */
import type { StrategySpec } from '../contract/strategy.js';
import type { ActionChunk } from './chunk.js';
import type { Late } from './late.js';

/** A `Strategy`. */
export class Blend {
  /** Of the one chunk that is followed. */
  readonly #late: Late;
  /** Where the arm stands before the first chunk. */
  readonly #start: Float64Array;
  #seam = 0;
  /** Of the committed way from the followed chunk's, at the seam: units, and units/s. */
  readonly #offset: Float64Array;
  readonly #offsetRate: Float64Array;
  readonly #position: Float64Array;
  readonly #velocity: Float64Array;

  /** @param late of a history that holds one chunk */
  constructor(
    readonly spec: Extract<StrategySpec, { name: 'blend' }>,
    late: Late,
  ) {
    const { width } = late.history.shape;
    this.#late = late;
    this.#start = new Float64Array(width);
    this.#offset = new Float64Array(width);
    this.#offsetRate = new Float64Array(width);
    this.#position = new Float64Array(width);
    this.#velocity = new Float64Array(width);
  }

  reset(pose: Float32Array): void {
    this.#late.clear();
    this.#start.set(pose);
  }

  wantsInference(): boolean {
    return true;
  }

  /** A chunk that is older than the newest changes nothing, as one that comes too late. */
  add(chunk: ActionChunk, now: number): boolean {
    const ahead = this.#late.retimed(chunk, now);
    if (!ahead) return false;
    if (ahead.time < this.#late.history.newest) return true;
    const seam = Math.max(now, ahead.time);
    this.motionAt(seam, this.#position, this.#velocity);
    this.#late.history.add(ahead, now);
    this.#late.motionAt(seam, this.#offset, this.#offsetRate);
    for (let j = 0; j < this.#offset.length; j++) {
      this.#offset[j] = this.#position[j] - this.#offset[j];
      this.#offsetRate[j] = this.#velocity[j] - this.#offsetRate[j];
    }
    this.#seam = seam;
    return true;
  }

  foresees(time: number): boolean {
    return this.#late.history.covers(time);
  }

  actionAt(time: number, out: Float32Array): boolean {
    if (!this.#late.positionAt(time, this.#position)) return false;
    this.#addOffset(time, this.#position);
    out.set(this.#position);
    return true;
  }

  /** Position and velocity (units/s) of the committed way at `time` (s): at rest before it begins and after it ends. */
  motionAt(time: number, position: Float64Array, velocity: Float64Array): void {
    const until = Math.min(time, this.#late.end);
    if (this.#late.motionAt(until, position, velocity)) this.#addOffset(until, position, velocity);
    else position.set(this.#start);
    if (until < time) velocity.fill(0);
  }

  #addOffset(time: number, position: Float64Array, velocity?: Float64Array): void {
    const T = this.spec.fade_s;
    const s = (time - this.#seam) / T;
    if (s >= 1) return;
    // A command whose instant had passed by a hair when the chunk came: along the tangent.
    const before = s < 0;
    const h0 = before ? 1 : 1 + s * s * (2 * s - 3);
    const h1 = before ? s : s * (1 + s * (s - 2));
    const d0 = before ? 0 : 6 * s * (s - 1);
    const d1 = before ? 1 : 1 + s * (3 * s - 4);
    for (let j = 0; j < position.length; j++) {
      const offset = this.#offset[j];
      const turn = this.#offsetRate[j] * T;
      position[j] += offset * h0 + turn * h1;
      if (velocity) velocity[j] += (offset * d0 + turn * d1) / T;
    }
  }
}
