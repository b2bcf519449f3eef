/** Times: seconds as `number` inside, nanoseconds as `bigint` and ROS's `Time` where a message is read or written. */
import type { Time } from './types.js';

const NS_PER_S = 1_000_000_000n;

/** To the nearest nanosecond. Whole seconds apart, so that today's date keeps all the precision it has. */
export function secondsToNs(seconds: number): bigint {
  const whole = Math.floor(seconds);
  return BigInt(whole) * NS_PER_S + BigInt(Math.round((seconds - whole) * 1e9));
}

/**
 * The nearest number of seconds. What `secondsToNs` made of a time on a grid (n/20 s, say) comes back the
 * same; a time since 1970 is good to a quarter of a microsecond, as any such `number` is.
 */
export function nsToSeconds(ns: bigint): number {
  const exact = ns <= BigInt(Number.MAX_SAFE_INTEGER) && ns >= BigInt(-Number.MAX_SAFE_INTEGER);
  return exact ? Number(ns) / 1e9 : Number(ns / NS_PER_S) + Number(ns % NS_PER_S) / 1e9;
}

/** `nanosec` is 0 … 999,999,999, and `sec` counts down before the epoch, as in ROS. */
export function nsToStamp(ns: bigint): Time {
  const nanosec = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
  return { sec: Number((ns - nanosec) / NS_PER_S), nanosec: Number(nanosec) };
}

export function stampToNs({ sec, nanosec }: Time): bigint {
  return BigInt(sec) * NS_PER_S + BigInt(nanosec);
}

export function toStamp(seconds: number): Time {
  return nsToStamp(secondsToNs(seconds));
}

export function fromStamp(stamp: Time): number {
  return nsToSeconds(stampToNs(stamp));
}
