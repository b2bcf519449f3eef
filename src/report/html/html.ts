/** HTML by tagged template: whatever is put in is escaped, unless it is already `Html`. */

export class Html {
  constructor(readonly text: string) {}
}

/** What a template takes; nothing comes of null, undefined and false. */
export type Content = Html | string | number | null | undefined | false | readonly Content[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as text and between quotes, as an attribute's value. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ESCAPES[letter] as string);
}

export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  let text = parts[0] as string;
  values.forEach((value, i) => {
    text += markup(value) + (parts[i + 1] as string);
  });
  return new Html(text);
}

function markup(value: Content): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(markup).join('');
  if (value === null || value === undefined || value === false) return '';
  return escapeHtml(String(value));
}
