/** `saccade start`, which is `npm start`: the shipped policy on the embedded simulator, as a first look. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { episodeTable, summaryTable } from '../report/summary.js';
import { positiveInteger, seed } from './options.js';
import { packageRoot, tasksDir } from './paths.js';
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
  const { summary, files } = await runRollout({
    spec: {
      robot: join(packageRoot, 'config/robots/sim_arm.yaml'),
      policy: join(packageRoot, 'models', TASK),
      task: TASK,
      tasksDir,
      provider: 'auto',
    },
    seed: options.seed,
    episodes: options.episodes,
    workers: options.workers,
    out: options.out ?? freshFolder('out'),
    film: true,
  });
  const described: Readonly<Record<string, string>> = {
    'results.jsonl': 'one episode a line',
    'summary.json': 'the numbers above',
    'episode.webp': `episode of seed ${options.seed}, animated: open it in a browser`,
  };
  const named = files.map((file) => {
    const path = relative('.', file);
    return `  ${path}  ${described[path.slice(path.lastIndexOf('/') + 1)] ?? ''}`;
  });
  process.stdout.write(
    `${episodeTable(summary.results)}\n\n${summaryTable(summary)}\n\nWritten:\n${named.join('\n')}\n`,
  );
}

/** `root/run-1`, `root/run-2`, …: the first that does not exist yet. */
function freshFolder(root: string): string {
  for (let i = 1; ; i++) {
    const folder = join(root, `run-${i}`);
    if (!existsSync(folder)) return folder;
  }
}
