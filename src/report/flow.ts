/**
 * Optical flow as colour: hue is the direction, saturation the speed, white is still.
 *
 * The colour wheel and its use are those of the Middlebury benchmark: Baker et al., "A Database and
 * Evaluation Methodology for Optical Flow", IJCV 92 (2011); `flowIO`/`colorcode` in its public code.
 */

/** Steps between the six neighbouring corners of the wheel (red, yellow, green, cyan, blue, magenta). */
const SEGMENTS = [15, 6, 4, 11, 13, 6] as const;
const CORNERS = [
  [1, 0, 0],
  [1, 1, 0],
  [0, 1, 0],
  [0, 1, 1],
  [0, 0, 1],
  [1, 0, 1],
] as const;

/** 55 colours, r, g, b in 0…1, interleaved. */
const WHEEL = buildWheel();
const WHEEL_SIZE = WHEEL.length / 3;

function buildWheel(): Float32Array {
  const wheel: number[] = [];
  SEGMENTS.forEach((steps, s) => {
    const from = CORNERS[s] as readonly number[];
    const to = CORNERS[(s + 1) % CORNERS.length] as readonly number[];
    for (let i = 0; i < steps; i++)
      for (let c = 0; c < 3; c++) {
        const a = from[c] as number;
        wheel.push(a + ((to[c] as number) - a) * (i / steps));
      }
  });
  return Float32Array.from(wheel);
}

/**
 * Flow [2, h, w] (x right, y down; any unit) → rgb8 [h, w, 3]. A vector as long as `fullScale` (same unit)
 * is fully saturated, a longer one is darkened, a non-finite one is black.
 */
export function flowToRgb(flow: Float32Array, height: number, width: number, fullScale: number): Uint8Array {
  const size = height * width;
  if (flow.length !== 2 * size)
    throw new RangeError(`flow of ${flow.length} values is not [2, ${height}, ${width}]`);
  if (!(fullScale > 0)) throw new RangeError(`full scale must be positive, not ${fullScale}`);
  const rgb = new Uint8Array(3 * size);
  for (let i = 0; i < size; i++) {
    const x = (flow[i] as number) / fullScale;
    const y = (flow[size + i] as number) / fullScale;
    const speed = Math.hypot(x, y);
    if (!Number.isFinite(speed)) continue;
    // Angle → position on the wheel; the wheel starts (red) at motion to the right.
    const position = ((Math.atan2(-y, -x) / Math.PI + 1) / 2) * (WHEEL_SIZE - 1);
    const lower = Math.floor(position);
    const upper = (lower + 1) % WHEEL_SIZE;
    const between = position - lower;
    for (let c = 0; c < 3; c++) {
      const a = WHEEL[3 * lower + c] as number;
      const colour = a + ((WHEEL[3 * upper + c] as number) - a) * between;
      rgb[3 * i + c] = Math.round(255 * (speed <= 1 ? 1 - speed * (1 - colour) : 0.75 * colour));
    }
  }
  return rgb;
}

/** The length that `share` (0…1) of all the vectors of some flows [2, h·w] do not exceed; 0 for none. */
export function flowQuantile(flows: readonly Float32Array[], share: number): number {
  const speeds: number[] = [];
  for (const flow of flows) {
    const size = flow.length / 2;
    for (let i = 0; i < size; i++) {
      const speed = Math.hypot(flow[i] as number, flow[size + i] as number);
      if (Number.isFinite(speed)) speeds.push(speed);
    }
  }
  if (speeds.length === 0) return 0;
  const sorted = Float64Array.from(speeds).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}
