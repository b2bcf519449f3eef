/** A value over time, s since the first tick. */
export interface Series {
  readonly times: Float32Array;
  readonly values: Float32Array;
}

/** A curve of more points than this cannot be told from one of as many, at the size of the report's charts. */
const POINTS = 160;

/**
 * The same curve with at most `points` points, or as it is when it has no more: of each stretch of time the
 * lowest and the highest value, in their order, so that no spike is lost.
 */
export function thin({ times, values }: Series, points = POINTS): Series {
  const n = times.length;
  if (n <= points) return { times, values };
  // The two ends say how long the curve is, and are kept too.
  const buckets = Math.max(1, Math.floor(points / 2) - 1);
  const kept: number[] = [0];
  for (let b = 0; b < buckets; b++) {
    const from = Math.floor((b * n) / buckets);
    const to = Math.floor(((b + 1) * n) / buckets);
    let [low, high] = [from, from];
    for (let i = from + 1; i < to; i++) {
      if ((values[i] as number) < (values[low] as number)) low = i;
      if ((values[i] as number) > (values[high] as number)) high = i;
    }
    kept.push(Math.min(low, high), Math.max(low, high));
  }
  kept.push(n - 1);
  return {
    times: Float32Array.from(kept, (i) => times[i] as number),
    values: Float32Array.from(kept, (i) => values[i] as number),
  };
}
