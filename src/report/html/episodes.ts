/** The episodes of a run, failures first: a table of all, and the details of each that was recorded. */
import type { EpisodeResult } from '../../episode/episode.js';
import { metricNames, metricText } from '../metrics.js';
import { failuresFirst, type ReportRun } from '../reported.js';
import {
  episodeCard,
  episodeId,
  hasCard,
  image,
  type Outcome,
  outcomeMark,
  outcomeOf,
} from './episodeCard.js';
import { capital, count, interventionTicks, number } from './format.js';
import { type Content, type Html, html } from './html.js';

/** Failures that are shown in full without being asked for. */
const OPEN_FAILURES = 4;

export function episodesSection(reported: ReportRun, index: number): Html {
  const { run, views } = reported;
  const results = failuresFirst(run.summary.results);
  const cards = results.flatMap((result, i) => {
    const view = views.get(result.seed);
    if (!view || !hasCard(view)) return [];
    const id = episodeId(index, result.seed);
    const open = i < OPEN_FAILURES && outcomeOf(result) === 'failure';
    return [episodeCard(result, view, { id, maxReward: run.info.max_reward, open })];
  });
  return html`
${controls(results, index, cards.length > 0)}
<div class="episodes-box" role="region" aria-label="Episodes" tabindex="0">
${episodeTable(reported, index, results)}
</div>
${
  cards.length > 0 &&
  html`
<h3>In detail</h3>
<p class="print-only quiet">Printed are the episodes that were open on the screen.</p>
${cards}`
}
${cards.length < results.length && missing(views.size > 0, results.length - cards.length)}`;
}

function missing(recorded: boolean, n: number): Html {
  return recorded
    ? html`
<p class="quiet">${count(n, 'episode')} of the table ${n === 1 ? 'has' : 'have'} no details: there is no recording, or
this file would have become too large; failures come first, then successes by their seeds.</p>`
    : html`
<p class="quiet">No recordings lie beside these results, so there are no pictures and no curves.</p>`;
}

/** Shown by the script, which makes them work. */
function controls(results: readonly EpisodeResult[], index: number, cards: boolean): Html {
  const choice = (value: Outcome | 'all', label: string) => {
    const n = results.filter((result) => value === 'all' || outcomeOf(result) === value).length;
    return html`
<label><input type="radio" name="show-${index}" value="${value}"${value === 'all' && html` checked`}> ${label} (${n})</label>`;
  };
  return html`
<div class="controls" hidden>
<fieldset><legend>Show</legend>${choice('all', 'all')}${choice('failure', 'failures')}${choice('success', 'successes')}</fieldset>
${cards && html`<button type="button">Open all details</button>`}
<span class="visually-hidden" role="status"></span>
</div>`;
}

/** By what a column sorts, and its title. */
const COLUMNS = [
  ['number', 'Seed'],
  ['text', 'Outcome'],
  ['number', 'Return'],
  ['number', 'Highest reward'],
  ['number', 'Steps'],
  ['number', 'Time (s)'],
  ['number', 'Safety ticks'],
  ['number', 'Latency p50 (ms)'],
] as const;

function episodeTable(reported: ReportRun, index: number, results: readonly EpisodeResult[]): Html {
  const pictures = results.some(({ seed }) => reported.views.get(seed)?.thumbnail);
  const reasons = results.some(({ reason }) => reason);
  const metrics = metricNames(results);
  const columns = [
    ...COLUMNS,
    ...metrics.map((name) => {
      const { label, unit } = metricText(name);
      return ['number', `${capital(label)}${unit && ` (${unit})`}`] as const;
    }),
    ...(reasons ? [['text', 'Reason'] as const] : []),
  ];
  const head = columns.map(
    ([sort, title]) =>
      html`<th scope="col" data-sort="${sort}" class="${sort === 'number' ? 'n' : ''}">${title}</th>`,
  );
  return html`
<table class="episodes">
<thead><tr>${pictures && html`<th scope="col">End</th>`}${head}</tr></thead>
<tbody>${results.map((result) => row(reported, index, result, { pictures, metrics, reasons }))}</tbody>
</table>`;
}

/** `data-value` is what a cell sorts by, where that is not its text. */
function row(
  { run, views }: ReportRun,
  index: number,
  result: EpisodeResult,
  { pictures, metrics, reasons }: { pictures: boolean; metrics: readonly string[]; reasons: boolean },
): Html {
  const { seed, highest_reward, steps, duration_s, reason, wall } = result;
  const view = views.get(seed);
  const p50 = wall.latency_ms?.p50;
  const thumbnail: Content = view?.thumbnail && image(view.thumbnail, `Last image of seed ${seed}`);
  return html`
<tr data-outcome="${outcomeOf(result)}">${pictures && html`<td>${thumbnail}</td>`}
<th scope="row" class="n">${hasCard(view) ? html`<a href="#${episodeId(index, seed)}">${seed}</a>` : seed}</th>
<td>${outcomeMark(result)}</td>
<td class="n" data-value="${result.return}">${number(result.return)}</td>
<td class="n" data-value="${highest_reward}">${number(highest_reward)} of ${run.info.max_reward}</td>
<td class="n">${steps}</td>
<td class="n">${duration_s.toFixed(2)}</td>
<td class="n">${interventionTicks(result)}</td>
<td class="n" data-value="${p50 ?? ''}">${p50 === undefined ? '–' : p50.toFixed(1)}</td>
${metrics.map((name) => metricCell(name, result.metrics?.[name]))}${reasons && html`<td class="reason">${reason}</td>`}</tr>`;
}

function metricCell(name: string, value: number | undefined): Html {
  return html`
<td class="n" data-value="${value ?? ''}">${value === undefined ? '–' : metricText(name).figure(value)}</td>`;
}
