import { describe, expect, it } from 'vitest';
import { pairs, table } from './table.js';

describe('table', () => {
  it('aligns each column on its widest cell', () => {
    const text = table(
      [{ title: 'seed', align: 'right' }, { title: 'stop' }, { title: 'return', align: 'right' }],
      [
        ['1', 'success', '7.0'],
        ['100000', 'timeout', '112.5'],
      ],
    );
    expect(text.split('\n')).toEqual([
      '  seed  stop     return',
      '------  -------  ------',
      '     1  success     7.0',
      '100000  timeout   112.5',
    ]);
  });

  it('shows the titles alone when there are no rows, and fills a short row', () => {
    expect(table([{ title: 'a' }], [])).toBe('a\n-');
    expect(table([{ title: 'a' }, { title: 'b' }], [['x']]).split('\n')[2]).toBe('x');
  });
});

describe('pairs', () => {
  it('aligns the values', () => {
    expect(
      pairs([
        ['success rate', '90 %'],
        ['return', '12'],
      ]),
    ).toBe('success rate  90 %\nreturn        12');
  });
});
