import { describe, expect, it } from 'vitest';
import { completeStrategy, type StrategySpec } from './strategy.js';

const OWN: StrategySpec = { name: 'ensemble', m: 0.2, interpolation: 'linear', late_extrapolate_s: 0 };

describe('completeStrategy', () => {
  it('takes over the parameters of the bundle’s own where the name is the same', () => {
    expect(completeStrategy('ensemble', OWN, 20)).toEqual(OWN);
    expect(completeStrategy('receding', { name: 'receding', steps: 7 }, 20)).toEqual({
      name: 'receding',
      steps: 7,
    });
    const newestAlone: StrategySpec = { name: 'blend', fade_s: 0.1 };
    expect(completeStrategy('blend', newestAlone, 20)).toEqual(newestAlone);
    const averaging: StrategySpec = { name: 'blend', fade_s: 0.1, m: 0.3 };
    expect(completeStrategy('blend', averaging, 20)).toEqual(averaging);
  });

  it('has its own where it is not, but for what all strategies share', () => {
    const shared = { interpolation: 'linear', late_extrapolate_s: 0 };
    expect(completeStrategy('receding', OWN, 15)).toEqual({ name: 'receding', steps: 8, ...shared });
    expect(completeStrategy('blend', OWN, 20)).toEqual({ name: 'blend', fade_s: 0.2, m: 0.01, ...shared });
    expect(completeStrategy('latest', OWN, 20)).toEqual({ name: 'latest', ...shared });
    expect(completeStrategy('ensemble', { name: 'latest' }, 20)).toEqual({ name: 'ensemble', m: 0.01 });
  });

  it('prefers what was given', () => {
    const given = { m: -1, steps: 3, fadeS: 0.5, interpolation: 'cubic', lateExtrapolateS: 0.05 } as const;
    const shared = { interpolation: 'cubic', late_extrapolate_s: 0.05 };
    expect(completeStrategy('ensemble', OWN, 20, given)).toEqual({ name: 'ensemble', m: -1, ...shared });
    expect(completeStrategy('receding', OWN, 20, given)).toEqual({ name: 'receding', steps: 3, ...shared });
    expect(completeStrategy('blend', OWN, 20, given)).toEqual({
      name: 'blend',
      fade_s: 0.5,
      m: -1,
      ...shared,
    });
  });
});
