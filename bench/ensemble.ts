/**
 * What one command costs in act/: the action of 100 live chunks of 100 rows × 14 joints, the safety stage,
 * and looking half a second ahead.
 *
 *     npm run bench:ensemble
 */
import { cpus } from 'node:os';
import { HorizonPlanner } from '../src/act/horizon.js';
import { Safety } from '../src/act/safety.js';
import { createStrategy } from '../src/act/strategy.js';
import type { StrategySpec } from '../src/contract/strategy.js';
import { percentile } from '../src/episode/statistics.js';

const K = 100;
const A = 14;
const DT = 1 / 50;
const RATE = 250;
const SHAPE = { length: K, width: A };
const LIMITS = { min: -2, max: 2, velocity: 10, acceleration: 1000 };
const JOINTS = Array.from({ length: A }, (_, j) => ({ name: `joint_${j}`, ...LIMITS }));
const ROUNDS = 200;
const CALLS = 500;

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
console.log(`${K} live chunks of ${K} × ${A}; µs a call, ${ROUNDS} rounds of ${CALLS} calls\n`);
console.log('|  | median | p95 |');
console.log('|:--|--:|--:|');

const action = new Float32Array(A);
for (const [label, spec, offset] of [
  ['ensemble, on the rows', { name: 'ensemble', m: 0.01 }, 0],
  ['ensemble, between rows, cubic', { name: 'ensemble', m: 0.01 }, 0.3],
  ['ensemble, between rows, linear', { name: 'ensemble', m: 0.01, interpolation: 'linear' }, 0.3],
  ['blend, between rows, cubic', { name: 'blend', fade_s: 0.3 }, 0.3],
] as const) {
  const strategy = filled(spec);
  // The one instant, but for the offset, that every chunk has a row for.
  const time = (K - 1 + offset) * DT;
  line(label, () => strategy.actionAt(time, action));
}

const strategy = filled({ name: 'ensemble', m: 0.01 });
const options = { rateHz: RATE, rampInS: 0 };
const safety = new Safety(JOINTS, options);
const planner = new HorizonPlanner(JOINTS, options);
safety.begin(new Float32Array(A), 0);
const command = new Float32Array(A);
strategy.actionAt((K - 1) * DT, action);
line('safety.limit', () => safety.limit(action, 10, command));
const chunk = chunkAt(K);
line('ensemble, taking a chunk in', () => strategy.add(chunk, chunk.time));
const latest = filled({ name: 'latest' });
const next = Math.round((K - 1) * DT * RATE);
line(`way ahead, ${planner.plan(safety, latest, 0, next)} commands, latest`, () => {
  planner.plan(safety, latest, 0, next);
});

function chunkAt(n: number) {
  const actions = Float32Array.from({ length: K * A }, (_, i) =>
    Math.sin((n + Math.floor(i / A)) / 20 + (i % A)),
  );
  return { time: n * DT, dt: DT, ...SHAPE, actions };
}

/** A strategy that has been given a chunk on each of `K` ticks. */
function filled(spec: StrategySpec) {
  const strategy = createStrategy(spec, SHAPE);
  for (let n = 0; n < K; n++) strategy.add(chunkAt(n), n * DT);
  return strategy;
}

function line(label: string, call: () => void): void {
  for (let i = 0; i < 20 * CALLS; i++) call();
  const rounds = Float64Array.from({ length: ROUNDS }, () => {
    const began = performance.now();
    for (let i = 0; i < CALLS; i++) call();
    return ((performance.now() - began) * 1000) / CALLS;
  }).sort();
  console.log(
    `| ${label} | ${percentile(rounds, 0.5).toFixed(2)} | ${percentile(rounds, 0.95).toFixed(2)} |`,
  );
}
