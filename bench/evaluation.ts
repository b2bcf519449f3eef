/**
 * The success figures of the README: every strategy, and the two controls that must fail.
 *
 *     npm run bench:evaluation [-- POLICY [EPISODES [SEED]]]
 *
 * Results stay in out/evaluation/<name>; the table is Markdown.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [policy = join(root, 'models/pick_lift'), episodes = '200', seed = '1'] = process.argv.slice(2);

const RUNS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['ensemble', '--strategy', 'ensemble'],
  ['receding', '--strategy', 'receding'],
  ['latest', '--strategy', 'latest'],
  ['blank-cameras', '--control', 'blank-cameras'],
  ['replay-other-seed', '--control', 'replay-other-seed'],
];

const out = join(root, 'out/evaluation');
mkdirSync(out, { recursive: true });
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
console.log(
  '| run | success | 95 % interval | average return | reward ≥ 1 / 2 / 3 / 4 | latency p50 / p99 |',
);
console.log('|:--|--:|:--|--:|:--|:--|');
for (const [name, ...args] of RUNS) {
  const robot = join(root, 'config/robots/sim_arm.yaml');
  const common = ['--robot', robot, '--policy', policy, '--task', 'pick_lift', '--episodes', episodes];
  const command = [join(root, 'dist/cli/main.js'), 'rollout', ...common, '--seed', seed, ...args];
  const folder = join(out, name);
  const { status } = spawnSync(process.execPath, [...command, '--out', folder, '--json'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
  const s = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
  const [low, high] = s.success_ci95;
  const stages = [1, 2, 3, 4].map((r) => percent(s.reward_at_least[r])).join(' / ');
  const { m, steps } = s.run.strategy;
  const label = `${name}${m !== undefined && !s.run.control ? `, m = ${m}` : ''}${steps !== undefined ? `, ${steps} rows` : ''}`;
  console.log(
    `| ${label} | ${percent(s.success_rate)} | ${percent(low)} – ${percent(high)} | ${s.average_return.toFixed(1)} ± ${s.return_std.toFixed(1)} | ${stages} | ${s.latency_ms.p50.toFixed(1)} / ${s.latency_ms.p99.toFixed(1)} ms |`,
  );
}
