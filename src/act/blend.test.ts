import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Interpolation } from '../contract/strategy.js';
import { Blend } from './blend.js';
import type { ActionChunk } from './chunk.js';
import { ChunkHistory } from './ensemble.js';
import { Late } from './late.js';

const K = 8;
const A = 2;
const DT = 0.1;
const SHAPE = { length: K, width: A };

const values = fc
  .array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: K * A, maxLength: K * A })
  .map((values) => Float32Array.from(values, (value) => value + 0));
/** From one observation to the next, and from an observation to its chunk, s. */
const gap = fc.double({ min: 0.02, max: 0.6, noNaN: true });
const latency = fc.double({ min: 0, max: 1, noNaN: true });
const fade = fc.double({ min: 0.02, max: 0.6, noNaN: true });
const way = fc.constantFrom<Interpolation>('cubic', 'linear');

/** All rows alike. */
function chunkOf(time: number, value: number): ActionChunk {
  return { time, dt: DT, ...SHAPE, actions: new Float32Array(K * A).fill(value) };
}

interface Arrival {
  readonly chunk: ActionChunk;
  readonly now: number;
}

/** Chunks one after the other, as one inference at a time gives them. */
const arrivals = fc
  .array(fc.record({ values, gap, latency }), { minLength: 2, maxLength: 10 })
  .map((inferences) => {
    let [time, now] = [0, 0];
    return inferences.map(({ values, gap, latency }): Arrival => {
      time = Math.max(time + gap, now);
      now = time + latency;
      return { chunk: { time, dt: DT, ...SHAPE, actions: values }, now };
    });
  });

function blend(fade_s: number, interpolation: Interpolation = 'cubic', extrapolateS = 0.1): Blend {
  const history = new ChunkHistory(SHAPE, { capacity: 1, m: 0, taperS: 0, interpolation });
  return new Blend({ name: 'blend', fade_s }, new Late(history, extrapolateS));
}

function motion(strategy: Blend, time: number) {
  const [position, velocity] = [new Float64Array(A), new Float64Array(A)];
  strategy.motionAt(time, position, velocity);
  return { position, velocity };
}

function action(strategy: Blend, time: number): number[] | undefined {
  const out = new Float32Array(A);
  return strategy.actionAt(time, out) ? [...out] : undefined;
}

describe('Blend', () => {
  it('has neither a step in position nor in velocity where a chunk arrives, however late', () => {
    fc.assert(
      fc.property(arrivals, fade, way, (sequence, T, interpolation) => {
        const strategy = blend(T, interpolation);
        for (const { chunk, now } of sequence) {
          const before = motion(strategy, now);
          strategy.add(chunk, now);
          const after = motion(strategy, now);
          for (let j = 0; j < A; j++) {
            expect(after.position[j]).toBeCloseTo(before.position[j], 9);
            expect(after.velocity[j]).toBeCloseTo(before.velocity[j], 9);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('wants what its motion says, whose velocity is that of its positions', () => {
    const when = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(arrivals, fade, when, (sequence, T, share) => {
        const strategy = blend(T);
        let end = 0;
        for (const { chunk, now } of sequence) {
          strategy.add(chunk, now);
          end = Math.max(end, chunk.time + (K - 1) * DT);
        }
        const from = (sequence.at(-1) as Arrival).now;
        const time = from + share * (end - from);
        // Apart from rows, which take up the microsecond around them.
        if (Math.abs(((time - end) / DT) % 1) < 1e-3) return;
        const h = 1e-6;
        const [before, here, after] = [time - h, time, time + h].map((t) => motion(strategy, t));
        if (!(from < time - h && time + h < end)) return;
        expect(action(strategy, time)).toEqual([...here.position].map(Math.fround));
        for (let j = 0; j < A; j++) {
          const measured = (after.position[j] - before.position[j]) / (2 * h);
          expect(Math.abs(measured - here.velocity[j])).toBeLessThan(1e-3 * (1 + Math.abs(measured)));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('has gone over to the new chunk once the fade is over', () => {
    fc.assert(
      fc.property(arrivals, fade, (sequence, T) => {
        const strategy = blend(T);
        let followed: Arrival | undefined;
        for (const arrival of sequence) if (strategy.add(arrival.chunk, arrival.now)) followed = arrival;
        // A chunk that waited for an arm that stood has other times: those are told of in late.test.ts.
        if (!followed || !strategy.foresees(followed.chunk.time)) return;
        for (let k = 0; k < K; k++) {
          const time = followed.chunk.time + k * DT;
          if (time < followed.now + T) continue;
          expect(action(strategy, time)).toEqual([...followed.chunk.actions.subarray(k * A, (k + 1) * A)]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('leaves what was committed to before a chunk arrived as it was', () => {
    const strategy = blend(0.3);
    strategy.add(chunkOf(0, 1), 0);
    const committed = action(strategy, 0.4);
    strategy.add(chunkOf(0.1, 2), 0.4);
    expect(action(strategy, 0.4)).toEqual(committed);
    // A command whose instant had just passed: on the way it was on.
    expect(action(strategy, 0.3999)?.[0]).toBeCloseTo(committed?.[0] as number, 3);
  });

  it('sets out from the pose that the arm stands in, however late its first chunk', () => {
    const strategy = blend(0.3);
    strategy.reset(Float32Array.of(1, -1));
    expect(action(strategy, 0.2)).toBeUndefined();
    strategy.add(chunkOf(0, 3), 0.2);
    expect(action(strategy, 0.2)).toEqual([1, -1]);
    expect([...motion(strategy, 0.2).velocity]).toEqual([0, 0]);
    expect(action(strategy, 0.35)).toEqual([2, 1]);
    expect(action(strategy, 0.5)).toEqual([3, 3]);
  });

  it('takes no notice of a chunk that comes too late, nor of one older than the one it follows', () => {
    const strategy = blend(0.3);
    strategy.add(chunkOf(0.9, 0), 0.9);
    strategy.add(chunkOf(1, 1), 1.1);
    const before = action(strategy, 1.3);
    expect(strategy.add(chunkOf(0.95, 2), 1.2)).toBe(true);
    expect(strategy.add({ ...chunkOf(1.01, 2), dt: 0.001 }, 1.2)).toBe(false);
    expect(action(strategy, 1.3)).toEqual(before);
  });

  it('sets out from rest where it came to when the predictions had ended', () => {
    for (const extrapolateS of [0.1, 0]) {
      const strategy = blend(0.3, 'cubic', extrapolateS);
      const rising = Float32Array.from({ length: K * A }, (_, i) => 0.1 * Math.floor(i / A));
      strategy.add({ ...chunkOf(0, 0), actions: rising }, 0);
      const late = (K - 1) * DT + 0.5;
      expect(action(strategy, late)).toBeUndefined();
      const rest = motion(strategy, late);
      // The last row, and a third of the way that its velocity of 1/s would have gone.
      expect(rest.position[0]).toBeCloseTo(0.1 * (K - 1) + extrapolateS / 3, 6);
      strategy.add(chunkOf(late - 0.2, 2), late);
      expect(motion(strategy, late).position[0]).toBeCloseTo(rest.position[0] as number, 9);
      expect(motion(strategy, late).velocity[0]).toBeCloseTo(0, 9);
      expect(action(strategy, late + 0.31)).toEqual([2, 2]);
    }
  });

  it('forgets everything on reset', () => {
    const strategy = blend(0.3);
    strategy.add(chunkOf(0, 1), 0);
    strategy.reset(Float32Array.of(2, 2));
    expect(action(strategy, 0.1)).toBeUndefined();
    expect(motion(strategy, 0.1)).toEqual({ position: Float64Array.of(2, 2), velocity: new Float64Array(A) });
  });
});
