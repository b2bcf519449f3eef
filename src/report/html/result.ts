/** The result of a run: its headline figures, how far its episodes got, and where they failed. */
import type { EpisodeResult } from '../../episode/episode.js';
import { metricText } from '../metrics.js';
import type { ReportRun } from '../reported.js';
import { seedRanges } from '../runs.js';
import { rateIntervals } from './charts.js';
import { capital, count, fixed, interventionTicks, number, percent, percentRange, STOPS } from './format.js';
import { type Content, type Html, html } from './html.js';
import { table } from './table.js';

const TILE_WIDTH = 340;

export function resultSection(reported: ReportRun): Content {
  const { run, problems } = reported;
  return html`
${[...run.warnings, ...problems].map((warning) => html`<p class="warning">${warning}</p>`)}
<div class="tiles">${tiles(reported)}</div>
${run.summary.episodes > 0 && html`<div class="columns">${stageTable(reported)}${failureTable(reported)}</div>`}`;
}

function tiles({ run, latency }: ReportRun): Html[] {
  const { episodes, interrupted, success_rate, success_ci95, average_return, return_std, metrics, results } =
    run.summary;
  const ticks = results.reduce((sum, each) => sum + interventionTicks(each), 0);
  const steps = results.reduce((sum, each) => sum + each.steps, 0);
  const rate =
    success_rate === null
      ? tile('Success rate', '–', 'No episode ran to an end.')
      : tile(
          'Success rate',
          percent(success_rate),
          `${Math.round(success_rate * episodes)} of ${count(episodes, 'episode')}; 95\u00a0% interval ${percentRange(success_ci95)}${interrupted > 0 ? `; ${interrupted} interrupted, not counted` : ''}`,
          rateIntervals([{ label: run.label, value: success_rate, interval: success_ci95 }], TILE_WIDTH),
        );
  return [
    rate,
    tile(
      'Average return',
      average_return === null ? '–' : fixed(average_return, 1),
      return_std === null ? null : `± ${fixed(return_std, 1)} standard deviation`,
    ),
    ...Object.entries(metrics).map(([name, { mean, std, episodes }]) => {
      const { label, unit, figure } = metricText(name);
      const spread = std === null ? '' : `± ${figure(std)}\u00a0${unit} standard deviation; `;
      return tile(
        capital(label),
        `${figure(mean)}\u00a0${unit}`,
        `${spread}${count(episodes, 'episode')}, successes and failures`,
      );
    }),
    tile(
      'Latency, median',
      latency ? `${fixed(latency.p50, 1)}\u00a0ms` : '–',
      latency
        ? `99\u00a0% within ${fixed(latency.p99, 1)}\u00a0ms`
        : 'not known of merged shards without recordings',
    ),
    tile('Safety', ticks, `interventions in ${count(steps, 'tick')}`),
  ];
}

function tile(title: string, figure: Content, text: Content, drawing?: Html): Html {
  return html`
<div class="tile"><h3>${title}</h3><p class="figure">${figure}</p><p class="quiet">${text}</p>${drawing}</div>`;
}

/** The `reward ≥ r` table of ACT's evaluation, without r = 0, which every episode reaches. */
function stageTable({ run }: ReportRun): Html {
  const { reward_at_least, episodes } = run.summary;
  const rows = Object.entries(reward_at_least)
    .filter(([reward]) => reward !== '0')
    .map(([reward, share]) => [
      `at least ${reward}${Number(reward) === run.info.max_reward ? ' (success)' : ''}`,
      Math.round(share * episodes),
      percent(share),
      bar(share),
    ]);
  return html`
<div><h3>How far the episodes got</h3>
${table(['Highest reward', { n: 'Episodes' }, { n: 'Share' }, ''], rows)}</div>`;
}

function bar(share: number): Html {
  return html`<svg class="bars" aria-hidden="true" viewBox="0 0 120 10" width="120" height="10"><rect class="bar-track" width="120" height="10" rx="1"/><rect class="bar" width="${fixed(120 * share, 1)}" height="10" rx="1"/></svg>`;
}

/** Failures that ended alike, the most frequent first. */
function failureTable({ run }: ReportRun): Html {
  const groups = new Map<string, EpisodeResult[]>();
  for (const each of run.summary.results) {
    if (each.success || each.stop === 'interrupted') continue;
    const key = JSON.stringify([each.stop, each.reason, each.highest_reward]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const rows = [...groups.values()]
    .sort((a, b) => b.length - a.length)
    .map((group) => {
      const [{ stop, reason, highest_reward }] = group as [EpisodeResult];
      return [
        html`${STOPS[stop]}${reason && html`<br><span class="reason">${reason}</span>`}`,
        `${number(highest_reward)} of ${run.info.max_reward}`,
        group.length,
        seedRanges(group.map(({ seed }) => seed)),
      ];
    });
  return html`
<div><h3>Failures</h3>
${rows.length === 0 ? html`<p>None.</p>` : table(['Ended by', { n: 'Highest reward' }, { n: 'Episodes' }, 'Seeds'], rows)}</div>`;
}
