import { describe, expect, it } from 'vitest';
import { episode, part } from '../../test/support/runs.js';
import { csv } from './csv.js';
import { mergeParts } from './runs.js';

describe('csv', () => {
  const results = [
    episode(1, true, { metrics: { position_error_m: 0.0125 } }),
    episode(2, false, { stop: 'failure', reason: 'fell, it said "ow"\nand rolled' }),
  ];
  const run = mergeParts([part('a', { strategy: { name: 'ensemble', m: 0.01 } }, results)]);
  const text = csv({
    runs: [{ run, views: new Map(), problems: [], latency: null }],
    comparisons: [],
  });

  it('has a line of names and one row an episode, ended by CR LF', () => {
    const lines = text.split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines.at(-1)).toBe('');
    const names = lines[0]?.split(',') ?? [];
    expect(names.slice(0, 9)).toEqual([
      'run',
      'policy',
      'strategy',
      'task',
      'robot',
      'seed',
      'success',
      'return',
      'highest_reward',
    ]);
    // The comma in the strategy is inside quotes.
    expect(lines[1]).toMatch(/^lifter,lifter,"ensemble, m = 0\.01",pick_lift,fake,1,true,60,4,/);
    const plain = lines[1]?.replace('"ensemble, m = 0.01"', 'ensemble').split(',') ?? [];
    expect(plain).toHaveLength(names.length);
    expect(plain[names.indexOf('safety_ramp_in')]).toBe('2');
    expect(plain[names.indexOf('reason')]).toBe('');
    // The task's own, as it was measured.
    expect(names.at(-1)).toBe('position_error_m');
    expect(plain.at(-1)).toBe('0.0125');
  });

  it('quotes what holds a comma, a quote or a line break, and doubles quotes', () => {
    expect(text).toContain(',failure,"fell, it said ""ow""\nand rolled",');
  });
});
