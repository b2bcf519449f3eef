import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Html, html } from './html.js';

describe('html', () => {
  it('escapes what is put in, and not what is HTML already', () => {
    const name = `<script>alert("1")</script> & 'co'`;
    expect(html`<p title="${name}">${name}</p>`.text).toBe(
      '<p title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;co&#39;">&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;co&#39;</p>',
    );
    expect(html`<ul>${['<', html`<li>`]}</ul>`.text).toBe('<ul>&lt;<li></ul>');
  });

  it('leaves out nothing, null and false, but not 0', () => {
    expect(html`${null}${undefined}${false}${0}${[]}`.text).toBe('0');
  });

  it('lets no text open a tag, leave an attribute or start an entity', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = html`${text}`.text;
        expect(escaped).not.toMatch(/[<>"']/);
        const back = escaped
          .replaceAll('&lt;', '<')
          .replaceAll('&gt;', '>')
          .replaceAll('&quot;', '"')
          .replaceAll('&#39;', "'")
          .replaceAll('&amp;', '&');
        expect(back).toBe(text);
      }),
    );
  });

  it('takes Html as it is', () => {
    expect(html`${new Html('<br>')}`.text).toBe('<br>');
  });
});
