/**
 * The little that a chart needs: scales, round ticks, axes, lines. Colours are classes (style.ts), so that a chart
 * follows the page into dark mode and onto paper. Lengths are in the units of the drawing's own `viewBox`.
 */
import { fixed } from './format.js';
import { type Content, Html, html } from './html.js';

export type Domain = readonly [low: number, high: number];

/** Value → position. */
export type Scale = (value: number) => number;

export function linear([low, high]: Domain, [from, to]: Domain): Scale {
  const slope = high === low ? 0 : (to - from) / (high - low);
  return (value) => from + (value - low) * slope;
}

/** Round values (1, 2 or 5 times a power of ten apart) within the domain, about `wanted` of them. */
export function ticks([low, high]: Domain, wanted = 5): number[] {
  if (!(high > low)) return [low];
  const step = roundStep((high - low) / wanted);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // A product, not a sum, so that 0.1 + 0.2 does not become a label.
  return Array.from({ length: last - first + 1 }, (_, i) => round((first + i) * step));
}

/** Widens a domain to whole steps of `ticks`. */
export function nice([low, high]: Domain, wanted = 5): Domain {
  if (!(high > low)) return [low - 0.5, high + 0.5];
  const step = roundStep((high - low) / wanted);
  return [round(Math.floor(low / step + 1e-9) * step), round(Math.ceil(high / step - 1e-9) * step)];
}

function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

const round = (value: number) => Number(value.toPrecision(12));

/** Tick labels with the digits that the distance between ticks needs. */
export function labels(values: readonly number[]): string[] {
  const [a = 0, b = a + 1] = values;
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(Math.abs(b - a)) + 1e-9)));
  return values.map((value) => fixed(value, digits));
}

/** A coordinate to a tenth of a unit: finer cannot be seen. */
export const place = (value: number): string => String(Math.round(value * 10) / 10);

export interface Axis {
  readonly domain: Domain;
  /** With the unit, as in `time (s)`. */
  readonly label?: string;
  /** About this many ticks. */
  readonly wanted?: number;
  /** These ticks, with these labels, instead of round ones. */
  readonly at?: readonly { readonly value: number; readonly label: string }[];
}

export interface Plot {
  /** What a screen reader says first. */
  readonly title: string;
  /** What is to be seen, in words. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  /** Room left of the y axis for its labels. */
  readonly left?: number;
}

/** Axes with ticks and labels, and in them what `draw` makes of the two scales. */
export function plot(options: Plot, draw: (x: Scale, y: Scale) => Content): Html {
  const { title, description, width, height, left = 46 } = options;
  const top = options.y.label ? 24 : 8;
  const bottom = height - (options.x.label ? 38 : 22);
  const right = width - 12;
  const x = linear(options.x.domain, [left, right]);
  const y = linear(options.y.domain, [bottom, top]);
  return picture({ title, description, width, height }, [
    axisMarks(options.y).map(
      ({ value, label }) =>
        html`<line class="grid" x1="${left}" x2="${right}" y1="${place(y(value))}" y2="${place(y(value))}"/><text class="tick" x="${left - 7}" y="${place(y(value) + 3.6)}" text-anchor="end">${label}</text>`,
    ),
    axisMarks(options.x).map(
      ({ value, label }) =>
        html`<line class="axis" x1="${place(x(value))}" x2="${place(x(value))}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${place(x(value))}" y="${bottom + 16}" text-anchor="middle">${label}</text>`,
    ),
    draw(x, y),
    html`<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    options.x.label &&
      html`<text class="label" x="${right}" y="${height - 5}" text-anchor="end">${options.x.label}</text>`,
    options.y.label && html`<text class="label" x="2" y="12">${options.y.label}</text>`,
  ]);
}

/** A drawing with a name and a description. */
export function picture(
  { title, description, width, height }: Pick<Plot, 'title' | 'description' | 'width' | 'height'>,
  content: Content,
): Html {
  return html`<svg role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><title>${title}</title><desc>${description}</desc>${content}</svg>`;
}

function axisMarks({ domain, wanted, at }: Axis): readonly { value: number; label: string }[] {
  if (at) return at;
  const values = ticks(domain, wanted);
  const texts = labels(values);
  return values.map((value, i) => ({ value, label: texts[i] as string }));
}

/** A line through points; `step` holds each value until the next. Not drawn through a value that is not finite. */
export function line(
  times: ArrayLike<number>,
  values: ArrayLike<number>,
  x: Scale,
  y: Scale,
  className: string,
  step = false,
): Html {
  let path = '';
  let pen = 'M';
  for (let i = 0; i < times.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      pen = 'M';
      continue;
    }
    const [px, py] = [place(x(times[i] as number)), place(y(value))];
    path += pen === 'M' ? `M${px} ${py}` : step ? `H${px}V${py}` : `L${px} ${py}`;
    pen = 'L';
  }
  // Coordinates are digits and letters of ours: nothing to escape.
  return new Html(`<path class="${className}" d="${path}"/>`);
}

/** A key: what each line or colour means. Each class draws a short line in that line's style. */
export function legend(entries: readonly (readonly [className: string, text: string])[]): Html {
  return html`<ul class="legend">${entries.map(
    ([className, text]) =>
      html`<li><svg aria-hidden="true" viewBox="0 0 22 10" width="22" height="10"><path class="${className}" d="M1 5H21"/></svg>${text}</li>`,
  )}</ul>`;
}
