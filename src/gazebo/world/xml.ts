/** XML as values, and its text. */

export interface Element {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: readonly Element[] | string;
}

type Content = string | number | boolean | readonly (Element | undefined)[];

/** `xml('mass', 0.5)`, `xml('link', { name }, [ … ])`; of the children, undefined ones are left out. */
export function xml(
  tag: string,
  ...rest: [Content?] | [Readonly<Record<string, string>>, Content?]
): Element {
  const [first, second] = rest;
  const named = typeof first === 'object' && !Array.isArray(first);
  const content = (named ? second : (first as Content | undefined)) ?? [];
  return {
    tag,
    attributes: named ? (first as Readonly<Record<string, string>>) : {},
    content: Array.isArray(content)
      ? content.filter((child) => child !== undefined)
      : escaped(typeof content === 'number' ? number(content) : String(content)),
  };
}

/** A document, with a comment that says where it comes from. */
export function document(root: Element, comment: string): string {
  return `<?xml version="1.0"?>\n<!-- ${comment.replaceAll('--', '—')} -->\n${text(root, '')}`;
}

/** As short as it is exact to nine digits. */
export function number(value: number): string {
  const rounded = Number(value.toPrecision(9));
  return String(Math.abs(rounded) < 1e-12 ? 0 : rounded);
}

export const numbers = (values: Iterable<number>): string => [...values].map(number).join(' ');

function text({ tag, attributes, content }: Element, indent: string): string {
  const open = `${indent}<${tag}${Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escaped(value)}"`)
    .join('')}`;
  if (content.length === 0) return `${open}/>\n`;
  if (typeof content === 'string') return `${open}>${content}</${tag}>\n`;
  return `${open}>\n${content.map((child) => text(child, `${indent}  `)).join('')}${indent}</${tag}>\n`;
}

function escaped(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
