/**
 * Monotone cubic interpolation between equally spaced values, in units of their spacing: smooth in value
 * and slope, and never beyond the two values it lies between, so that a gripper told to close stays closed.
 *
 * Hermite's cubic with slopes within the box 0 … 3 × the smaller of the two neighbouring differences, which
 * suffices for monotonicity (F. N. Fritsch and R. E. Carlson, "Monotone piecewise cubic interpolation", SIAM
 * J. Numer. Anal. 17 (1980), 238–246). Within it the slope is the central difference, exact for a parabola.
 */
import type { ChunkShape } from './chunk.js';

/** The slope at a value that the differences `before` and `after` lead to and from. */
function monotoneSlope(before: number, after: number): number {
  if (before * after <= 0) return 0;
  const central = (before + after) / 2;
  const most = 3 * Math.min(Math.abs(before), Math.abs(after));
  return Math.abs(central) <= most ? central : Math.sign(before) * most;
}

/**
 * Writes the slopes at the rows of K×A `values` to `out` (K×A). The first and the last row have the
 * difference to their one neighbour; a single row is level.
 */
export function monotoneSlopes(values: Float32Array, { length, width }: ChunkShape, out: Float64Array): void {
  const last = (length - 1) * width;
  for (let i = 0; i < out.length; i++) {
    const before = values[i] - values[i < width ? i : i - width];
    const after = values[i < last ? i + width : i] - values[i];
    out[i] = i < width ? after : i < last ? monotoneSlope(before, after) : before;
  }
}
