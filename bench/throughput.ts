/**
 * How many episodes a minute a rollout runs, with one worker and with two, in turns so that whatever else the
 * machine does hits both alike.
 *
 *     npm run bench:throughput [-- --episodes N --rounds N --record]
 *
 * Counted while every worker is busy: neither while they open, nor once there is nothing left for one of them.
 * `--record` records a bag an episode, too, as `saccade rollout --out` does.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rollOut } from '../src/rollout/pool.js';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    episodes: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    record: { type: 'boolean', default: false },
  },
});
const [episodes, rounds] = [Number(values.episodes), Number(values.rounds)];
if (!(episodes >= 6 && rounds >= 1)) throw new Error('--episodes is at least 6, --rounds at least 1');

const WORKERS = [1, 2] as const;
/** By number of workers: episodes while all were busy, and for how long, s. */
const busy = new Map(WORKERS.map((workers) => [workers, { episodes: 0, seconds: 0 }]));

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
console.log(`${rounds} rounds of ${episodes} episodes${values.record ? ', recorded' : ''}\n`);
for (let round = 0; round < rounds; round++) for (const workers of WORKERS) await measure(workers);
console.log('| workers | episodes a minute | × one worker |');
console.log('|--:|--:|--:|');
const rate = (workers: (typeof WORKERS)[number]) => {
  const { episodes, seconds } = busy.get(workers) ?? { episodes: 0, seconds: 1 };
  return (60 * episodes) / seconds;
};
for (const workers of WORKERS)
  console.log(`| ${workers} | ${rate(workers).toFixed(1)} | ${(rate(workers) / rate(1)).toFixed(2)} |`);

async function measure(workers: (typeof WORKERS)[number]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'saccade-bench-'));
  const ended: number[] = [];
  try {
    const spec = {
      robot: join(root, 'config/robots/sim_arm.yaml'),
      policy: join(root, 'models/pick_lift'),
      task: 'pick_lift',
      tasksDir: join(root, 'config/tasks'),
      provider: 'cpu',
      ...(values.record && { record: { dir, images: 'raw' as const } }),
    };
    const seeds = Array.from({ length: episodes }, (_, n) => 1 + n);
    await rollOut(spec, seeds, { workers, onEpisode: () => void ended.push(performance.now() / 1000) });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  // All are busy from the first end of each worker's, about, to where the last episode is begun.
  const window = ended.slice(workers - 1, episodes - workers + 1);
  const all = busy.get(workers);
  if (!all) throw new Error(`${workers} workers are not measured`);
  all.episodes += window.length - 1;
  all.seconds += (window.at(-1) as number) - (window[0] as number);
}
