/** Numbers and words as the report writes them. */

import type { Interval } from '../../episode/comparison.js';
import type { EpisodeResult, StopReason } from '../../episode/episode.js';

/** A minus sign is as wide as a plus sign; a hyphen is not. */
const MINUS = '−';

export const fixed = (value: number, digits: number): string => {
  const text = value.toFixed(digits);
  // -0.04 to one digit is 0, not minus 0.
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', MINUS);
};

export const signed = (value: number, digits: number): string => {
  const text = fixed(value, digits);
  return Number(text.replace(MINUS, '-')) > 0 ? `+${text}` : text;
};

/** 0.85 → `85.0 %`, the space unbroken. */
export const percent = (share: number): string => `${fixed(100 * share, 1)}\u00a0%`;

/** `64.0–94.8 %`, in one piece. */
export const percentRange = ([low, high]: Interval): string =>
  `${fixed(100 * low, 1)}\u2060–\u2060${fixed(100 * high, 1)}\u00a0%`;

/** `−3.1 to +12.0`, of differences, which have a sign. */
export const signedRange = ([low, high]: Interval, digits = 1): string =>
  `${signed(low, digits)} to ${signed(high, digits)}`;

/** Returns are sums of whole rewards, or of anything: as few digits as say it. */
export const number = (value: number): string =>
  Number.isInteger(value) ? fixed(value, 0) : fixed(value, Math.abs(value) < 10 ? 2 : 1);

/** 0.0312 → `0.031`, 1e-9 → `< 0.0001`. */
export const probability = (p: number): string => {
  if (p < 0.0001) return '<\u00a00.0001';
  return p < 0.001 ? p.toFixed(4) : p.toFixed(3);
};

export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n}\u00a0${n === 1 ? one : many}`;

export const STOPS: Readonly<Record<StopReason, string>> = {
  success: 'success',
  failure: 'failure',
  timeout: 'time limit',
  aborted: 'aborted',
  interrupted: 'interrupted',
};

/** `position error` → `Position error`. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `velocity_limit` → `velocity limit`. */
export const words = (name: string): string => name.replaceAll('_', ' ');

export const interventionTicks = ({ safety }: EpisodeResult): number =>
  Object.values(safety).reduce((sum, ticks) => sum + ticks, 0);

/** Runs that are compared are called A, B, C …; the 27th is 27. */
export const runLetter = (index: number): string =>
  index < 26 ? String.fromCharCode(65 + index) : String(index + 1);
