/** The sections of one run. */
import type { RunInfo } from '../../episode/run.js';
import type { ReportRun } from '../reported.js';
import { latencyText, seedRanges, strategyText } from '../runs.js';
import { episodesSection } from './episodes.js';
import { count, number, percent, percentRange } from './format.js';
import { type Content, html } from './html.js';
import { progressSection } from './progress.js';
import { resultSection } from './result.js';
import { safetySection } from './safety.js';
import { table } from './table.js';
import { timingSection } from './timing.js';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Content;
}

/** Where the sections of a run begin; `index` tells the runs of one page apart. */
export const runId = (index: number, name = 'result'): string => `run-${index + 1}-${name}`;

/** In the order of the page. */
export function runSections(reported: ReportRun, index: number): Section[] {
  const sections: readonly (readonly [string, string, Content])[] = [
    ['result', 'Result', resultSection(reported)],
    ['episodes', 'Episodes', episodesSection(reported, index)],
    ['progress', 'Progress', progressSection(reported)],
    ['timing', 'Timing', timingSection(reported)],
    ['safety', 'Safety', safetySection(reported)],
    ['method', 'How this was run', method(reported)],
  ];
  return sections
    .filter(([, , content]) => content !== null)
    .map(([name, title, content]) => ({ id: runId(index, name), title, content }));
}

/** What was run, as pairs for the head of the page. */
export function runFacts({ run }: ReportRun): readonly (readonly [string, string])[] {
  const { info, summary } = run;
  return [
    ['Policy', info.policy],
    ['Robot', info.robot],
    ['Task', info.task],
    ['Strategy', strategyText(info.strategy)],
    ['Seeds', seedRanges(summary.results.map(({ seed }) => seed))],
    ['Time limit', `${info.time_limit_s} s`],
    ...(info.speed === 1 ? [] : [['Speed', `${info.speed} times as trained`] as const]),
    ...addedDelays(info),
    ...(info.control ? [['Control', `${info.control} (a run that must fail)`] as const] : []),
    ['Execution provider', info.provider ?? 'not known'],
    ['Policy graph', `${info.graph_sha256.slice(0, 12)}…`],
    ['Robot contract', `${info.contract_sha256.slice(0, 12)}…`],
    ['Software', `Saccade ${[...new Set(run.parts.map((part) => part.info.saccade))].join(', ')}`],
  ];
}

/** What the simulator made the policy put up with, where it did. */
function addedDelays(info: RunInfo): readonly (readonly [string, string])[] {
  const latency = info.added_latency_ms + info.added_latency_jitter_ms > 0;
  const { observation_delay_ms } = info;
  return [
    ...(latency ? [['Added latency', latencyText(info)] as const] : []),
    ...(observation_delay_ms > 0 ? [['Observation delay', `${observation_delay_ms} ms`] as const] : []),
  ];
}

/** The result in a sentence or two. */
export function inWords({ run }: ReportRun): string {
  const { episodes, success_rate, success_ci95, average_return } = run.summary;
  if (success_rate === null || average_return === null) return 'No episode ran to an end.';
  const successes = Math.round(success_rate * episodes);
  const rate = `${percent(success_rate)}, with a 95\u00a0% interval of ${percentRange(success_ci95)}`;
  return `The policy ${run.info.policy} succeeded in ${successes} of ${count(episodes, 'episode')}: ${rate}. The average return was ${number(average_return)}.`;
}

function method({ run }: ReportRun): Content {
  const folders = run.parts.map(({ path, info: { shard }, results }) => [
    html`<code>${path}</code>`,
    shard ? `${shard.index} of ${shard.count}` : 'whole',
    results.length,
    seedRanges(results.map(({ seed }) => seed)),
  ]);
  return html`
${table(['Results', 'Shard', { n: 'Episodes' }, 'Seeds'], folders)}
<p class="quiet">Policy graph, SHA-256: <code>${run.info.graph_sha256}</code><br>
Robot contract, SHA-256: <code>${run.info.contract_sha256}</code></p>
<p>An episode succeeds when its reward reaches the task's maximum, ${run.info.max_reward}; its return is the sum of the
reward over its control ticks. Episodes that were interrupted from outside have no verdict and are left out of every
rate. The interval of the success rate is Wilson's score interval at 95 % (Wilson 1927); the spread of the return is
the sample standard deviation. Latencies are wall time on the machine that ran the episodes; everything else is a
function of seeds, bundle, contract, strategy and provider, and comes out the same again.</p>`;
}
