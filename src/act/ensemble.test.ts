import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActionChunk } from './chunk.js';
import { ChunkHistory, rowAt } from './ensemble.js';

function chunk(time: number, rows: readonly (readonly number[])[], dt = 0.05): ActionChunk {
  return { time, dt, length: rows.length, width: rows[0].length, actions: Float32Array.from(rows.flat()) };
}

/**
 * ACT's evaluation, literally: a T × (T + K) × A table in float64, row t filled at t … t + K − 1 by the chunk
 * of step t; column t averaged with weights exp(−m·i), oldest first. Presence is a table of its own.
 */
function allTimeActions(
  chunks: readonly (ActionChunk | undefined)[],
  K: number,
  A: number,
  m: number,
): (number[] | undefined)[] {
  const T = chunks.length;
  const table = new Float64Array(T * (T + K) * A);
  const present = new Uint8Array(T * (T + K));
  const actions: (number[] | undefined)[] = [];
  for (let t = 0; t < T; t++) {
    const predicted = chunks[t];
    for (let k = 0; predicted && k < K; k++) {
      present[t * (T + K) + t + k] = 1;
      for (let a = 0; a < A; a++) table[(t * (T + K) + t + k) * A + a] = predicted.actions[k * A + a];
    }
    const rows: number[] = [];
    for (let from = 0; from < T; from++) if (present[from * (T + K) + t]) rows.push(from);
    const weights = rows.map((_, i) => Math.exp(-m * i));
    const total = weights.reduce((sum, w) => sum + w, 0);
    const action = Array.from({ length: A }, (_, a) =>
      rows.reduce((sum, from, i) => sum + (weights[i] / total) * table[(from * (T + K) + t) * A + a], 0),
    );
    actions.push(rows.length > 0 ? action : undefined);
  }
  return actions;
}

const value = fc.oneof(
  { weight: 4, arbitrary: fc.float({ min: Math.fround(-Math.PI), max: Math.fround(Math.PI), noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(0) },
);

/** An episode: K, A, m, a start time, and for each step a chunk, a chunk of zeros, or none. */
const episodes = fc
  .record({
    K: fc.integer({ min: 1, max: 12 }),
    A: fc.integer({ min: 1, max: 4 }),
    m: fc.double({ min: -0.5, max: 2, noNaN: true }),
    start: fc.constantFrom(0, 0.35, 123.456, 1.76e9 + 0.123),
    rate: fc.constantFrom(10, 20, 30, 50),
  })
  .chain(({ K, A, m, start, rate }) =>
    fc.record({
      K: fc.constant(K),
      A: fc.constant(A),
      m: fc.constant(m),
      start: fc.constant(start),
      rate: fc.constant(rate),
      steps: fc.array(
        fc.oneof(
          { weight: 6, arbitrary: fc.array(value, { minLength: K * A, maxLength: K * A }) },
          { weight: 1, arbitrary: fc.constant(new Array<number>(K * A).fill(0)) },
          { weight: 1, arbitrary: fc.constant(undefined) },
        ),
        { minLength: 1, maxLength: 30 },
      ),
    }),
  );

describe('temporal ensembling', () => {
  it('equals ACT’s all_time_actions in float64 within 1e-6', () => {
    fc.assert(
      fc.property(episodes, ({ K, A, m, start, rate, steps }) => {
        const chunks = steps.map(
          (actions, t): ActionChunk | undefined =>
            actions && {
              time: start + t / rate,
              dt: 1 / rate,
              length: K,
              width: A,
              actions: Float32Array.from(actions),
            },
        );
        const expected = allTimeActions(chunks, K, A, m);
        const history = new ChunkHistory({ length: K, width: A }, K + 1, m);
        const out = new Float32Array(A);
        chunks.forEach((predicted, t) => {
          if (predicted) history.add(predicted);
          const row = expected[t];
          expect(history.actionAt(start + t / rate, out)).toBe(row !== undefined);
          for (let a = 0; row && a < A; a++) expect(Math.abs(out[a] - row[a])).toBeLessThanOrEqual(1e-6);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('counts an all-zero action as a prediction', () => {
    const history = new ChunkHistory({ length: 2, width: 1 }, 3, 0);
    history.add(chunk(0, [[8], [8]]));
    history.add(chunk(0.05, [[0], [0]]));
    const out = new Float32Array(1);
    expect(history.actionAt(0.05, out)).toBe(true);
    expect(out[0]).toBe(4);
  });

  it('gives the oldest prediction the greatest weight', () => {
    const history = new ChunkHistory({ length: 2, width: 1 }, 3, Math.LN2);
    history.add(chunk(0, [[0], [3]]));
    history.add(chunk(0.05, [[0], [0]]));
    const out = new Float32Array(1);
    history.actionAt(0.05, out);
    expect(out[0]).toBeCloseTo(2, 6);
  });

  it('does not care in which order chunks arrive', () => {
    const times = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(times, fc.array(value, { minLength: 10 * 6, maxLength: 10 * 6 }), (order, values) => {
        const make = (sequence: readonly number[]) => {
          const history = new ChunkHistory({ length: 6, width: 1 }, 10, 0.3);
          for (const t of sequence)
            history.add(
              chunk(
                t * 0.05,
                values.slice(t * 6, t * 6 + 6).map((v) => [v]),
              ),
            );
          return history;
        };
        const late = make(order);
        const punctual = make([...order].sort((a, b) => a - b));
        const [a, b] = [new Float32Array(1), new Float32Array(1)];
        for (let t = 0; t < 16; t++) {
          expect(late.actionAt(t * 0.05, a)).toBe(punctual.actionAt(t * 0.05, b));
          expect(a[0]).toBe(b[0]);
        }
      }),
    );
  });

  it('aligns a late chunk in time: only its rows from now on count', () => {
    const history = new ChunkHistory({ length: 4, width: 1 }, 5, 0);
    const out = new Float32Array(1);
    expect(history.actionAt(0.1, out)).toBe(false);
    history.add(chunk(0, [[1], [2], [3], [4]]));
    expect(history.actionAt(0.1, out)).toBe(true);
    expect(out[0]).toBe(3);
  });

  it('interpolates linearly between rows, and says nothing outside them', () => {
    const history = new ChunkHistory({ length: 2, width: 2 }, 1, 0);
    history.add(chunk(1, [[0, 4], [1, 0]])); // biome-ignore format: rows
    const out = Float32Array.of(9, 9);
    expect(history.actionAt(1.0125, out)).toBe(true);
    expect([...out].map((x) => Math.round(x * 1e6) / 1e6)).toEqual([0.25, 3]);
    out.fill(9);
    expect(history.actionAt(0.99, out)).toBe(false);
    expect(history.actionAt(1.06, out)).toBe(false);
    expect([...out]).toEqual([9, 9]);
  });

  it('keeps the newest chunks when full, and one chunk an observation', () => {
    const history = new ChunkHistory({ length: 9, width: 1 }, 2, 0);
    const rows = (v: number) => new Array(9).fill([v]);
    history.add(chunk(0.1, rows(10)));
    history.add(chunk(0.2, rows(20)));
    history.add(chunk(0.3, rows(30)));
    const out = new Float32Array(1);
    history.actionAt(0.3, out);
    expect(out[0]).toBe(25);
    history.add(chunk(0.05, rows(1000)));
    history.actionAt(0.3, out);
    expect(out[0]).toBe(25);
    history.add(chunk(0.2, rows(40)));
    history.actionAt(0.3, out);
    expect(out[0]).toBe(35);
  });

  it('replaces a chunk by a second one of the same observation', () => {
    const history = new ChunkHistory({ length: 1, width: 1 }, 3, 0);
    for (const value of [10, 30]) history.add(chunk(0, [[value]]));
    const out = new Float32Array(1);
    history.actionAt(0, out);
    expect(out[0]).toBe(30);
  });

  it('does not keep the caller’s buffer', () => {
    const history = new ChunkHistory({ length: 1, width: 1 }, 1, 0);
    const given = chunk(0, [[5]]);
    history.add(given);
    given.actions.fill(Number.NaN);
    const out = new Float32Array(1);
    history.actionAt(0, out);
    expect(out[0]).toBe(5);
  });

  it('refuses a chunk of another shape', () => {
    const history = new ChunkHistory({ length: 2, width: 1 }, 1, 0);
    expect(() => history.add(chunk(0, [[1, 2]]))).toThrow(
      /a chunk of 1×2 \(2 values\) came where 2×1 was expected/,
    );
  });
});

describe('rowAt', () => {
  it('is whole at whole steps, even for seconds since 1970', () => {
    const starts = fc.oneof(
      fc.double({ min: 0, max: 1e4, noNaN: true }),
      fc.double({ min: 1.7e9, max: 2e9, noNaN: true }),
    );
    fc.assert(
      fc.property(
        starts,
        fc.integer({ min: 0, max: 200 }),
        fc.constantFrom(10, 20, 30, 50, 100),
        (start, n, rate) => {
          expect(rowAt(start, 1 / rate, start + n / rate)).toBe(n);
        },
      ),
    );
  });

  it('is fractional between them', () => {
    expect(rowAt(1, 0.05, 1.06)).toBeCloseTo(1.2, 9);
    expect(rowAt(1, 0.05, 0.99)).toBeCloseTo(-0.2, 9);
  });
});
