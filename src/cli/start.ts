/** `saccade start`, which is `npm start`: the shipped policy on the embedded simulator, as a first look. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { writeHtml } from '../report/report.js';
import { episodeTable, summaryTable } from '../report/summary.js';
import { pairs } from '../report/table.js';
import { positiveInteger, seed } from './options.js';
import { packageRoot, tasksDir } from './paths.js';
import { readRuns } from './report.js';
import { defaultWorkers } from './rollout.js';
import { runRollout } from './rolloutRun.js';

interface StartOptions {
  episodes: number;
  seed: number;
  workers: number;
  out?: string;
}

const TASK = 'pick_lift';

export function startCommand(): Command {
  return new Command('start')
    .description('Watch the shipped policy pick up a cube on the embedded simulator, and get the numbers.')
    .option('--episodes <n>', 'episodes, one a seed', positiveInteger('--episodes'), 10)
    .option('--seed <n>', 'first seed', seed('--seed'), 1)
    .option('--workers <n>', 'threads', positiveInteger('--workers'), defaultWorkers)
    .option('--out <dir>', 'folder for the results (default: a new one under out/)')
    .action(start);
}

async function start(options: StartOptions): Promise<void> {
  const out = options.out ?? freshFolder('out');
  const { summary } = await runRollout({
    spec: {
      robot: join(packageRoot, 'config/robots/sim_arm.yaml'),
      policy: join(packageRoot, 'models', TASK),
      task: TASK,
      tasksDir,
    },
    seed: options.seed,
    episodes: options.episodes,
    workers: options.workers,
    out,
    record: 'raw',
    film: true,
  });
  const report = join(out, 'report.html');
  await writeHtml(report, await readRuns([out], false));
  const named = [
    ['report.html', 'everything on one page: open it in a browser'],
    ['episode.webp', `episode of seed ${options.seed}, animated`],
    ['results.jsonl', 'one episode a line'],
    ['summary.json', 'the numbers above'],
    ['bags', 'every episode as a rosbag2 folder (MCAP)'],
  ].map(([name = '', what = '']) => [relative('.', join(out, name)), what] as const);
  process.stdout.write(
    `${episodeTable(summary.results)}\n\n${summaryTable(summary)}\n\nWritten:\n${pairs(named).replace(/^/gm, '  ')}\n`,
  );
}

/** `root/run-1`, `root/run-2`, …: the first that does not exist yet. */
function freshFolder(root: string): string {
  for (let i = 1; ; i++) {
    const folder = join(root, `run-${i}`);
    if (!existsSync(folder)) return folder;
  }
}
