/** A replay as tables for a person; the numbers are those of its summary. */
import { type Column, pairs, table } from '../report/table.js';
import type { Regression } from './against.js';
import type { CommandComparison, ReplayFigures, ReplayResult, ReplaySummary } from './results.js';

const BAG_COLUMNS: readonly Column[] = [
  { title: 'bag' },
  { title: 'recorded' },
  { title: 'return', align: 'right' },
  { title: 'ticks', align: 'right' },
  { title: 'commands' },
  { title: 'safety', align: 'right' },
  { title: '× real time', align: 'right' },
  { title: 'reason' },
];

/** One line a bag; `safety` is the number of would-be interventions. */
export function bagTable(results: readonly ReplayResult[]): string {
  const columns = results.some(({ reason }) => reason) ? BAG_COLUMNS : BAG_COLUMNS.slice(0, -1);
  return table(
    columns,
    results.map(({ bag, recorded, ticks, command, safety, wall, reason }) => [
      bag,
      recorded?.stop ?? '-',
      recorded ? String(recorded.return) : '-',
      String(ticks),
      commands(command),
      String(Object.values(safety).reduce((sum, count) => sum + count, 0)),
      wall.speed.toFixed(1),
      reason ?? '',
    ]),
  );
}

/** Errors by joint, over the chunk and over its horizon; commands, safety and wall-clock figures. */
export function replayTable(summary: ReplaySummary): string {
  const parts = [jointTable(summary), horizonTable(summary), pairs(headline(summary))];
  const { latency_ms, run_ms } = summary.wall;
  if (latency_ms && run_ms)
    parts.push(
      table(
        [{ title: 'ms' }, ...['p50', 'p95', 'p99'].map((title) => ({ title, align: 'right' as const }))],
        [['latency', latency_ms] as const, ['session.run', run_ms] as const].map(
          ([name, { p50, p95, p99 }]) => [name, ...[p50, p95, p99].map((ms) => ms.toFixed(2))],
        ),
      ),
    );
  return parts.join('\n\n');
}

export function regressionTable(regressions: readonly Regression[]): string {
  return table(
    [
      { title: 'bag' },
      { title: 'figure' },
      { title: 'before', align: 'right' },
      { title: 'now', align: 'right' },
    ],
    regressions.map(({ bag, figure, before, now }) => [bag, figure, number(before), number(now)]),
  );
}

function jointTable({ chunk_error, action_error }: ReplayFigures): string {
  const titles = ['chunk mean', 'p95', 'max', 'action mean', 'p95', 'max'];
  return table(
    [{ title: 'error, rad (m)' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
    Object.entries(chunk_error).map(([joint, chunk]) => {
      const action = action_error[joint];
      return [
        joint,
        ...[chunk.mean, chunk.p95, chunk.max, action?.mean, action?.p95, action?.max].map(number),
      ];
    }),
  );
}

function horizonTable({ horizon }: ReplayFigures): string {
  const [first] = horizon;
  return table(
    [
      { title: 'mean error at row' },
      ...horizon.map(({ step, time_s }) => ({
        title: `${step} (${time_s.toFixed(2)} s)`,
        align: 'right' as const,
      })),
    ],
    Object.keys(first?.mean ?? {}).map((joint) => [joint, ...horizon.map(({ mean }) => number(mean[joint]))]),
  );
}

function headline({ bags, ticks, inferences, recorded, command, safety, wall }: ReplaySummary) {
  const interventions = Object.entries(safety).filter(([, count]) => count > 0);
  const lines: (readonly [string, string])[] = [
    ['bags', String(bags)],
    ['ticks', `${ticks}, ${inferences} inferences`],
    ['recorded', `${recorded.successes} of ${recorded.episodes} succeeded`],
    ['commands', commands(command)],
    [
      'safety',
      interventions.length === 0
        ? 'no interventions'
        : `${interventions.map(([kind, count]) => `${kind} ${count}`).join(', ')} (ticks)`,
    ],
    ['speed', `${wall.speed.toFixed(1)} × real time`],
  ];
  return lines;
}

function commands({ compared, identical, max_difference }: CommandComparison): string {
  if (compared === 0) return 'none recorded';
  return identical ? 'identical' : `differ by up to ${number(max_difference)}`;
}

function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return '-';
  return value !== 0 && value < 5e-6 ? value.toExponential(1) : value.toFixed(5);
}
