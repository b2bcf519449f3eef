/** Angles in rad. */

/** `value`, but no further from 0 than `limit`. */
export function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}

/** The same angle in −π … π. */
export function wrap(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

/** A cube looks the same every quarter turn: its yaw within ±45° of `heading`. */
export function nearestYaw(yaw: number, heading: number): number {
  const quarter = Math.PI / 2;
  const turn = yaw - heading;
  return heading + (turn - quarter * Math.round(turn / quarter));
}
