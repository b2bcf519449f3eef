/** One row an episode, as RFC 4180 has it. */
import { INTERVENTIONS } from '../act/interventions.js';
import type { EpisodeResult } from '../episode/episode.js';
import { metricNames } from './metrics.js';
import type { Report } from './reported.js';
import { strategyText } from './runs.js';

type Cell = string | number | boolean | null | undefined;

const COLUMNS: readonly (readonly [string, (result: EpisodeResult) => Cell])[] = [
  ['seed', ({ seed }) => seed],
  ['success', ({ success }) => success],
  ['return', (result) => result.return],
  ['highest_reward', ({ highest_reward }) => highest_reward],
  ['steps', ({ steps }) => steps],
  ['duration_s', ({ duration_s }) => duration_s],
  ['stop', ({ stop }) => stop],
  ['reason', ({ reason }) => reason],
  ['max_camera_skew_s', ({ max_camera_skew_s }) => max_camera_skew_s],
  ...INTERVENTIONS.map((kind) => [`safety_${kind}`, ({ safety }: EpisodeResult) => safety[kind]] as const),
  ['latency_p50_ms', ({ wall }) => wall.latency_ms?.p50],
  ['latency_p95_ms', ({ wall }) => wall.latency_ms?.p95],
  ['latency_p99_ms', ({ wall }) => wall.latency_ms?.p99],
  ['missed_ticks', ({ wall }) => wall.missed_ticks],
  ['dropped_observations', ({ wall }) => wall.dropped_observations],
];

/** With a line of column names, the tasks' metrics last; lines end in CR LF, also the last. */
export function csv({ runs }: Report): string {
  const metrics = metricNames(runs.flatMap(({ run }) => run.summary.results));
  const head = ['run', 'policy', 'strategy', 'task', 'robot', ...COLUMNS.map(([name]) => name), ...metrics];
  const rows = runs.flatMap(({ run }) =>
    run.summary.results.map((result) => [
      run.label,
      run.info.policy,
      strategyText(run.info.strategy),
      run.info.task,
      run.info.robot,
      ...COLUMNS.map(([, value]) => value(result)),
      ...metrics.map((name) => result.metrics?.[name]),
    ]),
  );
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: Cell): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
