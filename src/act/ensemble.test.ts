import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Interpolation } from '../contract/strategy.js';
import type { ActionChunk, ChunkShape } from './chunk.js';
import { ChunkHistory } from './ensemble.js';

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

function remembering(
  shape: ChunkShape,
  capacity: number,
  m: number,
  interpolation: Interpolation = 'cubic',
): ChunkHistory {
  return new ChunkHistory(shape, { capacity, m, taperS: 0, interpolation });
}

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
        const history = remembering({ length: K, width: A }, K + 1, m);
        const out = new Float64Array(A);
        chunks.forEach((predicted, t) => {
          if (predicted) history.add(predicted, 0);
          const row = expected[t];
          expect(history.positionAt(start + t / rate, out)).toBe(row !== undefined);
          for (let a = 0; row && a < A; a++) expect(Math.abs(out[a] - row[a])).toBeLessThanOrEqual(1e-6);
        });
      }),
      { numRuns: 500 },
    );
  });

  it.each(['cubic', 'linear'] as const)(
    'is at whole steps the weighted mean, to the bit where the oldest weighs most: %s or not',
    (way) => {
      fc.assert(
        fc.property(episodes, ({ K, A, m, start, rate, steps }) => {
          const history = remembering({ length: K, width: A }, K + 1, m, way);
          const live: Float32Array[] = [];
          const out = new Float64Array(A);
          steps.forEach((actions, t) => {
            live.push(Float32Array.from(actions ?? []));
            if (actions) {
              const chunk = { time: start + t / rate, dt: 1 / rate, length: K, width: A };
              history.add({ ...chunk, actions: live[t] }, chunk.time);
            }
            if (!history.positionAt(start + t / rate, out)) return;
            for (let a = 0; a < A; a++) {
              let [sum, total, i] = [0, 0, 0];
              for (let from = Math.max(0, t - K + 1); from <= t; from++) {
                if (live[from].length === 0) continue;
                const weight = Math.exp(-m * i++);
                sum += weight * live[from][(t - from) * A + a];
                total += weight;
              }
              if (m >= 0) expect(out[a]).toBe(sum / total);
              else expect(out[a]).toBeCloseTo(sum / total, 12);
            }
          });
        }),
      );
    },
  );

  it('counts an all-zero action as a prediction', () => {
    const history = remembering({ length: 2, width: 1 }, 3, 0);
    history.add(chunk(0, [[8], [8]]), 0);
    history.add(chunk(0.05, [[0], [0]]), 0);
    const out = new Float64Array(1);
    expect(history.positionAt(0.05, out)).toBe(true);
    expect(out[0]).toBe(4);
  });

  it('gives the oldest prediction the greatest weight', () => {
    const history = remembering({ length: 2, width: 1 }, 3, Math.LN2);
    history.add(chunk(0, [[0], [3]]), 0);
    history.add(chunk(0.05, [[0], [0]]), 0);
    const out = new Float64Array(1);
    history.positionAt(0.05, out);
    expect(out[0]).toBeCloseTo(2, 6);
  });

  it.each([-10, 10])('weighs by m = %s as far as numbers go', (m) => {
    const history = remembering({ length: 100, width: 1 }, 101, m);
    const out = new Float64Array(1);
    for (let n = 0; n < 100; n++) {
      history.add(chunk(n * 0.05, new Array(100).fill([n])), 0);
      history.positionAt(n * 0.05, out);
      expect(out[0]).toBeCloseTo(m < 0 ? n : 0, 3);
    }
  });

  it('does not care in which order chunks arrive', () => {
    const times = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(times, fc.array(value, { minLength: 10 * 6, maxLength: 10 * 6 }), (order, values) => {
        const make = (sequence: readonly number[]) => {
          const history = remembering({ length: 6, width: 1 }, 10, 0.3);
          for (const t of sequence)
            history.add(
              chunk(
                t * 0.05,
                values.slice(t * 6, t * 6 + 6).map((v) => [v]),
              ),
              0,
            );
          return history;
        };
        const late = make(order);
        const punctual = make([...order].sort((a, b) => a - b));
        const [a, b] = [new Float64Array(1), new Float64Array(1)];
        for (let t = 0; t < 16; t++) {
          expect(late.positionAt(t * 0.05, a)).toBe(punctual.positionAt(t * 0.05, b));
          expect(a[0]).toBe(b[0]);
        }
      }),
    );
  });

  it('aligns a late chunk in time: only its rows from now on count', () => {
    const history = remembering({ length: 4, width: 1 }, 5, 0);
    const out = new Float64Array(1);
    expect(history.positionAt(0.1, out)).toBe(false);
    history.add(chunk(0, [[1], [2], [3], [4]]), 0);
    expect(history.positionAt(0.1, out)).toBe(true);
    expect(out[0]).toBe(3);
  });

  it('interpolates between rows, and says nothing outside them', () => {
    const history = remembering({ length: 2, width: 2 }, 1, 0, 'linear');
    history.add(chunk(1, [[0, 4], [1, 0]]), 0); // biome-ignore format: rows
    const out = Float64Array.of(9, 9);
    expect(history.positionAt(1.0125, out)).toBe(true);
    expect([...out].map((x) => Math.round(x * 1e6) / 1e6)).toEqual([0.25, 3]);
    out.fill(9);
    expect(history.positionAt(0.99, out)).toBe(false);
    expect(history.positionAt(1.06, out)).toBe(false);
    expect([...out]).toEqual([9, 9]);
  });

  const curve = fc.array(value, { minLength: 6, maxLength: 6 });

  it('curves without going beyond the two rows it is between, nor back on the way', () => {
    fc.assert(
      fc.property(curve, (values) => {
        const history = remembering({ length: 6, width: 1 }, 1, 0);
        history.add(chunk(0, values.map((v) => [v])), 0); // biome-ignore format: rows
        const out = new Float64Array(1);
        for (let k = 0; k < 5; k++) {
          const [from, to] = [k, k + 1].map((row) => Math.fround(values[row]));
          let before = from;
          for (let i = 1; i < 20; i++) {
            expect(history.positionAt(0.05 * (k + i / 20), out)).toBe(true);
            expect((out[0] - before) * Math.sign(to - from)).toBeGreaterThanOrEqual(-1e-12);
            before = out[0];
          }
          expect((to - before) * Math.sign(to - from)).toBeGreaterThanOrEqual(-1e-12);
          if (to === from) expect(before).toBeCloseTo(to, 12);
        }
      }),
    );
  });

  it('knows the velocity of its curve', () => {
    const within = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(curve, fc.integer({ min: 0, max: 4 }), within, (values, k, u) => {
        const history = remembering({ length: 6, width: 1 }, 1, 0);
        history.add(chunk(0, values.map((v) => [v])), 0); // biome-ignore format: rows
        const [before, after, velocity] = [new Float64Array(1), new Float64Array(1), new Float64Array(1)];
        const time = 0.05 * (k + u);
        const h = 1e-6;
        history.positionAt(time - h, before);
        history.positionAt(time + h, after);
        history.motionAt(time, new Float64Array(1), velocity);
        expect(Math.abs((after[0] - before[0]) / (2 * h) - velocity[0])).toBeLessThan(1e-3);
      }),
    );
  });

  it('moves at its rows as fast as it arrives there', () => {
    fc.assert(
      fc.property(curve, fc.integer({ min: 1, max: 5 }), (values, k) => {
        const history = remembering({ length: 6, width: 1 }, 1, 0);
        history.add(chunk(0, values.map((v) => [v])), 0); // biome-ignore format: rows
        const [at, before] = [new Float64Array(1), new Float64Array(1)];
        history.motionAt(0.05 * k, new Float64Array(1), at);
        history.motionAt(0.05 * k - 1.1e-6, new Float64Array(1), before);
        // 1.1 µs earlier, at an acceleration of no more than a few of these values in a row's time, twice.
        expect(Math.abs(at[0] - before[0])).toBeLessThan(0.1);
      }),
    );
  });

  it('keeps the newest chunks when full, and one chunk an observation', () => {
    const history = remembering({ length: 9, width: 1 }, 2, 0);
    const rows = (v: number) => new Array(9).fill([v]);
    history.add(chunk(0.1, rows(10)), 0);
    history.add(chunk(0.2, rows(20)), 0);
    history.add(chunk(0.3, rows(30)), 0);
    const out = new Float64Array(1);
    history.positionAt(0.3, out);
    expect(out[0]).toBe(25);
    history.add(chunk(0.05, rows(1000)), 0);
    history.positionAt(0.3, out);
    expect(out[0]).toBe(25);
    history.add(chunk(0.2, rows(40)), 0);
    history.positionAt(0.3, out);
    expect(out[0]).toBe(35);
  });

  it('replaces a chunk by a second one of the same observation', () => {
    const history = remembering({ length: 1, width: 1 }, 3, 0);
    for (const value of [10, 30]) history.add(chunk(0, [[value]]), 0);
    const out = new Float64Array(1);
    history.positionAt(0, out);
    expect(out[0]).toBe(30);
  });

  it('does not keep the caller’s buffer', () => {
    const history = remembering({ length: 1, width: 1 }, 1, 0);
    const given = chunk(0, [[5]]);
    history.add(given, 0);
    given.actions.fill(Number.NaN);
    const out = new Float64Array(1);
    history.positionAt(0, out);
    expect(out[0]).toBe(5);
  });

  it('refuses a chunk of another shape', () => {
    const history = remembering({ length: 2, width: 1 }, 1, 0);
    expect(() => history.add(chunk(0, [[1, 2]]), 0)).toThrow(
      /a chunk of 1×2 \(2 values\) came where 2×1 was expected/,
    );
  });
});
