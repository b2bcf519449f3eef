import { describe, expect, it } from 'vitest';
import type { Interpolation, StrategySpec } from '../contract/strategy.js';
import type { ActionChunk } from './chunk.js';
import { createStrategy, type Strategy } from './strategy.js';

const SHAPE = { length: 4, width: 1 };
const DT = 0.05;

/** Row k of the chunk observed at step n is 10·n + k. */
function chunkOf(n: number): ActionChunk {
  const actions = Float32Array.from({ length: SHAPE.length }, (_, k) => 10 * n + k);
  return { time: n * DT, dt: DT, ...SHAPE, actions };
}

function at(strategy: Strategy, n: number): number | undefined {
  const out = new Float32Array(1);
  return strategy.actionAt(n * DT, out) ? out[0] : undefined;
}

/** Steps `strategy` through `steps`, answering each query at once; which steps asked, and what was done. */
function drive(strategy: Strategy, steps: number) {
  const queries: number[] = [];
  const actions = Array.from({ length: steps }, (_, n) => {
    if (strategy.wantsInference(n * DT, 0)) {
      queries.push(n);
      strategy.add(chunkOf(n), n * DT);
    }
    return at(strategy, n);
  });
  return { queries, actions };
}

const SPECS: readonly StrategySpec[] = [
  { name: 'ensemble', m: 0.01 },
  { name: 'ensemble', m: -0.5 },
  { name: 'receding', steps: 3 },
  { name: 'latest' },
  { name: 'blend', fade_s: 0.1 },
];

describe('strategies', () => {
  it('ensemble asks every tick and averages', () => {
    const { queries, actions } = drive(createStrategy({ name: 'ensemble', m: 0 }, SHAPE), 3);
    expect(queries).toEqual([0, 1, 2]);
    // Step 2: row 2 of chunk 0, row 1 of chunk 1, row 0 of chunk 2.
    expect(actions).toEqual([0, (1 + 10) / 2, (2 + 11 + 20) / 3].map(Math.fround));
  });

  it('latest asks every tick and follows the newest alone', () => {
    const { queries, actions } = drive(createStrategy({ name: 'latest' }, SHAPE), 4);
    expect(queries).toEqual([0, 1, 2, 3]);
    expect(actions).toEqual([0, 10, 20, 30]);
  });

  it('receding executes its rows, then asks again', () => {
    const { queries, actions } = drive(createStrategy({ name: 'receding', steps: 3 }, SHAPE), 7);
    expect(queries).toEqual([0, 3, 6]);
    expect(actions).toEqual([0, 1, 2, 30, 31, 32, 60]);
  });

  it('receding can execute a whole chunk', () => {
    const { queries, actions } = drive(createStrategy({ name: 'receding', steps: 4 }, SHAPE), 6);
    expect(queries).toEqual([0, 4]);
    expect(actions).toEqual([0, 1, 2, 3, 40, 41]);
  });

  it('receding asks so early that the next chunk is there when its rows have been executed', () => {
    const strategy = createStrategy({ name: 'receding', steps: 3 }, SHAPE);
    expect(strategy.wantsInference(0, 0.1)).toBe(true);
    strategy.add(chunkOf(0), 0);
    const asks = (latency: number) =>
      [0, 1, 2, 3].map((n) => strategy.wantsInference(n * DT, latency * DT)).indexOf(true);
    expect([0, 0.5, 1, 2, 3].map(asks)).toEqual([3, 3, 2, 1, 0]);
  });

  it('receding goes on along its chunk while the next is late', () => {
    const strategy = createStrategy({ name: 'receding', steps: 2, late_extrapolate_s: 0 }, SHAPE);
    strategy.add(chunkOf(0), 0);
    expect(strategy.wantsInference(2 * DT, 0)).toBe(true);
    expect(at(strategy, 3)).toBe(3);
    expect(at(strategy, 4)).toBeUndefined();
    // Of tick 2, when the arm still moved; it has stood since tick 3.
    strategy.add(chunkOf(2), 4 * DT);
    expect(at(strategy, 4)).toBe(21);
  });

  it.each(SPECS)('$name says of a chunk that nothing of it lies ahead, and goes on without', (spec) => {
    const strategy = createStrategy(spec, SHAPE);
    expect(strategy.add({ ...chunkOf(0), dt: 2 * DT }, 0)).toBe(true);
    const before = at(strategy, 6);
    expect(strategy.add(chunkOf(1), 4.5 * DT)).toBe(false);
    expect(at(strategy, 6)).toBe(before);
  });

  it('latest survives lost chunks until its horizon ends', () => {
    const strategy = createStrategy({ name: 'latest', late_extrapolate_s: 0 }, SHAPE);
    strategy.add(chunkOf(0), 0);
    expect([1, 2, 3, 4].map((n) => at(strategy, n))).toEqual([1, 2, 3, undefined]);
  });

  it.each(SPECS)(
    '$name goes on a little where the predictions end, and says that nobody foresaw it',
    (spec) => {
      const strategy = createStrategy({ ...spec, late_extrapolate_s: 2 * DT }, SHAPE);
      strategy.add(chunkOf(0), 0);
      expect([3, 4, 5, 6].map((n) => strategy.foresees(n * DT))).toEqual([true, false, false, false]);
      const travel = (share: number) => ((2 / 3) * (1 - (1 - share) ** 3)) as number;
      expect(at(strategy, 4)).toBeCloseTo(3 + travel(0.5), 6);
      expect(at(strategy, 5)).toBeCloseTo(3 + travel(1), 6);
      expect(at(strategy, 6)).toBeUndefined();
    },
  );

  it.each(SPECS)('$name follows the curve between rows, or the straight line', (spec) => {
    const between = (interpolation: Interpolation) => {
      const strategy = createStrategy({ ...spec, interpolation }, SHAPE);
      strategy.add({ ...chunkOf(0), actions: Float32Array.of(0, 0, 8, 8) }, 0);
      return [0.5, 1, 1.25, 1.5, 2].map((n) => at(strategy, n));
    };
    expect(between('linear')).toEqual([0, 0, 2, 4, 8]);
    expect(between('cubic')).toEqual([0, 0, 8 * (3 / 16 - 2 / 64), 4, 8]);
  });

  it.each(SPECS)('$name forgets everything on reset', (spec) => {
    const strategy = createStrategy(spec, SHAPE);
    strategy.add(chunkOf(0), 0);
    strategy.reset(new Float32Array(1));
    expect(at(strategy, 0)).toBeUndefined();
    expect(strategy.wantsInference(0, 0)).toBe(true);
    expect(strategy.spec).toBe(spec);
  });

  it.each([0, -1, 1.5, 5, Number.NaN])('receding refuses %s steps of a chunk of 4', (steps) => {
    expect(() => createStrategy({ name: 'receding', steps }, SHAPE)).toThrow(
      `steps is ${steps}, it must be a whole number from 1 to 4`,
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('ensemble refuses m = %s', (m) => {
    expect(() => createStrategy({ name: 'ensemble', m }, SHAPE)).toThrow('m is');
  });

  it.each([0, -0.1, Number.NaN, Number.POSITIVE_INFINITY])('blend refuses to fade for %s s', (fade_s) => {
    expect(() => createStrategy({ name: 'blend', fade_s }, SHAPE)).toThrow(
      `strategy blend: fade_s is ${fade_s}, it must be a number of seconds above 0`,
    );
  });

  it.each([-0.1, Number.NaN])('all refuse to extrapolate for %s s', (late_extrapolate_s) => {
    expect(() => createStrategy({ name: 'latest', late_extrapolate_s }, SHAPE)).toThrow(
      `strategy latest: late_extrapolate_s is ${late_extrapolate_s}, it must be a number of seconds of at least 0`,
    );
  });
});
