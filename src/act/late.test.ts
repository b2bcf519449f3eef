import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Interpolation } from '../contract/strategy.js';
import { ChunkHistory } from './ensemble.js';
import { Late } from './late.js';

const K = 5;
const A = 2;
const DT = 0.05;
const END = (K - 1) * DT;
const actions = fc
  .array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: K * A, maxLength: K * A })
  .map((values) => Float32Array.from(values, (value) => value + 0));
const way = fc.constantFrom<Interpolation>('cubic', 'linear');
const seconds = fc.double({ min: 0.02, max: 0.5, noNaN: true });

function late(rows: Float32Array | undefined, interpolation: Interpolation, extrapolateS: number): Late {
  const history = new ChunkHistory({ length: K, width: A }, { capacity: 1, m: 0, taperS: 0, interpolation });
  if (rows) history.add({ time: 0, dt: DT, length: K, width: A, actions: rows }, 0);
  return new Late(history, extrapolateS);
}

function at(subject: Late, time: number): Float64Array {
  const out = new Float64Array(A);
  expect(subject.positionAt(time, out)).toBe(true);
  return out;
}

function motion(subject: Late, time: number) {
  const [position, velocity] = [new Float64Array(A), new Float64Array(A)];
  expect(subject.motionAt(time, position, velocity)).toBe(true);
  return { position, velocity };
}

describe('Late', () => {
  it('says nothing before the first chunk, and nothing once the extrapolation has ended', () => {
    const out = Float64Array.of(7, 7);
    expect(late(undefined, 'cubic', 0.1).positionAt(0, out)).toBe(false);
    const some = late(new Float32Array(K * A), 'cubic', 0.1);
    expect(some.positionAt(END + 0.1001, out)).toBe(false);
    expect(some.positionAt(-0.01, out)).toBe(false);
    expect([...out]).toEqual([7, 7]);
    expect(some.end).toBeCloseTo(END + 0.1, 12);
  });

  it('ends with the predictions when nothing is to be extrapolated', () => {
    const none = late(new Float32Array(K * A), 'cubic', 0);
    expect(none.positionAt(END, new Float64Array(A))).toBe(true);
    expect(none.positionAt(END + 2e-6, new Float64Array(A))).toBe(false);
  });

  it('goes on from the last row in position and velocity, and comes to rest a third of the way on', () => {
    fc.assert(
      fc.property(actions, way, seconds, (rows, interpolation, T) => {
        const subject = late(rows, interpolation, T);
        // An instant within a microsecond of a row is the row's.
        const soon = 2e-6;
        const [end, after, rest] = [END, END + soon, subject.end].map((time) => motion(subject, time));
        for (let j = 0; j < A; j++) {
          const speed = Math.abs(end.velocity[j]);
          expect(end.position[j]).toBe(rows[(K - 1) * A + j]);
          expect(Math.abs(after.position[j] - end.position[j])).toBeLessThanOrEqual(speed * soon + 1e-12);
          expect(Math.abs(after.velocity[j] - end.velocity[j])).toBeLessThanOrEqual(
            (speed * 2 * soon) / T + 1e-9,
          );
          expect(rest.velocity[j]).toBeCloseTo(0, 9);
          expect(rest.position[j] - end.position[j]).toBeCloseTo((end.velocity[j] * T) / 3, 9);
        }
      }),
    );
  });

  it('never turns back', () => {
    fc.assert(
      fc.property(actions, way, seconds, (rows, interpolation, T) => {
        const subject = late(rows, interpolation, T);
        const path = Array.from({ length: 11 }, (_, i) => at(subject, END + (T * i) / 10.0001));
        for (let j = 0; j < A; j++) {
          const steps = path.slice(1).map((here, i) => here[j] - path[i][j]);
          const sign = Math.sign(rows[(K - 1) * A + j] - rows[(K - 2) * A + j]);
          for (const step of steps) expect(step * sign).toBeGreaterThanOrEqual(-1e-12);
        }
      }),
    );
  });

  it('knows the motion it describes', () => {
    fc.assert(
      fc.property(actions, seconds, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (rows, T, share) => {
        const subject = late(rows, 'cubic', T);
        const time = share * (END + T);
        const { position, velocity } = motion(subject, time);
        expect(position).toEqual(at(subject, time));
        const h = 1e-6;
        const [before, after] = [at(subject, time - h), at(subject, time + h)];
        for (let j = 0; j < A; j++)
          expect(Math.abs((after[j] - before[j]) / (2 * h) - velocity[j])).toBeLessThan(0.2);
      }),
    );
  });

  it('puts a chunk off by the time that the arm stood since its observation', () => {
    const subject = late(undefined, 'linear', 0.1);
    const chunk = (time: number) => ({ time, dt: DT, length: K, width: A, actions: new Float32Array(K * A) });
    const arrive = (time: number, now: number) => {
      const ahead = subject.retimed(chunk(time), now);
      if (ahead) subject.history.add(ahead, now);
      return ahead?.time;
    };
    // The first: the arm stood until it came.
    expect(arrive(0, 0.5)).toBeCloseTo(0.5, 12);
    // Seen while it still stood: it is as far as the first.
    expect(arrive(0.48, 0.6)).toBeCloseTo(0.5, 12);
    // Seen on the move: as it is.
    expect(arrive(0.55, 0.7)).toBe(0.55);
    // That one ends at 0.75, at 0.85 the arm stands; seen 0.05 before that, it has that much of its way behind it.
    expect(arrive(0.8, 1.5)).toBeCloseTo(1.45, 12);
    expect(arrive(1.5, 1.5)).toBe(1.5);
    // On the move all the time, and longer than a chunk looks ahead.
    expect(arrive(1.51, 1.75)).toBeUndefined();
    subject.clear();
    expect(arrive(1.8, 2)).toBe(2);
  });
});
