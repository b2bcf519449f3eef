/** `saccade demos`: demonstrations by the scripted expert, for training (docs/demonstrations.md). */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import { loadContract } from '../contract/load.js';
import { UserError } from '../errors.js';
import { makeFolder } from '../folder.js';
import { type EpisodeEntry, episodeDir, writeIndex } from '../record/demonstrations.js';
import { workerUrl } from '../workers.js';
import type { DemoDone, DemosSetup } from './demosWorker.js';
import { positiveInteger, seed } from './options.js';
import { packageRoot } from './paths.js';
import { Progress } from './progress.js';
import { version } from './version.js';

interface DemosOptions {
  robot: string;
  task: string;
  episodes: number;
  seed: number;
  workers: number;
  out: string;
  disturb: boolean;
  json?: boolean;
}

export function demosCommand(): Command {
  return new Command('demos')
    .description(
      'Record demonstrations of the scripted expert: N successful episodes from consecutive seeds.',
    )
    .requiredOption('--episodes <n>', 'successful episodes to record', positiveInteger('--episodes'))
    .requiredOption('--out <dir>', 'new or empty folder')
    .option('--seed <n>', 'first seed; keep it away from evaluation seeds', seed('--seed'), 100000)
    .option('--robot <file>', 'robot contract', join(packageRoot, 'config/robots/sim_arm.yaml'))
    .option('--task <name>', 'task name or file', 'pick_lift')
    .option('--workers <n>', 'threads; the data does not depend on it', positiveInteger('--workers'), 2)
    .option('--no-disturb', 'no injected noise, knocks and slips: the expert as it is')
    .option('--json', 'print one JSON object')
    .action(record);
}

async function record(options: DemosOptions): Promise<void> {
  const contract = await loadContract(options.robot);
  await claim(options.out);
  const progress = new Progress({ total: options.episodes, unit: 'episodes' });
  const done: DemoDone[] = [];
  // Rounds, so that which seeds are tried never depends on how fast a worker was.
  for (let next = options.seed, missing = options.episodes; missing > 0; ) {
    const seeds = Array.from({ length: missing }, (_, i) => next + i);
    next += missing;
    const setup = { robot: options.robot, task: options.task, out: options.out, disturb: options.disturb };
    const round = await runRound(seeds, options.workers, setup, (demo) => demo.success && progress.advance());
    done.push(...round);
    missing = options.episodes - done.filter((demo) => demo.success).length;
    if (done.length >= 2 * options.episodes + 20) {
      throw new UserError(
        `the expert failed ${done.length - options.episodes + missing} of ${done.length} seeds: check ${options.robot} and task ${options.task}; ${options.out} is unfinished (no demos.json)`,
      );
    }
  }
  progress.end();
  done.sort((a, b) => a.seed - b.seed);
  const failed = done.filter((demo) => !demo.success).map((demo) => demo.seed);
  const episodes: EpisodeEntry[] = done
    .filter((demo) => demo.success)
    .map((demo, index) => ({ index, ...demo, dir: episodeDir(demo.seed) }));
  await writeIndex(options.out, {
    task: options.task,
    contract,
    seed: options.seed,
    generator: `saccade ${version}`,
    failed,
    episodes,
  });
  const rows = episodes.reduce((sum, episode) => sum + episode.steps, 0);
  const summary = { out: options.out, episodes: episodes.length, attempts: done.length, failed, rows };
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    process.stdout.write(
      `${episodes.length} demonstrations (${rows} rows) in ${options.out}; the expert succeeded in ${episodes.length} of ${done.length} attempts\n`,
    );
  }
}

/** Makes the folder; one that holds anything is refused, so no two recordings mix. */
async function claim(dir: string): Promise<void> {
  let entries: string[];
  try {
    await makeFolder(dir);
    entries = await readdir(dir);
  } catch (cause) {
    throw new UserError(`--out ${dir} cannot be written: ${(cause as Error).message}`);
  }
  if (entries.length > 0) throw new UserError(`--out ${dir} is not empty: name a new folder`);
}

/** Runs every seed once, spread over worker threads. */
async function runRound(
  seeds: readonly number[],
  workers: number,
  setup: Omit<DemosSetup, 'seeds'>,
  onDone: (demo: DemoDone) => void,
): Promise<DemoDone[]> {
  const done: DemoDone[] = [];
  const crew = Array.from({ length: Math.min(workers, seeds.length) }, (_, w) => {
    const workerData: DemosSetup = { ...setup, seeds: seeds.filter((_, i) => i % workers === w) };
    return new Worker(workerUrl('./demosWorker.js', import.meta.url), { workerData });
  });
  try {
    await Promise.all(
      crew.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            worker.on('message', (demo: DemoDone) => {
              done.push(demo);
              onDone(demo);
            });
            // A UserError loses its class on the way here; its sentence is what matters.
            worker.once('error', (error) => reject(new UserError(error.message, 2, { cause: error })));
            worker.once('exit', () => resolve());
          }),
      ),
    );
  } finally {
    await Promise.all(crew.map((worker) => worker.terminate()));
  }
  return done;
}
