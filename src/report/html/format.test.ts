import { describe, expect, it } from 'vitest';
import { count, fixed, number, percent, percentRange, probability, runLetter, signed } from './format.js';

describe('numbers as text', () => {
  it('has a true minus sign, and none before a zero', () => {
    expect(fixed(-1.25, 1)).toBe('−1.3');
    expect(fixed(-0.04, 1)).toBe('0.0');
    expect(signed(0.04, 1)).toBe('0.0');
    expect(signed(3, 1)).toBe('+3.0');
    expect(signed(-3, 1)).toBe('−3.0');
  });

  it('keeps number and unit on one line', () => {
    expect(percent(0.85)).toBe('85.0\u00a0%');
    expect(percentRange([0.6396, 0.9476])).toBe('64.0\u2060–\u206094.8\u00a0%');
    expect(count(1, 'episode')).toBe('1\u00a0episode');
    expect(count(0, 'episode')).toBe('0\u00a0episodes');
  });

  it('writes as many digits as a value needs', () => {
    expect([633, 226.34, 1.5, -2].map(number)).toEqual(['633', '226.3', '1.50', '−2']);
  });

  it('never rounds a p-value to 0', () => {
    expect(probability(0.2308)).toBe('0.231');
    expect(probability(0.000663)).toBe('0.0007');
    expect(probability(1e-12)).toBe('<\u00a00.0001');
  });

  it('has letters for runs, then numbers', () => {
    expect([0, 25, 26].map(runLetter)).toEqual(['A', 'Z', '27']);
  });
});
