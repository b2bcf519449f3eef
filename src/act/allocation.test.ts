import { describe, expect, it } from 'vitest';
import { allocations } from '../../test/support/allocations.js';
import type { StrategySpec } from '../contract/strategy.js';
import { HorizonPlanner } from './horizon.js';
import { Safety } from './safety.js';
import { createStrategy } from './strategy.js';

const K = 100;
const A = 14;
const RATE = 250;
const POLICY_RATE = 50;
/** V8 boxes a float64 that it hands to a function it has not inlined: 16 bytes, and what sampling misses them by. */
const NUMBER = 17;
const SHAPE = { length: K, width: A };
const JOINTS = Array.from({ length: A }, (_, j) => ({
  name: `joint_${j}`,
  min: -1,
  max: 1,
  velocity: 1,
  acceleration: 10,
}));

/** A robot's ticks: chunks that come late, gaps without any, stale sensors, every limit met now and then. */
function commands(spec: StrategySpec) {
  const strategy = createStrategy(spec, SHAPE);
  const options = { rateHz: RATE, rampInS: 0.3 };
  const safety = new Safety(JOINTS, options);
  const planner = new HorizonPlanner(JOINTS, options);
  const action = new Float32Array(A);
  const out = new Float32Array(A);
  const actions = Float32Array.from({ length: K * A }, (_, i) => 1.1 * Math.sin(i / 90 + (i % A)));
  safety.begin(out, 0);
  let n = 0;
  let changed = 0;
  let interventions: readonly string[] = [];
  return {
    /** A chunk for this tick, where one comes. */
    receive(): void {
      const time = n / RATE;
      if (n % (RATE / POLICY_RATE) === 0 && n % 4000 < 3000 && strategy.wantsInference(time, 0.1))
        strategy.add({ time: time - 0.1, dt: 1 / POLICY_RATE, ...SHAPE, actions }, time);
    },
    tick(): void {
      const time = n / RATE;
      if (n % 997 < 3) safety.hold('hold_stale', time, out);
      else if (strategy.actionAt(time, action)) safety.limit(action, time, out, strategy.foresees(time));
      else safety.hold('hold_no_action', time, out);
      // Kept, so that the compiler cannot leave out making it.
      interventions = safety.interventions;
      changed += interventions.length;
      n++;
    },
    plan: () => planner.plan(safety, strategy, 0, n),
    get interventions() {
      return interventions;
    },
    get changed() {
      return changed;
    },
  };
}

/**
 * Bytes that act/ and this file allocate a step, once the compiler has settled: the least of some rounds, as many as it
 * takes to get down to `enough`, for the compiler may be late on a busy machine.
 */
async function settled(enough: number, steps: number, step: () => void): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 40 && least > enough; round++) {
    const bytes = await allocations(/\/src\/act\//, () => {
      for (let i = 0; i < steps; i++) step();
    });
    least = Math.min(least, [...bytes.values()].reduce((sum, some) => sum + some, 0) / steps);
  }
  return least;
}

const SPECS: readonly StrategySpec[] = [
  { name: 'ensemble', m: 0.01 },
  { name: 'ensemble', m: 0.01, interpolation: 'linear' },
  { name: 'receding', steps: 50 },
  { name: 'latest' },
  { name: 'blend', fade_s: 0.3 },
];

describe('a control tick', () => {
  it.each(SPECS)(
    'allocates nothing but the number that its instant is handed over in, with %o',
    async (spec) => {
      const robot = commands(spec);
      for (let n = 0; n < 20_000; n++) {
        robot.receive();
        robot.tick();
      }
      expect(robot.changed).toBeGreaterThan(1000);
      expect(await settled(NUMBER, 4000, () => robot.tick())).toBeLessThanOrEqual(NUMBER);
      expect(robot.interventions).toBeDefined();
    },
  );

  it('allocates no more than that for each command of its way ahead', async () => {
    const robot = commands({ name: 'ensemble', m: 0.01 });
    let rows = 0;
    for (let n = 0; n < 5000; n++) {
      robot.receive();
      robot.tick();
      if (n % 10 === 0) rows = robot.plan();
    }
    expect(rows).toBeGreaterThanOrEqual(RATE / 2);
    expect(await settled(NUMBER * rows, 400, () => robot.plan())).toBeLessThanOrEqual(NUMBER * rows);
  });
});
