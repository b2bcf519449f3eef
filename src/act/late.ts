/**
 * What is followed when the chunks have nothing to say, and what becomes of a chunk that comes then.
 *
 * Before the first one: nothing, the arm waits. After the last prediction: the last motion, its velocity v
 * fading to zero over T seconds,
 *
 *     v(t) = v·(1 − t/T)²,    x(t) = x + v·T/3·(1 − (1 − t/T)³),
 *
 * which goes on from the predictions in position and velocity, ends at rest, and goes v·T/3 further than
 * they foresaw. Then nothing again: the arm is braked, and holds.
 *
 * While the arm stands like this a plan does not run away: what was planned for it, standing, is as good when
 * it can start. So the time that it stood is left out of a chunk's: its rows wait.
 */
import { type ActionChunk, isSpent } from './chunk.js';
import type { ChunkHistory } from './ensemble.js';

/** The way that chunks lead, and what comes after it. */
export class Late {
  readonly #extrapolateS: number;
  readonly #endVelocity: Float64Array;
  /** When the arm stood last with nothing to follow, s. */
  #stoodFrom = Number.NEGATIVE_INFINITY;
  #stoodUntil = Number.NEGATIVE_INFINITY;

  /** @param extrapolateS T above; 0 extrapolates nothing */
  constructor(
    readonly history: ChunkHistory,
    extrapolateS: number,
  ) {
    this.#extrapolateS = extrapolateS;
    this.#endVelocity = new Float64Array(history.shape.width);
  }

  clear(): void {
    this.history.clear();
    this.#stoodFrom = Number.NEGATIVE_INFINITY;
    this.#stoodUntil = Number.NEGATIVE_INFINITY;
  }

  /**
   * The chunk that arrives at `now` (s), its time put off by as long as the arm has stood since; undefined when
   * nothing of it lies ahead. To be added to the history before anything else is asked.
   */
  retimed(chunk: ActionChunk, now: number): ActionChunk | undefined {
    if (now > this.end) {
      this.#stoodFrom = this.end;
      this.#stoodUntil = now;
    }
    const stood = this.#stoodUntil - Math.max(chunk.time, this.#stoodFrom);
    const late = stood > 0 ? { ...chunk, time: chunk.time + stood } : chunk;
    return isSpent(late, now) ? undefined : late;
  }

  /** The last instant (s) that anything is said of; −Infinity before the first chunk. */
  get end(): number {
    return this.history.end + this.#extrapolateS;
  }

  /** Writes where to be at `time` (s) to `out` (A values); false, leaving it alone, when nothing says so. */
  positionAt(time: number, out: Float64Array): boolean {
    if (this.history.positionAt(time, out)) return true;
    const since = time - this.history.end;
    if (!(since > 0 && since <= this.#extrapolateS)) return false;
    this.#coast(since / this.#extrapolateS, out);
    return true;
  }

  /** Position and velocity (units/s) at a `time` up to `end`; false, leaving both alone, before any prediction. */
  motionAt(time: number, position: Float64Array, velocity: Float64Array): boolean {
    if (this.history.motionAt(time, position, velocity)) return true;
    const since = time - this.history.end;
    if (!(since > 0)) return false;
    const share = Math.min(1, since / this.#extrapolateS);
    this.#coast(share, position);
    for (let j = 0; j < velocity.length; j++) velocity[j] = this.#endVelocity[j] * (1 - share) ** 2;
    return true;
  }

  /** The position after `share` (0 … 1) of the extrapolation; leaves the velocity at its start behind. */
  #coast(share: number, out: Float64Array): void {
    this.history.endMotion(out, this.#endVelocity);
    const travelS = (this.#extrapolateS / 3) * (1 - (1 - share) ** 3);
    for (let j = 0; j < out.length; j++) out[j] += this.#endVelocity[j] * travelS;
  }
}
