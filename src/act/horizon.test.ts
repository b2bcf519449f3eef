import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JointSpec } from '../contract/contract.js';
import type { StrategySpec } from '../contract/strategy.js';
import { HorizonPlanner } from './horizon.js';
import { EmergencyStop, Safety } from './safety.js';
import { createStrategy, type Strategy } from './strategy.js';

const RATE = 20;
const DT = 1 / RATE;
const K = 15;
const JOINTS: readonly JointSpec[] = [
  { name: 'slow', min: -1, max: 1, velocity: 0.8, acceleration: 4 },
  { name: 'quick', min: -2, max: 2, velocity: 4, acceleration: 80 },
];
const A = JOINTS.length;
const SHAPE = { length: K, width: A };
const OPTIONS = { rateHz: RATE, rampInS: 0.3 };

const strategies = fc.constantFrom<StrategySpec>(
  { name: 'ensemble', m: 0.01 },
  { name: 'receding', steps: 5 },
  { name: 'latest' },
  { name: 'latest', interpolation: 'linear', late_extrapolate_s: 0 },
  { name: 'blend', fade_s: 0.2 },
);
const actions = fc
  .array(fc.float({ min: Math.fround(-2.5), max: 2.5, noNaN: true }), { minLength: K * A, maxLength: K * A })
  .map((values) => Float32Array.from(values));
/** A chunk now and then, and how many ticks later the way ahead is asked for. */
const episode = fc.record({
  spec: strategies,
  chunks: fc.array(fc.option(actions, { freq: 3 }), { minLength: 1, maxLength: 12 }),
});

function begin(spec: StrategySpec, emergencyStop?: EmergencyStop) {
  const options = { ...OPTIONS, ...(emergencyStop && { emergencyStop }) };
  const strategy = createStrategy(spec, SHAPE);
  const safety = new Safety(JOINTS, options);
  safety.begin(new Float32Array(A), 0);
  const action = new Float32Array(A);
  /** What the loop does on a tick. */
  const tick = (n: number): Float32Array => {
    const command = new Float32Array(A);
    const time = n / RATE;
    if (strategy.actionAt(time, action)) safety.limit(action, time, command, strategy.foresees(time));
    else safety.hold('hold_no_action', time, command);
    return command;
  };
  const planner = new HorizonPlanner(JOINTS, options);
  /** The way ahead after tick `n`, copied out of the planner. */
  const planned = (n: number, followed?: Strategy) =>
    Array.from({ length: planner.plan(safety, followed, 0, n + 1) }, (_, k) => planner.row(k).slice());
  const plan = (n: number) => planned(n, strategy);
  return { strategy, safety, tick, plan, planned };
}

describe('HorizonPlanner', () => {
  it('is what the loop commands if nothing new comes, then rests', () => {
    fc.assert(
      fc.property(episode, ({ spec, chunks }) => {
        const { strategy, safety, tick, plan } = begin(spec);
        let command: Float32Array = new Float32Array(A);
        chunks.forEach((chunk, n) => {
          if (chunk) strategy.add({ time: n * DT, dt: DT, ...SHAPE, actions: chunk }, n * DT);
          command = tick(n);
        });
        const now = chunks.length - 1;
        const before = safety.counts;
        const rows = plan(now);
        expect(safety.counts).toEqual(before);

        const followed = rows.slice(0, 0.5 * RATE);
        const real = followed.map((_, k) => tick(now + 1 + k));
        expect(followed).toEqual(real);
        const way = [command, ...rows];
        if (rows.length > 0) expect(way.at(-1)).toEqual(way.at(-2));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps every limit to its end', () => {
    fc.assert(
      fc.property(episode, ({ spec, chunks }) => {
        const { strategy, tick, plan } = begin(spec);
        const commands: Float32Array[] = [new Float32Array(A)];
        chunks.forEach((chunk, n) => {
          if (chunk) strategy.add({ time: n * DT, dt: DT, ...SHAPE, actions: chunk }, n * DT);
          commands.push(tick(n));
        });
        const way = [...commands, ...plan(chunks.length - 1)];
        JOINTS.forEach(({ min, max, velocity, acceleration }, j) => {
          for (let n = 1; n < way.length; n++) {
            const step = way[n][j] - way[n - 1][j];
            expect(way[n][j]).toBeGreaterThanOrEqual(min - 1e-6);
            expect(way[n][j]).toBeLessThanOrEqual(max + 1e-6);
            expect(Math.abs(step) * RATE).toBeLessThanOrEqual(velocity + 1e-4);
            if (n < 2) continue;
            const change = step - (way[n - 1][j] - way[n - 2][j]);
            expect(Math.abs(change) * RATE * RATE).toBeLessThanOrEqual(acceleration + 2e-3);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it('brakes at once while the arm is held or stopped', () => {
    const emergencyStop = new EmergencyStop();
    const { strategy, tick, plan, planned } = begin({ name: 'latest' }, emergencyStop);
    const actions = Float32Array.from({ length: K * A }, (_, i) => 0.03 * (Math.floor(i / A) + 1));
    strategy.add({ time: 0, dt: DT, ...SHAPE, actions }, 0);
    for (let n = 0; n < 8; n++) tick(n);
    const held = planned(7);
    expect(held.length).toBeLessThan(6);
    emergencyStop.press();
    const stopped = plan(7);
    expect(stopped.slice(0, held.length)).toEqual(held);
    expect(stopped.at(-1)).toEqual(held.at(-1));
  });

  it('has nothing ahead of an arm that rests', () => {
    const { plan } = begin({ name: 'latest' });
    expect(plan(0)).toEqual([]);
  });
});
