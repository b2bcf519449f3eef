/**
 * Saccade's strategies and the common practice under injected latency: does the arm still succeed, and how
 * smoothly does it move?
 *
 *     npm run bench:latency [-- --episodes 100 --seed 1 --workers 2 --only TEXT --when TEXT --contestants JSON --out FILE]
 *
 * On the simulator in lockstep, so that a run is a function of its seeds: an inference started at some instant
 * has its chunk delivered so much robot time later, and no other starts before. `--only` and `--when` pick
 * contestants and conditions by what the tables call them; more than one are separated by |.
 */
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { mean, wilson95 } from '../src/episode/statistics.js';
import {
  BASELINES,
  CONDITIONS,
  type Condition,
  type Contestant,
  describe,
  STRATEGIES,
} from './latency/cells.js';
import type { Outcome, Places } from './latency/episode.js';
import { pool } from './latency/motion.js';
import type { Job, Report } from './latency/worker.js';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    episodes: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    only: { type: 'string' },
    when: { type: 'string' },
    /** Other strategies than the usual, as JSON: [{"label": …, "spec": {…}}, …]. */
    contestants: { type: 'string' },
    out: { type: 'string', default: join(root, 'out/latency.json') },
  },
});
const episodes = Number(values.episodes);
const places: Places = {
  robot: join(root, 'config/robots/sim_arm.yaml'),
  policy: join(root, 'models/pick_lift'),
  task: 'pick_lift',
  tasksDir: join(root, 'config/tasks'),
};

const chosen = (text: string, wanted: string | undefined) => wanted?.split('|').includes(text) ?? true;
const everybody: readonly Contestant[] = values.contestants
  ? JSON.parse(values.contestants)
  : [...BASELINES, ...STRATEGIES];
const cells = CONDITIONS.filter((condition) => chosen(describe(condition), values.when)).flatMap(
  (condition) =>
    everybody
      .filter(({ label }) => chosen(label, values.only))
      .map((contestant) => ({ condition, contestant, outcomes: [] as Outcome[] })),
);
type Cell = (typeof cells)[number];

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
console.log(`pick_lift, seeds ${values.seed} to ${Number(values.seed) + episodes - 1}\n`);
const jobs = cells.flatMap((cell) =>
  Array.from({ length: episodes }, (_, i) => ({ cell, seed: Number(values.seed) + i })),
);
let next = 0;
let done = 0;
const shown = new Set<Condition>();
await Promise.all(Array.from({ length: Math.min(Number(values.workers), jobs.length) }, work));
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(values.out, `${JSON.stringify(cells.map(summary), undefined, 2)}\n`);
console.log(`\nWritten: ${values.out}`);

/** One worker process, fed until no job is left. */
function work(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(
      join(root, 'node_modules/vite-node/vite-node.mjs'),
      ['--root', root, join(root, 'bench/latency/worker.ts'), '--', JSON.stringify(places)],
      { cwd: root },
    );
    let cell: Cell | undefined;
    child.on('message', (message: Report) => {
      if (message.kind === 'done' && cell) {
        cell.outcomes.push(message.outcome);
        if (process.stderr.isTTY) process.stderr.write(`\r${++done} of ${jobs.length} episodes `);
        showFinished();
      }
      const job = jobs[next++];
      cell = job?.cell;
      if (!job) child.send('end');
      else {
        const { condition, contestant } = job.cell;
        child.send({ condition, contestant, seed: job.seed } satisfies Job);
      }
    });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
  });
}

/** Prints the table of every condition that has just been finished. */
function showFinished(): void {
  for (const { condition } of cells) {
    const ofIt = cells.filter((cell) => cell.condition === condition);
    if (shown.has(condition) || ofIt.some(({ outcomes }) => outcomes.length < episodes)) continue;
    shown.add(condition);
    console.log(`\nlatency ${describe(condition)}\n`);
    console.log(
      '| | success | 95 % | s | held s | RMS jerk wanted / sent / measured | max jerk sent | jump wanted / sent | kink wanted / sent | spent |',
    );
    console.log('|:--|--:|:--|--:|--:|--:|--:|--:|--:|--:|');
    for (const cell of ofIt) console.log(row(summary(cell)));
  }
}

function summary({ condition, contestant, outcomes }: Cell) {
  const sorted = outcomes.toSorted((a, b) => a.seed - b.seed);
  const successes = sorted.filter(({ success }) => success).length;
  const average = (value: (outcome: Outcome) => number) => mean(sorted.map(value)) ?? 0;
  const most = (value: (outcome: Outcome) => number) => Math.max(...sorted.map(value));
  const jerk = (of: keyof Outcome['jerk']) => pool(sorted.map((outcome) => outcome.jerk[of]));
  return {
    condition,
    contestant,
    episodes: sorted.length,
    success_rate: successes / sorted.length,
    success_ci95: wilson95(successes, sorted.length),
    failed_seeds: sorted.filter(({ success }) => !success).map(({ seed }) => seed),
    average_return: average((outcome) => outcome.return),
    duration_s: average((outcome) => outcome.durationS),
    held_s: average((outcome) => outcome.heldS),
    inferences: average((outcome) => outcome.inferences),
    spent_chunks: average((outcome) => outcome.spentChunks),
    jerk_rad_s3: { wanted: jerk('wanted'), sent: jerk('sent'), measured: jerk('measured') },
    jump_of_limit: { wanted: most(({ jump }) => jump.wanted), sent: most(({ jump }) => jump.sent) },
    greatest_step_of_limit: most((outcome) => outcome.greatestStep),
    kink_of_limit: { wanted: most(({ kink }) => kink.wanted), sent: most(({ kink }) => kink.sent) },
  };
}

function row(s: ReturnType<typeof summary>): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  const { wanted, sent, measured } = s.jerk_rad_s3;
  return `| ${[
    s.contestant.label,
    percent(s.success_rate),
    s.success_ci95.map(percent).join(' – '),
    s.duration_s.toFixed(1),
    s.held_s.toFixed(2),
    [wanted, sent, measured].map(({ rms }) => rms.toFixed(0)).join(' / '),
    sent.max.toFixed(0),
    [s.jump_of_limit.wanted, s.jump_of_limit.sent].map((share) => share.toFixed(2)).join(' / '),
    [s.kink_of_limit.wanted, s.kink_of_limit.sent].map((share) => share.toFixed(2)).join(' / '),
    s.spent_chunks.toFixed(1),
  ].join(' | ')} |`;
}
