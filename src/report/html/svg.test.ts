import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labels, line, linear, nice, plot, ticks } from './svg.js';

const domains = fc
  .tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.double({ min: 1e-6, max: 1e6, noNaN: true }))
  .map(([low, span]) => [low, low + span] as const)
  .filter(([low, high]) => high - low > 1e-7 * Math.max(1, Math.abs(low)));

describe('ticks', () => {
  it('are the round values people choose', () => {
    expect(ticks([0, 12])).toEqual([0, 5, 10]);
    expect(ticks([0, 1])).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks([-0.3, 0.3], 4)).toEqual([-0.2, 0, 0.2]);
    expect(ticks([3, 3])).toEqual([3]);
  });

  it('lie in the domain, evenly, and are no more than asked for and one', () => {
    fc.assert(
      fc.property(domains, fc.integer({ min: 2, max: 10 }), (domain, wanted) => {
        const [low, high] = domain;
        const at = ticks(domain, wanted);
        const slack = 1e-6 * (high - low);
        expect(at.length).toBeLessThanOrEqual(wanted + 1);
        for (const tick of at) expect(low - slack <= tick && tick <= high + slack).toBe(true);
        const gaps = at.slice(1).map((tick, i) => tick - (at[i] as number));
        for (const gap of gaps) expect(gap).toBeCloseTo(gaps[0] as number, 4);
      }),
    );
  });

  it('are told apart by their labels', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-5, max: 1e6, noNaN: true }), (span) => {
        const texts = labels(ticks([0, span]));
        expect(new Set(texts).size).toBe(texts.length);
      }),
    );
    expect(labels([0, 0.5, 1])).toEqual(['0.0', '0.5', '1.0']);
    expect(labels([-10, 0, 10])).toEqual(['−10', '0', '10']);
  });
});

describe('nice', () => {
  it('contains the domain and ends on ticks', () => {
    expect(nice([0, 633], 4)).toEqual([0, 800]);
    expect(nice([2, 2])).toEqual([1.5, 2.5]);
    fc.assert(
      fc.property(domains, (domain) => {
        const [low, high] = nice(domain);
        const slack = 1e-6 * (domain[1] - domain[0]);
        expect(low).toBeLessThanOrEqual(domain[0] + slack);
        expect(high).toBeGreaterThanOrEqual(domain[1] - slack);
      }),
    );
  });
});

describe('linear', () => {
  it('maps the ends to the ends, and a domain of one value to its start', () => {
    const scale = linear([2, 4], [100, 0]);
    expect([2, 3, 4].map(scale)).toEqual([100, 50, 0]);
    expect(linear([1, 1], [7, 9])(1)).toBe(7);
  });
});

describe('line', () => {
  const same = (value: number) => value;

  it('joins points, or holds each value until the next', () => {
    expect(line([0, 1], [5, 7], same, same, 'a').text).toBe('<path class="a" d="M0 5L1 7"/>');
    expect(line([0, 1], [5, 7], same, same, 'a', true).text).toBe('<path class="a" d="M0 5H1V7"/>');
  });

  it('lifts the pen over values that are not numbers', () => {
    expect(line([0, 1, 2, 3], [5, Number.NaN, 6, 7], same, same, 'a').text).toBe(
      '<path class="a" d="M0 5M2 6L3 7"/>',
    );
  });
});

describe('plot', () => {
  it('says what it shows, names escaped, to readers who cannot see it', () => {
    const { text } = plot(
      {
        title: '<joint>',
        description: 'from 0 to 1',
        width: 100,
        height: 50,
        x: { domain: [0, 1], label: 'time (s)' },
        y: { domain: [0, 1] },
      },
      () => null,
    );
    expect(text).toMatch(/^<svg role="img" [^>]*><title>&lt;joint&gt;<\/title><desc>from 0 to 1<\/desc>/);
    expect(text).toContain('time (s)');
  });
});
