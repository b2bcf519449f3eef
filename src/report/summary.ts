/** A run as tables for a person; the numbers are those of `summarise`. */
import type { EpisodeResult, Percentiles } from '../episode/episode.js';
import type { Summary } from '../episode/statistics.js';
import { metricNames, metricText } from './metrics.js';
import { type Column, pairs, table } from './table.js';

const EPISODE_COLUMNS: readonly Column[] = [
  { title: 'seed', align: 'right' },
  { title: 'stop' },
  { title: 'return', align: 'right' },
  { title: 'highest', align: 'right' },
  { title: 'steps', align: 'right' },
  { title: 'seconds', align: 'right' },
  { title: 'safety', align: 'right' },
];

/** One line an episode; `safety` is the number of interventions. */
export function episodeTable(results: readonly EpisodeResult[]): string {
  const metrics = metricNames(results).map((name) => [name, metricText(name)] as const);
  const columns: Column[] = [
    ...EPISODE_COLUMNS,
    ...metrics.map(([, { label, unit }]) => ({
      title: unit ? `${label}, ${unit}` : label,
      align: 'right' as const,
    })),
    ...(results.some(({ reason }) => reason) ? [{ title: 'reason' }] : []),
  ];
  return table(
    columns,
    results.map((result) => [
      String(result.seed),
      result.stop,
      String(result.return),
      String(result.highest_reward),
      String(result.steps),
      result.duration_s.toFixed(2),
      String(Object.values(result.safety).reduce((sum, ticks) => sum + ticks, 0)),
      ...metrics.map(([name, { figure }]) => {
        const value = result.metrics?.[name];
        return value === undefined ? '' : figure(value);
      }),
      result.reason ?? '',
    ]),
  );
}

/** Success, return, the reward table, wall-clock figures and safety interventions. */
export function summaryTable(summary: Summary): string {
  const parts = [pairs(headline(summary))];
  const stages = Object.entries(summary.reward_at_least);
  if (stages.length > 0)
    parts.push(
      table(
        [{ title: 'reward ≥' }, ...stages.map(([r]) => ({ title: r, align: 'right' as const }))],
        [['episodes', ...stages.map(([, rate]) => percent(rate))]],
      ),
    );
  const timings: readonly (readonly [string, Percentiles | null])[] = [
    ['latency', summary.latency_ms],
    ['session.run', summary.run_ms],
    ['loop overhead', summary.overhead_ms],
  ];
  const known = timings.flatMap(([name, values]) => (values ? [[name, values] as const] : []));
  if (known.length > 0)
    parts.push(
      table(
        [{ title: 'ms' }, ...['p50', 'p95', 'p99'].map((title) => ({ title, align: 'right' as const }))],
        known.map(([name, { p50, p95, p99 }]) => [name, ...[p50, p95, p99].map((ms) => ms.toFixed(2))]),
      ),
    );
  return parts.join('\n\n');
}

function headline(summary: Summary): (readonly [string, string])[] {
  const { episodes, interrupted, success_rate, success_ci95, average_return, return_std, safety } = summary;
  const lines: (readonly [string, string])[] = [['episodes', String(episodes)]];
  if (interrupted > 0) lines.push(['interrupted', `${interrupted} (not counted)`]);
  if (success_rate !== null) {
    const [low, high] = success_ci95;
    const interval = `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)} %`;
    const successes = Math.round(success_rate * episodes);
    lines.push([
      'success rate',
      `${percent(success_rate)} (${successes} of ${episodes}; 95 % interval ${interval}, Wilson)`,
    ]);
  }
  if (average_return !== null)
    lines.push([
      'average return',
      average_return.toFixed(1) + (return_std === null ? '' : ` ± ${return_std.toFixed(1)}`),
    ]);
  for (const [name, { mean, std }] of Object.entries(summary.metrics)) {
    const { label, unit, figure } = metricText(name);
    lines.push([label, `${figure(mean)}${std === null ? '' : ` ± ${figure(std)}`} ${unit}`.trimEnd()]);
  }
  const interventions = Object.entries(safety).filter(([, ticks]) => ticks > 0);
  lines.push([
    'safety',
    interventions.length === 0
      ? 'no interventions'
      : `${interventions.map(([kind, ticks]) => `${kind} ${ticks}`).join(', ')} (ticks)`,
  ]);
  return lines;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
