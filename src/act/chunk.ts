/** K×A actions predicted from one observation; row k is meant for `time + k·dt`. */
export interface ActionChunk {
  /** Time of the observation it was predicted from, s. */
  readonly time: number;
  /** Seconds between rows. */
  readonly dt: number;
  /** Rows K. */
  readonly length: number;
  /** Action dimensions A. */
  readonly width: number;
  /** K×A row-major, robot units, bundle joint order. */
  readonly actions: Float32Array;
}
