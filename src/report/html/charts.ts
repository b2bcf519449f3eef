/** The charts of a run. */
import { INTERVENTIONS, type Intervention } from '../../act/interventions.js';
import type { Interval } from '../../episode/comparison.js';
import { percentile } from '../../episode/statistics.js';
import type { JointCurves } from '../condense.js';
import type { Series } from '../series.js';
import { count, fixed, percent, percentRange, signed, signedRange, words } from './format.js';
import { type Content, type Html, html } from './html.js';
import { line, linear, nice, picture, place, plot, ticks } from './svg.js';

const RATE_TICKS = [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: `${100 * value}` }));

export interface IntervalRow {
  readonly label: string;
  readonly value: number;
  readonly interval: Interval;
}

/** Success rates with their intervals, one under another on one axis from 0 to 100 %. */
export function rateIntervals(rows: readonly IntervalRow[], width = 460): Html {
  const said = rows.map(
    ({ label, value, interval }) => `${label}: ${percent(value)}, ${percentRange(interval)}.`,
  );
  return intervals({
    title: 'Success rate with its 95 % interval',
    description: said.join(' '),
    rows,
    domain: [0, 1],
    at: RATE_TICKS,
    label: 'success rate (%)',
    width,
  });
}

/** Differences of success rates, in percentage points, with the line of no difference. */
export function differenceIntervals(rows: readonly IntervalRow[]): Html {
  const points = rows.map(({ label, value, interval: [low, high] }) => ({
    label,
    value: 100 * value,
    interval: [100 * low, 100 * high] as const,
  }));
  const reach = Math.max(10, ...points.flatMap(({ interval }) => interval.map(Math.abs)));
  const domain = nice([-reach, reach], 4);
  return intervals({
    title: 'Difference of the success rates with its 95 % interval',
    description: points
      .map(({ label, value, interval }) => `${label}: ${signed(value, 1)} points, ${signedRange(interval)}.`)
      .join(' '),
    rows: points,
    domain,
    at: ticks(domain, 4).map((value) => ({ value, label: signed(value, 0) })),
    label: 'percentage points',
    width: 460,
    zero: true,
  });
}

function intervals(options: {
  title: string;
  description: string;
  rows: readonly IntervalRow[];
  domain: Interval;
  at: readonly { value: number; label: string }[];
  label: string;
  width: number;
  zero?: boolean;
}): Html {
  const { rows, domain, at, width } = options;
  const named = rows.length > 1;
  const pitch = named ? 46 : 30;
  const bottom = rows.length * pitch + 4;
  const x = linear(domain, [14, width - 14]);
  return picture({ ...options, height: bottom + 36 }, [
    at.map(
      ({ value, label }) =>
        html`<line class="${options.zero && value === 0 ? 'zero' : 'grid'}" x1="${place(x(value))}" x2="${place(x(value))}" y1="2" y2="${bottom}"/><text class="tick" x="${place(x(value))}" y="${bottom + 15}" text-anchor="middle">${label}</text>`,
    ),
    rows.map(({ label, value, interval: [low, high] }, i) => {
      const y = i * pitch + (named ? 31 : 16);
      const [from, to] = [place(x(low)), place(x(high))];
      return [
        named && html`<text class="name" x="${14}" y="${y - 13}">${label}</text>`,
        html`<line class="whisker" x1="${from}" x2="${to}" y1="${y}" y2="${y}"/><path class="whisker" d="M${from} ${y - 5}v10M${to} ${y - 5}v10"/><circle class="dot" cx="${place(x(value))}" cy="${y}" r="5"/>`,
      ];
    }),
    html`<line class="axis" x1="14" x2="${width - 14}" y1="${bottom}" y2="${bottom}"/><text class="label" x="${width - 14}" y="${bottom + 31}" text-anchor="end">${options.label}</text>`,
  ]);
}

/** One line an episode. */
export interface Curve {
  readonly series: Series;
  readonly success: boolean;
}

const end = ({ times }: Series) => (times.length === 0 ? 0 : (times[times.length - 1] as number));
const longest = (all: readonly Series[]) => Math.max(1e-3, ...all.map(end));

/** The return as it grew, all episodes over one another. */
export function returnCurves(curves: readonly Curve[]): Html {
  const peak = curves.flatMap(({ series }) => [...series.values]).reduce((a, b) => Math.max(a, b), 1);
  const trough = curves.flatMap(({ series }) => [...series.values]).reduce((a, b) => Math.min(a, b), 0);
  const failures = curves.filter(({ success }) => !success);
  return plot(
    {
      title: 'Return over time',
      description: `The sum of the rewards of ${count(curves.length, 'episode')} as it grew; ${failures.length} of them failed.`,
      width: 460,
      height: 240,
      x: { domain: [0, longest(curves.map(({ series }) => series))], label: 'time (s)' },
      y: { domain: nice([trough, peak], 4), wanted: 4, label: 'return' },
    },
    (x, y) => [
      [...failures, ...curves.filter(({ success }) => success)].map(({ series, success }) => [
        line(series.times, series.values, x, y, success ? 'line ok thin' : 'line bad thin'),
        series.times.length > 0 &&
          html`<circle class="${success ? 'end ok' : 'end bad'}" cx="${place(x(end(series)))}" cy="${place(y(series.values[series.values.length - 1] as number))}" r="2.5"/>`,
      ]),
    ],
  );
}

/** Share of episodes that had reached each reward by each time. */
export function reachedCurves(rewards: readonly Series[], maxReward: number): Html {
  const until = longest(rewards);
  const stages = Array.from({ length: maxReward }, (_, i) => i + 1);
  return plot(
    {
      title: 'Rewards reached over time',
      description: `Share of ${count(rewards.length, 'episode')} whose highest reward so far was at least ${stages.join(', ')}.`,
      width: 460,
      height: 240,
      x: { domain: [0, until], label: 'time (s)' },
      y: { domain: [0, 1], at: RATE_TICKS, label: 'episodes (%)' },
    },
    (x, y) =>
      stages.map((stage) => {
        const reached = rewards
          .map(({ times, values }) => times[values.findIndex((value) => value >= stage)])
          .filter((time) => time !== undefined)
          .sort((a, b) => a - b);
        const shares = reached.map((_, i) => (i + 1) / rewards.length);
        return line(
          [0, ...reached, until],
          [0, ...shares, shares.at(-1) ?? 0],
          x,
          y,
          stageClass(stage, maxReward),
          true,
        );
      }),
  );
}

/** The line of a reward: the darker, the nearer to success. */
export function stageClass(stage: number, maxReward: number): string {
  return `line q${Math.max(1, 5 - (maxReward - stage))}`;
}

const BINS = 40;
/** What lies beyond this share of all samples is counted in the last bin, so that one stall does not flatten the rest. */
const SHOWN = 0.995;

/** Distribution of samples, ms. */
export function latencyHistogram(samples: Float32Array): Html {
  const sorted = samples.slice().sort();
  const high = nice([0, Math.max(1e-3, percentile(sorted, SHOWN))], 6)[1];
  const bins = new Array<number>(BINS).fill(0);
  for (const sample of sorted) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor((sample / high) * BINS)));
    bins[bin] = (bins[bin] as number) + 1;
  }
  const beyond = sorted.filter((sample) => sample > high).length;
  const marks = [0.5, 0.95, 0.99].map((q) => ({ q, at: percentile(sorted, q) }));
  const most = Math.max(...bins);
  return plot(
    {
      title: 'Latency from observation to action chunk',
      description: `Histogram of ${sorted.length} inferences: ${marks.map(({ q, at }) => `${100 * q} % within ${fixed(at, 1)} ms`).join(', ')}; largest ${fixed(sorted.at(-1) ?? 0, 1)} ms.`,
      width: 460,
      height: 230,
      x: {
        domain: [0, high],
        label:
          beyond > 0
            ? `latency (ms); last bar: also ${beyond} up to ${fixed(sorted.at(-1) ?? 0, 0)} ms`
            : 'latency (ms)',
        wanted: 6,
      },
      y: { domain: [0, most * 1.12], wanted: 4, label: 'inferences' },
    },
    (x, y) => [
      bins.map((n, i) => {
        const [from, to] = [x((i * high) / BINS), x(((i + 1) * high) / BINS)];
        return (
          n > 0 &&
          html`<rect class="bar" x="${place(from + 0.5)}" width="${place(to - from - 1)}" y="${place(y(n))}" height="${place(y(0) - y(n))}"/>`
        );
      }),
      marks.map(({ q, at }, i) => {
        const px = place(Math.min(x(at), x(high)));
        return html`<line class="mark" x1="${px}" x2="${px}" y1="${place(y(most * 1.12))}" y2="${place(y(0))}"/><text class="tick" x="${px}" dx="4" y="${place(y(most * 1.12) + 10 + 13 * i)}">p${100 * q}</text>`;
      }),
    ],
  );
}

/** When each kind of intervention happened, over all episodes: a row a kind, a tick of ink an event. */
export function interventionRaster(
  events: readonly { readonly time: number; readonly kind: Intervention }[],
  until: number,
  title: string,
  width: number,
): Html {
  const kinds = INTERVENTIONS.filter((kind) => events.some((event) => event.kind === kind));
  const pitch = 24;
  const left = 118;
  const bottom = kinds.length * pitch + 4;
  const x = linear([0, until], [left, width - 12]);
  const description = kinds
    .map((kind) => `${words(kind)}: ${count(events.filter((event) => event.kind === kind).length, 'tick')}`)
    .join(', ');
  return picture({ title, description: `${description}.`, width, height: bottom + 36 }, [
    kinds.map((kind, i) => {
      const y = i * pitch + 16;
      const path = unique(events.filter((event) => event.kind === kind).map(({ time }) => place(x(time))));
      return html`<text class="tick" x="${left - 8}" y="${y + 4}" text-anchor="end">${words(kind)}</text><line class="grid" x1="${left}" x2="${width - 12}" y1="${y}" y2="${y}"/><path class="event" d="${path.map((px) => `M${px} ${y - 7}v14`).join('')}"/>`;
    }),
    ticks([0, until]).map(
      (value) =>
        html`<line class="axis" x1="${place(x(value))}" x2="${place(x(value))}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${place(x(value))}" y="${bottom + 16}" text-anchor="middle">${value}</text>`,
    ),
    html`<line class="axis" x1="${left}" x2="${width - 12}" y1="${bottom}" y2="${bottom}"/><text class="label" x="${width - 12}" y="${bottom + 31}" text-anchor="end">time (s)</text>`,
  ]);
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** Reward of one episode as steps. */
export function rewardSteps(series: Series, maxReward: number, until: number): Html {
  const stages = Array.from({ length: maxReward + 1 }, (_, value) => ({ value, label: String(value) }));
  return plot(
    {
      title: 'Reward over time',
      description: `The highest is ${series.values.reduce((a, b) => Math.max(a, b), 0)} of ${maxReward}.`,
      width: 320,
      height: 150,
      left: 30,
      x: { domain: [0, until], label: 'time (s)' },
      y: {
        domain: [Math.min(0, ...series.values), Math.max(maxReward, 1) * 1.05],
        ...(maxReward <= 8 ? { at: stages } : { wanted: 4 }),
        label: 'reward',
      },
    },
    (x, y) => line(series.times, series.values, x, y, 'line main', true),
  );
}

/** Return of one episode. */
export function returnCurve(series: Series, until: number): Html {
  const values = [...series.values];
  return plot(
    {
      title: 'Return over time',
      description: `It ends at ${fixed(values.at(-1) ?? 0, 0)}.`,
      width: 320,
      height: 150,
      left: 40,
      x: { domain: [0, until], label: 'time (s)' },
      y: { domain: nice([Math.min(0, ...values), Math.max(1, ...values)], 3), wanted: 3, label: 'return' },
    },
    (x, y) => line(series.times, series.values, x, y, 'line main'),
  );
}

/** One joint: what it was told, and where it was. */
export function jointChart({ name, min, max, measured, commanded }: JointCurves, until: number): Html {
  const all = [...measured.values, ...commanded.values].filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  // A joint that stands still is drawn as standing still: at least a fiftieth of its range fills the chart.
  const margin = Math.max(0, ((max - min) / 50 - (high - low)) / 2) + 0.04 * (high - low);
  const domain: Interval = all.length === 0 ? [min, max] : [low - margin, high + margin];
  const content: { title: string; description: string } = {
    title: `Joint ${name}`,
    description:
      all.length === 0 ? 'Nothing was recorded.' : `Between ${fixed(low, 3)} and ${fixed(high, 3)}.`,
  };
  return plot(
    {
      ...content,
      width: 250,
      height: 132,
      left: 44,
      x: { domain: [0, until] },
      y: { domain, wanted: 5, label: name },
    },
    (x, y): Content => [
      line(measured.times, measured.values, x, y, 'line seen'),
      line(commanded.times, commanded.values, x, y, 'line told', true),
    ],
  );
}
