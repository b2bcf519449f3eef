/** `saccade demos`: demonstrations by the scripted expert, a bag each, for `saccade dataset export`. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import { loadContract } from '../contract/load.js';
import { UserError } from '../errors.js';
import { makeFolder } from '../folder.js';
import { IMAGE_FORMATS, type ImageFormat } from '../record/episode.js';
import { SimRobot } from '../robots/sim/simRobot.js';
import { loadTask } from '../robots/sim/task.js';
import { version } from '../version.js';
import { workerUrl } from '../workers.js';
import type { DemoDone, DemosSetup } from './demosWorker.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { log } from './log.js';
import { choice, positiveInteger, seed } from './options.js';
import { tasksDir } from './paths.js';
import { Progress } from './progress.js';

interface DemosOptions {
  robot?: string;
  task: string;
  episodes: number;
  seed: number;
  workers: number;
  out: string;
  disturb: boolean;
  images: ImageFormat;
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
    .option('--robot <file>', "robot contract (default: the task's)")
    .option('--task <name>', 'task name or file', 'pick_lift')
    .option('--workers <n>', 'threads; the data does not depend on it', positiveInteger('--workers'), 2)
    .option(
      '--images <format>',
      'images in the bags: raw (exact) or jpeg',
      choice('--images', IMAGE_FORMATS),
      'raw',
    )
    .option('--no-disturb', 'no injected noise, knocks and slips: the expert as it is')
    .option('--json', 'print one JSON object')
    .action(record);
}

async function record(options: DemosOptions): Promise<void> {
  const { task, out, disturb, images } = options;
  const bags = join(out, 'bags');
  const spec = await loadTask(task, tasksDir);
  const robot = options.robot ?? spec.robot;
  const contract = await loadContract(robot);
  // Opened once here, so that bad input is refused before anything is written.
  const probe = await SimRobot.create(contract, spec);
  await probe.close();
  await claim(out);
  const unfinished = `${out} is unfinished (it has no demos.json): remove it`;
  const done = await interruptible(
    (signal) => attemptAll(options, { robot, task, bags, images, disturb }, signal),
    () => log.warn(unfinished),
  ).catch((error) => {
    log.warn(unfinished);
    throw error;
  });
  const failed = done.filter((demo) => !demo.success).map((demo) => demo.seed);
  const episodes = done.filter((demo) => demo.success);
  if (episodes.length < options.episodes) {
    log.warn(unfinished);
    process.exitCode = INTERRUPTED;
    return;
  }
  const rows = episodes.reduce((sum, episode) => sum + episode.steps, 0);
  const summary = {
    task,
    robot: contract.name,
    seed: options.seed,
    disturb,
    episodes: episodes.length,
    failed,
    rows,
  };
  // Written last: a folder without it is an unfinished recording.
  await writeFile(join(out, 'demos.json'), `${JSON.stringify({ saccade: version, ...summary }, null, 2)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify({ out, ...summary })}\n`);
  else {
    process.stdout.write(
      `${episodes.length} demonstrations (${rows} rows) in ${bags}; the expert succeeded in ${episodes.length} of ${done.length} attempts\n`,
    );
  }
}

/** Attempts consecutive seeds until enough succeeded or `signal` aborts; by ascending seed. */
async function attemptAll(
  { episodes, seed: first, workers }: DemosOptions,
  setup: Omit<DemosSetup, 'seeds'>,
  signal: AbortSignal,
): Promise<DemoDone[]> {
  const progress = new Progress({ total: episodes, unit: 'episodes' });
  const done: DemoDone[] = [];
  // Rounds, so that which seeds are tried never depends on how fast a worker was.
  for (let missing = episodes; missing > 0 && !signal.aborted; ) {
    const seeds = Array.from({ length: missing }, (_, i) => first + done.length + i);
    const round = await runRound(seeds, workers, setup, signal, (demo) => demo.success && progress.advance());
    done.push(...round);
    missing = episodes - done.filter((demo) => demo.success).length;
    if (done.length >= 2 * episodes + 20) {
      throw new UserError(
        `the expert failed ${done.length - episodes + missing} of ${done.length} seeds: check ${setup.robot} and task ${setup.task}`,
      );
    }
  }
  progress.end();
  return done.sort((a, b) => a.seed - b.seed);
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
  signal: AbortSignal,
  onDone: (demo: DemoDone) => void,
): Promise<DemoDone[]> {
  const done: DemoDone[] = [];
  const crew = Array.from({ length: Math.min(workers, seeds.length) }, (_, w) => {
    const workerData: DemosSetup = { ...setup, seeds: seeds.filter((_, i) => i % workers === w) };
    return new Worker(workerUrl('./demosWorker.js', import.meta.url), { workerData });
  });
  const terminate = () => Promise.all(crew.map((worker) => worker.terminate()));
  signal.addEventListener('abort', terminate, { once: true });
  const finished = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      worker.on('message', (demo: DemoDone) => {
        done.push(demo);
        onDone(demo);
      });
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
  try {
    await Promise.all(crew.map(finished));
  } finally {
    signal.removeEventListener('abort', terminate);
    await terminate();
  }
  return done;
}
