/** What a policy predicts, and how its rows lie in time. */

/** K rows of A actions. */
export interface ChunkShape {
  readonly length: number;
  readonly width: number;
}

/** K×A actions predicted from one observation; row k is meant for `time + k·dt`. */
export interface ActionChunk extends ChunkShape {
  /** Time of the observation it was predicted from, s. */
  readonly time: number;
  /** Seconds between rows. */
  readonly dt: number;
  /** K×A row-major, robot units, bundle joint order. */
  readonly actions: Float32Array;
}

/**
 * How far (s) an instant may be from a row and still be that row. Seconds since 1970 have a resolution of
 * 0.24 µs as float64, so whole steps come out whole only to about a microsecond.
 */
export const SNAP_S = 1e-6;

/**
 * The row of a chunk that `time` falls on: an integer at whole steps, fractional between rows, outside
 * 0 … K − 1 where the chunk says nothing.
 */
export function rowAt(chunkTime: number, dt: number, time: number): number {
  const row = (time - chunkTime) / dt;
  const nearest = Math.round(row);
  return Math.abs(row - nearest) * dt <= SNAP_S ? nearest : row;
}

/** True when the whole chunk lies in the past at `now`: its policy took longer than it looks ahead. */
export function isSpent({ time, dt, length }: ActionChunk, now: number): boolean {
  return rowAt(time, dt, now) > length - 1;
}
