/** Prints what was measured: one row a figure, Saccade beside its rival. */
import { percentile } from '../../src/episode/statistics.js';
import { CAMERA_HZ } from './setup.js';
import { type Slice, STAGES } from './slice.js';

/** Of one process, in one slice: CPU in cores, and the most memory it had. */
interface ProcessCost {
  readonly cores: number;
  readonly peakBytes: number;
}
export type Cost = Readonly<Record<'node' | 'robot' | 'meter', ProcessCost>>;

export interface Result {
  readonly node: 'saccade' | 'rclpy';
  readonly slice: Slice;
  readonly cost: Cost;
}

export interface ReportOptions {
  readonly commandHz: number;
  /** What publishing an image took the robot, ms. */
  readonly publishMs: readonly number[];
}

/** Of issue 3. */
const BARS = { p50: 6, p99: 15 };
/** An interval this much longer than the period has a command missing in it. */
const MISSING = 1.5;

export function printReport(results: readonly Result[], { commandHz, publishMs }: ReportOptions): void {
  const [saccade, rclpy] = (['saccade', 'rclpy'] as const).map((node) =>
    figures(
      results.filter((result) => result.node === node),
      1000 / commandHz,
    ),
  ) as [Figures, Figures];
  console.log('\n| | saccade | rclpy + numpy | rclpy : saccade |\n|:--|--:|--:|--:|');
  for (const [name, { text, value }] of saccade) {
    const rival = rclpy.get(name) as Figure;
    const ratio = value !== undefined && rival.value !== undefined ? (rival.value / value).toFixed(2) : '';
    console.log(`| ${name} | ${text} | ${rival.text} | ${ratio} |`);
  }
  const cost = (name: 'robot' | 'meter') => inPercent(mean(results.map(({ cost }) => cost[name].cores)));
  console.log(
    `\nThe robot takes ${cost('robot')} of a core (publishing an image ${spread(publishMs).text}), the measuring subscriber ${cost('meter')}.`,
  );
  const less = reactionsOf(results.filter(({ node }) => node === 'saccade')).map(
    ({ toSent, runMs }) => toSent - runMs,
  );
  const [p50, p99] = [quantile(less, 0.5), quantile(less, 0.99)];
  const verdict = p50 <= BARS.p50 && p99 <= BARS.p99 ? 'is met' : 'is MISSED';
  console.log(
    `The bar of a median of ${BARS.p50} ms and a p99 of ${BARS.p99} ms ${verdict}: ${p50.toFixed(2)} and ${p99.toFixed(2)} ms.`,
  );
}

interface Figure {
  readonly text: string;
  /** What ratios are made of. */
  readonly value?: number;
}
type Figures = ReadonlyMap<string, Figure>;

function figures(results: readonly Result[], periodMs: number): Figures {
  const slices = results.map(({ slice }) => slice);
  const reactions = reactionsOf(results);
  const intervals = slices.flatMap(({ intervals }) => intervals);
  const total = (count: (slice: Slice) => number) => slices.reduce((sum, slice) => sum + count(slice), 0);
  const gaps = intervals.map((interval) =>
    interval > MISSING * periodMs ? Math.round(interval / periodMs) - 1 : 0,
  );
  const missing = gaps.reduce((sum, gap) => sum + gap, 0);
  // A tick is one period of the policy; it is dropped where no command at all goes out in it.
  const perTick = 1000 / CAMERA_HZ / periodMs;
  const ticks = gaps.reduce((sum, gap) => sum + Math.floor(gap / perTick + 1e-6), 0);
  const cores = mean(results.map(({ cost }) => cost.node.cores));
  const peak = Math.max(...results.map(({ cost }) => cost.node.peakBytes));
  const rows: [string, Figure][] = [
    [
      'stamp → command sent, less `session.run`: p50 / p99 / max',
      spread(reactions.map(({ toSent, runMs }) => toSent - runMs)),
    ],
    ['stamp → command sent', spread(reactions.map(({ toSent }) => toSent))],
    ['… from the oldest of the three images', spread(reactions.map(({ fromOldest }) => fromOldest))],
    ['stamp → command at the subscriber', spread(reactions.map(({ toReceived }) => toReceived))],
    ...STAGES.map((stage, s): [string, Figure] => [
      `· ${stage}`,
      spread(reactions.map(({ stages }) => stages[s] as number)),
    ]),
    ["an image's callback", spread(slices.flatMap(({ callbackMs }) => callbackMs))],
    ['command interval', spread(intervals)],
    [
      'commands sent / missing / ticks dropped',
      { text: `${intervals.length + slices.length} / ${missing} / ${ticks}` },
    ],
    ['images published / lost', { text: `${total(({ images }) => images)} / ${total(({ lost }) => lost)}` }],
    [
      'sets published / never acted on / mixed',
      {
        text: `${total(({ sets }) => sets)} / ${total(({ unused }) => unused)} / ${total(({ mixed }) => mixed)}`,
      },
    ],
    ['CPU of the node, of a core', { text: inPercent(cores), value: cores }],
    ['its peak memory', { text: `${Math.round(peak / 1e6)} MB`, value: peak }],
  ];
  return new Map(rows);
}

const reactionsOf = (results: readonly Result[]) => results.flatMap(({ slice }) => slice.reactions);

function spread(values: readonly number[]): Figure {
  if (values.length === 0) return { text: 'none' };
  const [p50, p99, most] = [0.5, 0.99, 1].map((q) => quantile(values, q)) as [number, number, number];
  return { text: `${[p50, p99, most].map((value) => value.toFixed(2)).join(' / ')} ms`, value: p50 };
}

function quantile(values: readonly number[], q: number): number {
  return percentile(Float64Array.from(values).sort(), q);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const inPercent = (share: number) => `${(100 * share).toFixed(0)} %`;
