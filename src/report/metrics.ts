/** The metrics of tasks as a person reads them. */
import type { EpisodeResult } from '../episode/episode.js';

export interface MetricText {
  /** `position error` */
  readonly label: string;
  /** Without the unit. */
  figure(value: number): string;
  /** `cm`, or nothing. */
  readonly unit: string;
}

/** What a name's ending says, and how it is shown: lengths of a table-top task in cm. */
const UNITS: readonly (readonly [ending: string, unit: string, scale: number])[] = [
  ['_m', 'cm', 100],
  ['_rad', '°', 180 / Math.PI],
  ['_s', 's', 1],
];

/** `position_error_m` as "position error" in cm. A unit that is not known stays in the label. */
export function metricText(name: string): MetricText {
  const [ending, unit, scale] = UNITS.find(([ending]) => name.endsWith(ending)) ?? ['', '', 1];
  const label = name.slice(0, name.length - ending.length).replaceAll('_', ' ');
  return { label, unit, figure: (value) => (scale * value).toFixed(2) };
}

/** The metrics that any of the episodes has. */
export function metricNames(results: readonly Pick<EpisodeResult, 'metrics'>[]): string[] {
  return [...new Set(results.flatMap(({ metrics }) => Object.keys(metrics ?? {})))];
}
