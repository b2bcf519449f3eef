/** What a joint controller makes of the commands it gets: where its joints are to be at any time. */

const NS_PER_S = 1e9;

export interface Waypoint {
  /** ns: whole numbers, so that the same way at another time is the same to the last bit. */
  readonly time: number;
  readonly positions: ArrayLike<number>;
  /** Per second. */
  readonly velocities?: ArrayLike<number>;
}

/**
 * Moves from where it is through waypoints and stays at the last one: linearly, or along cubic Hermite
 * splines where both ends of a piece have velocities, as ros2_control's joint_trajectory_controller does.
 */
export class Setpoints {
  #way: readonly Waypoint[];

  constructor(positions: ArrayLike<number>) {
    this.#way = [standing(positions)];
  }

  /** From now on at `positions`. */
  jump(positions: ArrayLike<number>): void {
    this.#way = [standing(positions)];
  }

  /**
   * Leaves the old way at `now` for this one; of this, what lies behind is left out.
   * @param way ascending in time
   * @returns false, and goes on as before, when all of it lies behind
   */
  follow(way: readonly Waypoint[], now: number): boolean {
    const ahead = way.filter(({ time }) => time > now);
    if (ahead.length === 0) return false;
    this.#way = [{ time: now, positions: this.at(now), velocities: this.#velocitiesAt(now) }, ...ahead];
    return true;
  }

  at(time: number): Float64Array {
    const [a, b] = this.#piece(time);
    if (!b) return Float64Array.from(a.positions);
    const duration = b.time - a.time;
    const s = (time - a.time) / duration;
    const [va, vb] = [a.velocities, b.velocities];
    return Float64Array.from(a.positions, (pa, j) => {
      const pb = b.positions[j];
      if (!va || !vb) return pa + s * (pb - pa);
      const [ma, mb] = [(va[j] * duration) / NS_PER_S, (vb[j] * duration) / NS_PER_S];
      return (2 * s - 3) * s * s * (pa - pb) + pa + ((s - 2) * s + 1) * s * ma + (s - 1) * s * s * mb;
    });
  }

  #velocitiesAt(time: number): Float64Array {
    const [a, b] = this.#piece(time);
    if (!b) return new Float64Array(a.positions.length);
    const duration = b.time - a.time;
    const s = (time - a.time) / duration;
    const [va, vb] = [a.velocities, b.velocities];
    return Float64Array.from(a.positions, (pa, j) => {
      const slope = ((b.positions[j] - pa) / duration) * NS_PER_S;
      if (!va || !vb) return slope;
      return 6 * s * (1 - s) * slope + (1 - s) * (1 - 3 * s) * va[j] + s * (3 * s - 2) * vb[j];
    });
  }

  /** The waypoints about `time`; only the first where there is no further one, or its time has not come. */
  #piece(time: number): [Waypoint, Waypoint?] {
    const next = this.#way.findIndex((waypoint) => waypoint.time > time);
    if (next < 0) return [this.#way[this.#way.length - 1]];
    if (next === 0) return [this.#way[0]];
    return [this.#way[next - 1], this.#way[next]];
  }
}

function standing(positions: ArrayLike<number>): Waypoint {
  return { time: Number.NEGATIVE_INFINITY, positions: Float64Array.from(positions) };
}
