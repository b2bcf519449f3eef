import { describe, expect, it } from 'vitest';
import { duration, Progress } from './progress.js';

function recorder(isTTY: boolean, columns = 100) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

describe('Progress', () => {
  it('redraws one line on a terminal and takes it away at the end', () => {
    const stream = recorder(true);
    let time = 0;
    const progress = new Progress({ total: 4, unit: 'episodes', stream, now: () => time });
    time = 10;
    progress.advance('1 success');
    expect(stream.written.at(-1)).toContain('██████░░░░░░░░░░░░░░░░░░ 1/4 episodes · 1 success · 30 s left');
    progress.end();
    expect(stream.written.at(-1)).toBe('\r\x1b[K');
    expect(stream.written.join('')).not.toContain('\n');
  });

  it('never writes a line wider than the terminal', () => {
    const stream = recorder(true, 30);
    const progress = new Progress({ total: 4, unit: 'episodes', stream, now: () => 0 });
    progress.advance('a very long note that would wrap');
    for (const text of stream.written)
      expect(text.replace('\r', '').replace('\x1b[K', '').length).toBeLessThan(30);
  });

  it('writes few plain lines elsewhere, and always the last', () => {
    const stream = recorder(false);
    let time = 0;
    const progress = new Progress({ total: 200, unit: 'episodes', stream, now: () => time });
    for (let i = 0; i < 200; i++) {
      time += 1;
      progress.advance();
    }
    progress.end();
    expect(stream.written).toHaveLength(10);
    expect(stream.written[0]).toBe('20/200 episodes · 3 min 00 s left\n');
    expect(stream.written.at(-1)).toBe('200/200 episodes\n');
    expect(stream.written.join('')).not.toContain('\r');
  });
});

describe('duration', () => {
  it('reads as a person says it', () => {
    expect([0, 59.4, 60, 185, 3599.6, 7800].map(duration)).toEqual([
      '0 s',
      '59 s',
      '1 min 00 s',
      '3 min 05 s',
      '1 h 00 min',
      '2 h 10 min',
    ]);
  });
});
