/** How the episodes of a run went on, over time: rewards reached, returns grown. */
import type { ReportRun } from '../reported.js';
import { reachedCurves, returnCurves, stageClass } from './charts.js';
import { count } from './format.js';
import { type Content, html } from './html.js';
import { legend } from './svg.js';

/** Null where nothing was recorded. */
export function progressSection({ run, views }: ReportRun): Content {
  const { results } = run.summary;
  const recorded = results.flatMap(({ seed, success }) => {
    const view = views.get(seed);
    return view && view.reward.times.length > 0 ? [{ view, success }] : [];
  });
  if (recorded.length === 0) return null;
  const partly = recorded.length < results.length ? ` Of ${count(recorded.length, 'recorded episode')}.` : '';
  const { max_reward } = run.info;
  const stages = Array.from({ length: max_reward }, (_, i) => i + 1);
  const rewards = recorded.map(({ view }) => view.reward);
  const returns = recorded.map(({ view, success }) => ({ series: view.return, success }));
  return html`
<div class="columns">
<figure>
<figcaption><strong>Rewards reached.</strong> Share of episodes that had reached each reward by each time.${partly}</figcaption>
${legend(stages.map((stage) => [stageClass(stage, max_reward), `reward ≥ ${stage}`]))}
${reachedCurves(rewards, max_reward)}
</figure>
<figure>
<figcaption><strong>Return.</strong> The sum of the rewards as it grew, a line an episode; it goes on for as long as the
episode does.${partly}</figcaption>
${legend([
  ['line bad', 'failed'],
  ['line ok', 'succeeded'],
])}
${returnCurves(returns)}
</figure>
</div>`;
}
