/** What can be seen of one episode: pictures, rewards, safety, joints. */
import { INTERVENTIONS } from '../../act/interventions.js';
import type { EpisodeResult } from '../../episode/episode.js';
import type { EpisodeView } from '../condense.js';
import type { Webp } from '../filmstrip.js';
import { interventionRaster, jointChart, returnCurve, rewardSteps } from './charts.js';
import { count, fixed, number, STOPS, words } from './format.js';
import { type Content, type Html, html } from './html.js';
import { legend } from './svg.js';

export type Outcome = 'success' | 'failure' | 'none';

/** An interrupted episode is neither. */
export const outcomeOf = ({ success, stop }: EpisodeResult): Outcome =>
  stop === 'interrupted' ? 'none' : success ? 'success' : 'failure';

const MARKS: Readonly<Record<Outcome, readonly [className: string, mark: string]>> = {
  success: ['ok', '✓'],
  failure: ['bad', '✗'],
  none: ['open', '–'],
};

/** In colour, in a sign, and in words. */
export function outcomeMark(result: EpisodeResult): Html {
  const [className, mark] = MARKS[outcomeOf(result)];
  return html`<span class="verdict ${className}"><span aria-hidden="true">${mark}</span> ${STOPS[result.stop]}</span>`;
}

/** Where an episode's details are; unique in the page. */
export const episodeId = (run: number, seed: number): string => `run-${run + 1}-seed-${seed}`;

/** Whether there is more to be seen of an episode than its row. */
export const hasCard = (view: EpisodeView | undefined): boolean =>
  view !== undefined && view.joints.length > 0;

export interface CardOptions {
  /** `episodeId`. */
  readonly id: string;
  readonly maxReward: number;
  readonly open: boolean;
}

export function episodeCard(result: EpisodeResult, view: EpisodeView, options: CardOptions): Html {
  const { seed, steps, duration_s, highest_reward, reason } = result;
  const { id, maxReward, open } = options;
  const until = Math.max(duration_s, 1e-3);
  const facts = [
    `return ${number(result.return)}`,
    `highest reward ${number(highest_reward)} of ${maxReward}`,
    count(steps, 'step'),
    `${fixed(duration_s, 2)}\u00a0s`,
  ];
  return html`
<details class="episode" data-outcome="${outcomeOf(result)}"${open && html` open`}>
<summary><strong>Seed ${seed}</strong> ${outcomeMark(result)} <span class="quiet">${facts.join(' · ')}</span></summary>
<div class="body" id="${id}">
${reason && html`<p class="wide">Reason: ${reason}</p>`}
${view.damage && html`<p class="wide warning">${view.damage}</p>`}
<div>${view.strip ? pictures(view, view.strip, seed) : html`<p class="quiet">The recording holds no camera images.</p>`}</div>
<div class="curves">
<figure>${rewardSteps(view.reward, maxReward, until)}</figure>
<figure>${returnCurve(view.return, until)}</figure>
${safety(view, until)}
</div>
<figure class="wide">
<figcaption><strong>Joints.</strong> What each joint was sent and where it was measured, in rad (m for a sliding joint),
over time in s.</figcaption>
${legend([
  ['line told', 'sent'],
  ['line seen', 'measured'],
])}
<div class="joints">${view.joints.map((joint) => jointChart(joint, until))}</div>
</figure>
</div>
</details>`;
}

function pictures(view: EpisodeView, strip: NonNullable<EpisodeView['strip']>, seed: number): Html {
  const { film, cameras } = view;
  const [first = 0] = strip.times;
  const last = strip.times.at(-1) ?? 0;
  const seen = `${strip.times.length} instants from ${fixed(first, 1)} s to ${fixed(last, 1)} s, as seen by ${cameras.join(', ')}`;
  return html`
<figure>
<figcaption><strong>What it saw.</strong> From top to bottom: ${cameras.join(', ')}.</figcaption>
${image(strip, `Seed ${seed}: ${seen}`, 'strip')}
<ol class="times" aria-hidden="true">${strip.times.map((time) => html`<li>${fixed(time, 1)} s</li>`)}</ol>
${
  film &&
  html`
<details class="film"><summary>Play in real time (${fixed(film.seconds, 1)} s)</summary>
${image(film, `Animation of seed ${seed}, from left to right: ${cameras.join(', ')}`)}
</details>`
}
</figure>`;
}

function safety({ interventions }: EpisodeView, until: number): Content {
  if (interventions.length === 0) return null;
  const kinds = INTERVENTIONS.flatMap((kind) => {
    const ticks = interventions.filter((each) => each.kind === kind).length;
    return ticks > 0 ? [`${words(kind)} ${ticks}`] : [];
  });
  return html`
<figure>
<figcaption><strong>Safety.</strong> ${kinds.join(', ')} (ticks).</figcaption>
${interventionRaster(interventions, until, 'Safety interventions over time', 320)}
</figure>`;
}

/** A picture inside the file itself. */
export function image({ bytes, width, height }: Webp, alt: string, className = ''): Html {
  return html`<img class="${className}" src="data:image/webp;base64,${bytes.toString('base64')}" width="${width}" height="${height}" alt="${alt}" decoding="async">`;
}
