/** What the safety stage did: how often, and when. */
import { INTERVENTIONS } from '../../act/interventions.js';
import type { ReportRun } from '../reported.js';
import { interventionRaster } from './charts.js';
import { words } from './format.js';
import { type Content, html } from './html.js';
import { table } from './table.js';

export function safetySection({ run, views }: ReportRun): Content {
  const { results, safety } = run.summary;
  const kinds = INTERVENTIONS.filter((kind) => safety[kind] > 0);
  if (kinds.length === 0) return html`<p>The safety stage changed no command.</p>`;
  const rows = kinds.map((kind) => [
    words(kind),
    safety[kind],
    results.filter((result) => result.safety[kind] > 0).length,
  ]);
  const events = [...views.values()].flatMap(({ interventions }) => interventions);
  const until = Math.max(...results.map(({ duration_s }) => duration_s));
  return html`
<div class="columns">
<div>
<p class="quiet">Ticks on which the safety stage changed or replaced a command; a tick with two reasons counts under
each.</p>
${table(['Kind', { n: 'Ticks' }, { n: 'Episodes' }], rows)}
</div>
${
  events.length > 0 &&
  html`
<figure>
<figcaption><strong>When.</strong> Every intervention of the recorded episodes, over the time since the first
tick.</figcaption>
${interventionRaster(events, until, 'Safety interventions of all episodes over time', 460)}
</figure>`
}
</div>`;
}
