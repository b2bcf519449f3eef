/** How fast the loop was: a histogram from the recordings, percentiles from the results. */
import type { Percentiles } from '../../episode/episode.js';
import type { ReportRun } from '../reported.js';
import { latencyHistogram } from './charts.js';
import { count } from './format.js';
import { type Content, html } from './html.js';
import { type Column, table } from './table.js';

const PERCENTILES: readonly Column[] = [{ n: 'p50' }, { n: 'p95' }, { n: 'p99' }];
const LATENCY = 'observation → chunk';

export function timingSection(reported: ReportRun): Content {
  const { run, views } = reported;
  const samples = [...views.values()].map(({ latencies }) => latencies).filter(({ length }) => length > 0);
  const all = concatenate(samples);
  const total = (key: 'missed_ticks' | 'dropped_observations') =>
    run.summary.results.reduce((sum, { wall }) => sum + wall[key], 0);
  const [missed, dropped] = [total('missed_ticks'), total('dropped_observations')];
  const lost =
    missed + dropped === 0
      ? 'No tick was missed and no observation dropped.'
      : `${count(missed, 'tick')} missed, ${count(dropped, 'observation')} dropped for a newer one.`;
  return html`
<div class="columns">
${
  all.length > 0 &&
  html`
<figure>
<figcaption><strong>Latency.</strong> From the observation handed to the policy to its action chunk:
${count(all.length, 'inference')} of ${count(samples.length, 'recorded episode')}.</figcaption>
${latencyHistogram(all)}
</figure>`
}
<div><h3>Percentiles</h3>
${run.parts.length === 1 ? wholeTable(reported) : shardTable(reported)}
<p class="quiet">${lost}${run.parts.length > 1 && ' Percentiles cannot be merged, so each shard has its own.'}</p></div>
</div>`;
}

function wholeTable({ run }: ReportRun): Content {
  const { latency_ms, run_ms, overhead_ms } = run.summary;
  return table(
    ['ms of wall time', ...PERCENTILES],
    [
      [LATENCY, ...cells(latency_ms)],
      ['session.run alone', ...cells(run_ms)],
      ['loop overhead of a tick', ...cells(overhead_ms)],
    ],
  );
}

function shardTable({ run, latency }: ReportRun): Content {
  const parts = run.parts.flatMap(({ path, wall }) => [
    [LATENCY, path, ...cells(wall.latency_ms)],
    ['session.run alone', path, ...cells(wall.run_ms)],
    ['loop overhead of a tick', path, ...cells(wall.overhead_ms)],
  ]);
  return table(
    ['ms of wall time', 'Shard', ...PERCENTILES],
    latency ? [[LATENCY, 'all, from the recordings', ...cells(latency)], ...parts] : parts,
  );
}

function cells(values: Percentiles | null): string[] {
  return values ? [values.p50, values.p95, values.p99].map((ms) => ms.toFixed(2)) : ['–', '–', '–'];
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
