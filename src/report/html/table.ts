/** Tables of figures. */
import { type Content, type Html, html } from './html.js';

/** A title, and whether its cells are numbers, which stand flush right. */
export type Column = string | { readonly n: string };

export interface TableOptions {
  readonly caption?: Content;
  /** The column whose cells name their rows; the first is 0. */
  readonly rowHeader?: number;
  readonly className?: string;
}

/** Scrolls sideways where the page is too narrow for it. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Content[])[],
  { caption, rowHeader = 0, className = '' }: TableOptions = {},
): Html {
  const head = columns.map((column) => {
    if (column === '') return html`<td></td>`;
    return typeof column === 'string'
      ? html`<th scope="col">${column}</th>`
      : html`<th scope="col" class="n">${column.n}</th>`;
  });
  const cell = (content: Content, i: number) => {
    const className = typeof columns[i] === 'object' ? 'n' : '';
    return i === rowHeader
      ? html`<th scope="row" class="${className}">${content}</th>`
      : html`<td class="${className}">${content}</td>`;
  };
  return html`
<div class="table-box"><table class="${className}">
${caption && html`<caption>${caption}</caption>`}
<thead><tr>${head}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div>`;
}
