const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
const SMALLEST = 2 ** -149;

/**
 * The float32 nearest to finite `value` on the side of it that faces `side`, so that a limit stays a limit
 * after rounding: never above `value` when `side` is below it, never below when `side` is above.
 */
export function roundToward(value: number, side: number): number {
  float[0] = value;
  const rounded = float[0];
  if (side < value ? rounded <= value : rounded >= value || side === value) return rounded;
  const up = side > value;
  if (rounded === 0) return up ? SMALLEST : -SMALLEST;
  // Neighbouring floats of one sign are neighbouring integers, growing away from zero.
  bits[0] += rounded > 0 === up ? 1 : -1;
  return float[0];
}
