import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noInterventions } from '../act/interventions.js';
import {
  bootstrapMean95,
  bootstrapMeans95,
  compareRuns,
  episodesNeeded,
  fisherExact,
  holm,
  judge,
  mcnemarExact,
  newcombe95,
  newcombePaired95,
  type PairedOutcomes,
  type Share,
} from './comparison.js';
import type { EpisodeResult } from './episode.js';

const share = (successes: number, n: number): Share => ({ successes, n });
const shares = (max: number) =>
  fc.integer({ min: 1, max }).chain((n) => fc.integer({ min: 0, max: n }).map((x) => share(x, n)));
const cell = fc.nat(30);
const tables: fc.Arbitrary<PairedOutcomes> = fc
  .record({ both: cell, onlyFirst: cell, onlySecond: cell, neither: cell })
  .filter(({ both, onlyFirst, onlySecond, neither }) => both + onlyFirst + onlySecond + neither > 0);

function result(seed: number, success: boolean, reward = success ? 4 : 0): EpisodeResult {
  return {
    seed,
    success,
    return: reward,
    highest_reward: reward,
    steps: 1,
    duration_s: 1,
    stop: success ? 'success' : 'timeout',
    safety: noInterventions(),
    max_camera_skew_s: 0,
    wall: {
      seconds: 1,
      latency_ms: null,
      run_ms: null,
      overhead_ms: null,
      reaction_ms: null,
      missed_ticks: 0,
      missed_commands: 0,
      dropped_observations: 0,
      spent_chunks: 0,
    },
  };
}

describe('newcombe95', () => {
  // statsmodels 0.14: confint_proportions_2indep(method='newcomb', compare='diff').
  it.each([
    [17, 20, 20, 20, -0.0383963, 0.3604189],
    [162, 200, 131, 200, -0.2386234, -0.0684234],
    [0, 10, 0, 10, -0.2775328, 0.2775328],
    [10, 10, 0, 10, -1, -0.6075094],
    [1, 3, 40, 50, -0.0104959, 0.7522624],
    [500, 1000, 530, 1000, -0.0137841, 0.0736219],
  ])('%i of %i against %i of %i is %f to %f', (a, n, b, m, low, high) => {
    const [lo, hi] = newcombe95(share(a, n), share(b, m));
    expect(lo).toBeCloseTo(low, 6);
    expect(hi).toBeCloseTo(high, 6);
  });

  it('contains the difference, stays within −1 … 1, and changes sign with the order', () => {
    fc.assert(
      fc.property(shares(500), shares(500), (a, b) => {
        const [low, high] = newcombe95(a, b);
        const difference = b.successes / b.n - a.successes / a.n;
        expect(-1 <= low && low <= difference + 1e-12 && difference <= high + 1e-12 && high <= 1).toBe(true);
        const [otherLow, otherHigh] = newcombe95(b, a);
        expect(otherLow).toBeCloseTo(-high, 12);
        expect(otherHigh).toBeCloseTo(-low, 12);
      }),
    );
  });

  it('knows nothing without a trial', () => {
    expect(newcombe95(share(0, 0), share(3, 4))).toEqual([-1, 1]);
  });
});

describe('newcombePaired95', () => {
  it('contains the difference and changes sign with the order', () => {
    fc.assert(
      fc.property(tables, (table) => {
        const n = table.both + table.onlyFirst + table.onlySecond + table.neither;
        const [low, high] = newcombePaired95(table);
        const difference = (table.onlySecond - table.onlyFirst) / n;
        expect(-1 <= low && low <= difference + 1e-12 && difference <= high + 1e-12 && high <= 1).toBe(true);
        const swapped = { ...table, onlyFirst: table.onlySecond, onlySecond: table.onlyFirst };
        const [otherLow, otherHigh] = newcombePaired95(swapped);
        expect(otherLow).toBeCloseTo(-high, 12);
        expect(otherHigh).toBeCloseTo(-low, 12);
      }),
    );
  });

  it('is the interval for separate trials where the pairs are not associated, and narrower where they agree', () => {
    const independent = { both: 10, onlyFirst: 10, onlySecond: 10, neither: 10 };
    const separate = newcombe95(share(20, 40), share(20, 40));
    expect(newcombePaired95(independent)[0]).toBeCloseTo(separate[0], 12);
    const [low, high] = newcombePaired95({ both: 19, onlyFirst: 1, onlySecond: 1, neither: 19 });
    expect(high - low).toBeLessThan(separate[1] - separate[0]);
  });

  it('covers the true difference of correlated pairs about 95 times in 100', () => {
    // All samples of n = 12 pairs with cell probabilities p, each weighted with its multinomial probability.
    const p = [0.5, 0.15, 0.05, 0.3] as const;
    const n = 12;
    const difference = p[2] - p[1];
    let covered = 0;
    const factorial = (k: number): number => (k <= 1 ? 1 : k * factorial(k - 1));
    for (let a = 0; a <= n; a++)
      for (let b = 0; a + b <= n; b++)
        for (let c = 0; a + b + c <= n; c++) {
          const d = n - a - b - c;
          const weight =
            (factorial(n) / (factorial(a) * factorial(b) * factorial(c) * factorial(d))) *
            p[0] ** a *
            p[1] ** b *
            p[2] ** c *
            p[3] ** d;
          const [low, high] = newcombePaired95({ both: a, onlyFirst: b, onlySecond: c, neither: d });
          if (low <= difference && difference <= high) covered += weight;
        }
    expect(covered).toBeGreaterThan(0.93);
    expect(covered).toBeLessThan(0.99);
  });
});

describe('fisherExact', () => {
  // scipy 1.x: fisher_exact.
  it.each([
    [17, 20, 20, 20, 0.2307692],
    [162, 200, 131, 200, 0.00066252],
    [0, 10, 0, 10, 1],
    [10, 10, 0, 10, 1.0825e-5],
    [1, 3, 40, 50, 0.1249039],
    [500, 1000, 530, 1000, 0.1944453],
  ])('%i of %i against %i of %i is %f', (a, n, b, m, p) => {
    expect(fisherExact(share(a, n), share(b, m))).toBeCloseTo(p, 6);
  });

  it('is the share of all ways to deal out the successes that are no likelier than the one seen', () => {
    fc.assert(
      fc.property(shares(6), shares(6), (a, b) => {
        const total = a.n + b.n;
        const successes = a.successes + b.successes;
        // Every set of episodes that might have been the successful ones.
        const inFirst = new Map<number, number>();
        for (let set = 0; set < 2 ** total; set++) {
          const bits = [...Array(total).keys()].filter((i) => (set >> i) & 1);
          if (bits.length !== successes) continue;
          const k = bits.filter((i) => i < a.n).length;
          inFirst.set(k, (inFirst.get(k) ?? 0) + 1);
        }
        const all = [...inFirst.values()];
        const seen = inFirst.get(a.successes) as number;
        const p =
          all.filter((ways) => ways <= seen).reduce((x, y) => x + y, 0) / all.reduce((x, y) => x + y, 0);
        expect(fisherExact(a, b)).toBeCloseTo(p, 9);
      }),
      { numRuns: 30 },
    );
  });
});

describe('mcnemarExact', () => {
  // statsmodels 0.14: mcnemar(exact=True).
  it.each([
    [0, 3, 0.25],
    [6, 1, 0.125],
    [0, 0, 1],
    [10, 10, 1],
    [2, 12, 0.01293945],
  ])('%i against %i is %f', (onlyFirst, onlySecond, p) => {
    expect(mcnemarExact({ both: 5, onlyFirst, onlySecond, neither: 5 })).toBeCloseTo(p, 7);
  });

  it('counts the throws of a fair coin at least as uneven', () => {
    fc.assert(
      fc.property(fc.nat(7), fc.nat(7), (onlyFirst, onlySecond) => {
        const n = onlyFirst + onlySecond;
        const uneven = Math.abs(onlyFirst - onlySecond);
        let ways = 0;
        for (let throws = 0; throws < 2 ** n; throws++) {
          const heads = [...Array(n).keys()].filter((i) => (throws >> i) & 1).length;
          if (Math.abs(2 * heads - n) >= uneven) ways++;
        }
        expect(mcnemarExact({ both: 1, onlyFirst, onlySecond, neither: 1 })).toBeCloseTo(ways / 2 ** n, 9);
      }),
      { numRuns: 40 },
    );
  });
});

describe('bootstrap', () => {
  it('is the same every time, and contains the mean of values that scatter about it', () => {
    const values = Array.from({ length: 50 }, (_, i) => (i % 10) - 4.5);
    const interval = bootstrapMean95(values);
    expect(interval).toEqual(bootstrapMean95(values));
    const [low, high] = interval as [number, number];
    // The mean is 0, its standard error 0.41.
    expect(low).toBeCloseTo(-0.8, 0);
    expect(high).toBeCloseTo(0.8, 0);
    expect(low < 0 && 0 < high).toBe(true);
  });

  it('shifts with a shift of one sample and shrinks to a point without scatter', () => {
    const first = [1, 5, 2, 8];
    const second = [3, 4, 9, 1];
    const [low, high] = bootstrapMeans95(first, second) as [number, number];
    const [shiftedLow, shiftedHigh] = bootstrapMeans95(
      first,
      second.map((value) => value + 10),
    ) as [number, number];
    expect(shiftedLow).toBeCloseTo(low + 10, 9);
    expect(shiftedHigh).toBeCloseTo(high + 10, 9);
    expect(bootstrapMeans95([2, 2], [5, 5])).toEqual([3, 3]);
  });

  it('is not defined for single values', () => {
    expect(bootstrapMean95([1])).toBeUndefined();
    expect(bootstrapMeans95([1], [1, 2])).toBeUndefined();
  });
});

describe('episodesNeeded', () => {
  it('is what the textbook computes: 0.6 against 0.75 needs 152 a group', () => {
    // statsmodels 0.14: samplesize_proportions_2indep_onetail(0.15, 0.6, power=0.8, alpha=0.05) is 151.87.
    expect(episodesNeeded(0.6, 0.75)).toBe(152);
    expect(episodesNeeded(0.75, 0.6)).toBe(152);
  });

  it('is unknown where nothing differs', () => {
    expect(episodesNeeded(0.5, 0.5)).toBeUndefined();
  });
});

describe('holm', () => {
  it('is the published step-down', () => {
    // statsmodels: multipletests([...], method='holm').
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((p, i) => {
      expect(adjusted[i]).toBeCloseTo(p, 12);
    });
  });

  it('never lowers a p-value, keeps their order, and leaves a single one alone', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (ps) => {
        const adjusted = holm(ps);
        ps.forEach((p, i) => {
          expect(adjusted[i]).toBeGreaterThanOrEqual(p);
          expect(adjusted[i]).toBeLessThanOrEqual(1);
          ps.forEach((other, j) => {
            if (p < other) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j] as number);
          });
        });
        expect(holm([ps[0] as number])).toEqual([ps[0]]);
      }),
    );
  });
});

describe('judge', () => {
  it('claims a difference only when interval and test agree', () => {
    expect(judge([0.01, 0.2], 0.04)).toBe('higher');
    expect(judge([-0.2, -0.01], 0.04)).toBe('lower');
    expect(judge([0.01, 0.2], 0.06)).toBe('undecided');
    expect(judge([0, 0.2], 0.01)).toBe('undecided');
  });
});

describe('compareRuns', () => {
  const run = (outcomes: string, firstSeed = 1) =>
    [...outcomes].map((outcome, i) => result(firstSeed + i, outcome === '+'));

  it('pairs runs of the same seeds, in whatever order they stand', () => {
    const comparison = compareRuns(run('++--+'), run('+-+-+').reverse());
    expect(comparison.paired).toBe(true);
    expect(comparison.pairs).toEqual({ both: 2, onlyFirst: 1, onlySecond: 1, neither: 1 });
    expect(comparison.differing.map(({ seed }) => seed)).toEqual([2, 3]);
    expect(comparison.rate).toMatchObject({ difference: 0, p: 1, test: "McNemar's exact test" });
    expect(comparison.verdict).toBe('undecided');
    expect(comparison.episodesNeeded).toBeNull();
  });

  it('takes runs of partly other seeds as separate trials, and still shows the common ones', () => {
    const comparison = compareRuns(run('++++'), run('--', 4));
    expect(comparison.paired).toBe(false);
    expect(comparison.rate?.test).toBe("Fisher's exact test");
    expect(comparison.differing.map(({ seed }) => seed)).toEqual([4]);
    expect(comparison.first).toEqual({ successes: 4, n: 4 });
    expect(comparison.second).toEqual({ successes: 0, n: 2 });
  });

  it('leaves out interrupted episodes, and so may unpair the rest', () => {
    const interrupted: EpisodeResult = { ...result(3, false), stop: 'interrupted' };
    const comparison = compareRuns(run('+++'), [...run('++'), interrupted]);
    expect(comparison.second.n).toBe(2);
    expect(comparison.paired).toBe(false);
  });

  it('says higher where it is, and which way round', () => {
    const worse = run('-'.repeat(20));
    const better = run('+'.repeat(20));
    expect(compareRuns(worse, better)).toMatchObject({ verdict: 'higher', return: { difference: 4 } });
    expect(compareRuns(better, worse)).toMatchObject({ verdict: 'lower', return: { difference: -4 } });
  });

  it('says how many episodes an open question would need', () => {
    const comparison = compareRuns(run('++++++-----'), run('+++++++----'));
    expect(comparison.verdict).toBe('undecided');
    expect(comparison.episodesNeeded).toBe(episodesNeeded(6 / 11, 7 / 11));
  });

  it('knows nothing of an empty run', () => {
    expect(compareRuns([], run('++'))).toMatchObject({ rate: null, return: null, verdict: 'undecided' });
  });

  it('never claims a difference whose interval covers 0', () => {
    const outcomes = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(outcomes, outcomes, fc.boolean(), (a, b, apart) => {
        const first = a.map((success, i) => result(i, success));
        const second = b.map((success, i) => result(apart ? 1000 + i : i, success));
        const { rate, verdict } = compareRuns(first, second);
        const [low, high] = rate?.ci95 ?? [-1, 1];
        if (verdict === 'higher') expect(low).toBeGreaterThan(0);
        if (verdict === 'lower') expect(high).toBeLessThan(0);
      }),
      { numRuns: 60 },
    );
  });
});
