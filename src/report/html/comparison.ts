/** The comparison of runs: all success rates on one axis, then each run against the first. */
import type { Comparison } from '../../episode/comparison.js';
import type { EpisodeResult } from '../../episode/episode.js';
import type { Report, ReportRun, RunComparison } from '../reported.js';
import { seedRanges } from '../runs.js';
import { differenceIntervals, rateIntervals } from './charts.js';
import { episodeId, hasCard, outcomeMark } from './episodeCard.js';
import {
  count,
  fixed,
  number,
  percent,
  percentRange,
  probability,
  runLetter,
  signed,
  signedRange,
} from './format.js';
import { type Content, type Html, html } from './html.js';
import { runId } from './run.js';
import { table } from './table.js';

const LEVEL = 0.05;

export function comparisonSection({ runs, comparisons }: Report): Content {
  const rates = runs.flatMap(({ run }, i) => {
    const { success_rate: value, success_ci95: interval } = run.summary;
    return value === null ? [] : [{ label: `${runLetter(i)} · ${run.label}`, value, interval }];
  });
  const differences = comparisons.flatMap(({ comparison: { rate } }, i) =>
    rate ? [{ label: `${runLetter(i + 1)} less A`, value: rate.difference, interval: rate.ci95 }] : [],
  );
  return html`
${runTable(runs)}
<div class="columns">
<figure><h3>Success rates</h3>${rateIntervals(rates)}</figure>
${
  differences.length > 0 &&
  html`
<figure><h3>Differences</h3>${differenceIntervals(differences)}
<figcaption>An interval that covers 0 leaves it open which run is better.</figcaption></figure>`
}
</div>
${comparisons.map((each, i) => pairwise(each, i + 1, runs))}
${method(comparisons.length)}`;
}

function runTable(runs: readonly ReportRun[]): Html {
  const rows = runs.map(({ run, latency }, i) => {
    const { episodes, success_rate, success_ci95, average_return, results } = run.summary;
    return [
      runLetter(i),
      html`<a href="#${runId(i)}">${run.label}</a>`,
      episodes,
      results.filter(({ success }) => success).length,
      success_rate === null ? '–' : percent(success_rate),
      success_rate === null ? '–' : percentRange(success_ci95),
      average_return === null ? '–' : fixed(average_return, 1),
      latency ? `${fixed(latency.p50, 1)}\u00a0ms` : '–',
      seedRanges(results.map(({ seed }) => seed)),
    ];
  });
  const figures = ['Episodes', 'Successes', 'Success rate', '95 % interval', 'Average return', 'Latency p50'];
  return table(['', 'Run', ...figures.map((n) => ({ n })), 'Seeds'], rows, { rowHeader: 1 });
}

/** `index` is the second run's. */
function pairwise({ comparison, adjustedP }: RunComparison, index: number, runs: readonly ReportRun[]): Html {
  const { rate, paired, return: returns } = comparison;
  const letter = runLetter(index);
  const several = runs.length > 2 && adjustedP !== null;
  const rows: Content[][] = [];
  if (rate) {
    const adjusted = several ? `; ${probability(adjustedP)} adjusted for ${runs.length - 1} comparisons` : '';
    rows.push([
      'Success rate, percentage points',
      signed(100 * rate.difference, 1),
      signedRange([100 * rate.ci95[0], 100 * rate.ci95[1]]),
      `${rate.method}; p = ${probability(rate.p)}${adjusted} (${rate.test}, two-sided)`,
    ]);
  }
  if (returns)
    rows.push([
      'Average return',
      signed(returns.difference, 1),
      returns.ci95 ? signedRange(returns.ci95) : '–',
      `bootstrap of ${paired ? 'the differences of the pairs' : 'each run'}`,
    ]);
  return html`
<h3>${letter} against A</h3>
<p><strong>${verdict(comparison, letter, adjustedP)}</strong></p>
${table([`${letter} less A`, { n: 'Difference' }, { n: '95 % interval' }, 'How'], rows)}
${pairs(comparison, index, runs)}`;
}

/** Never more than the data say; what one comparison would show, several at once may not. */
function verdict(
  { rate, verdict, episodesNeeded }: Comparison,
  letter: string,
  adjustedP: number | null,
): string {
  if (rate === null) return 'A run without an episode that ended cannot be compared.';
  if (verdict !== 'undecided' && (adjustedP ?? 1) < LEVEL)
    return `The success rate of ${letter} is ${verdict} than that of A, by ${fixed(Math.abs(100 * rate.difference), 1)} percentage points.`;
  const needed =
    episodesNeeded === null
      ? ''
      : ` To find a difference as large as the one seen in four of five attempts, each run would need about ${count(episodesNeeded, 'episode')} (of separate seeds; two-sided 5 %).`;
  return `These episodes do not show which run has the higher success rate.${needed}`;
}

function pairs({ pairs, differing, paired }: Comparison, index: number, runs: readonly ReportRun[]): Html {
  const { both, onlyFirst, onlySecond, neither } = pairs;
  const letter = runLetter(index);
  const common = both + onlyFirst + onlySecond + neither;
  if (common === 0) return html`<p class="quiet">The runs have no seed in common.</p>`;
  const matrix = table(
    ['', { n: `${letter} succeeded` }, { n: `${letter} failed` }],
    [
      ['A succeeded', both, onlyFirst],
      ['A failed', onlySecond, neither],
    ],
    {
      caption: `${count(common, 'seed')} in both runs${paired ? '' : '; others are in one run only, so the runs count as separate trials above'}.`,
    },
  );
  const rows = differing.map(({ seed, first, second }) => [
    seed,
    outcomeLink(runs, 0, first),
    outcomeLink(runs, index, second),
    number(first.highest_reward),
    number(second.highest_reward),
  ]);
  return html`
<div class="columns pairs">${matrix}${
    rows.length === 0
      ? html`<p class="quiet">Every seed came out the same in both.</p>`
      : table([{ n: 'Seed' }, 'A', letter, { n: 'Highest reward, A' }, { n: letter }], rows, {
          caption: 'Seeds that came out differently.',
        })
  }</div>`;
}

function outcomeLink(runs: readonly ReportRun[], run: number, result: EpisodeResult): Html {
  const mark = outcomeMark(result);
  return hasCard(runs[run]?.views.get(result.seed))
    ? html`<a href="#${episodeId(run, result.seed)}">${mark}</a>`
    : mark;
}

function method(comparisons: number): Html {
  return html`
<p class="quiet">Intervals of differences of success rates are Newcombe's hybrid score intervals (1998), method 10 for
separate trials and for pairs. The tests are Fisher's exact test for separate trials and McNemar's, in its exact form,
for pairs. Differences of average returns are by the percentile bootstrap (Efron and Tibshirani 1993; 10,000 resamples
from a fixed seed). Runs are compared as pairs when they have exactly the same seeds, so that each scene was met by both.
A difference is called one only when its interval leaves out 0 and the test agrees at
5 %${comparisons > 1 && ', after Holm’s adjustment (1979) for the number of comparisons'}.</p>`;
}
