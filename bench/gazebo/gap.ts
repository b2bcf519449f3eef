/**
 * The gap between two simulators: the same policy on the same seeds in MuJoCo, in process, and in Gazebo, through the
 * launch file; what each camera shows of the same scene in both; where the same commands bring the joints in both.
 *
 *     npm run bench:gazebo [-- --episodes N] [--seed N] [--policy DIR] [--modes lockstep,real] [--json]
 *     npm run bench:gazebo -- --runs DIR,DIR     what was run before, each the folder that a mode's run left
 *
 * Success: Wilson's interval; pairs by seed. Images: the first that each camera sends in an episode, of a scene that the
 * seed decides, beside the embedded renderer's of the same joints; light and mounting at the mean of what the task
 * randomises, as Gazebo has them. Joints: the commands of each episode given again to the embedded arm.
 * Results and `cameras.png` stay in out/gazebo-gap.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { EpisodeResult } from '../../src/episode/episode.js';
import { mean, sampleStd, wilson95 } from '../../src/episode/statistics.js';
import { table } from '../../src/report/table.js';
import { gazebo } from '../../test/gazebo/sourced.js';
import { buildWorkspace } from '../../test/ros/workspace.js';
import { Program } from '../ros/programs.js';
import { type ImageGap, imageGap } from './images.js';
import { type JointGap, jointGap } from './joints.js';
import { sideBySide } from './picture.js';

const ROOT = join(import.meta.dirname, '../..');
const EMBEDDED = join(ROOT, 'config/robots/sim_arm.yaml');
const TASK = 'pick_lift';
const MODES = ['lockstep', 'real'] as const;
type Mode = (typeof MODES)[number];

const { values } = parseArgs({
  options: {
    episodes: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    policy: { type: 'string', default: join(ROOT, 'models/pick_lift') },
    modes: { type: 'string', default: 'lockstep' },
    runs: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [episodes, seed] = [Number(values.episodes), Number(values.seed)];
const policy = resolve(values.policy);
const modes = values.modes.split(',').map((mode) => {
  if (!(MODES as readonly string[]).includes(mode))
    refuse(`--modes are ${MODES.join(' and ')}, not '${mode}'`);
  return mode as Mode;
});
if (!Number.isInteger(episodes) || episodes < 1) refuse('--episodes is a whole number, 1 or more');
if (!Number.isInteger(seed) || seed < 0) refuse('--seed is a whole number, 0 or more');

interface Run {
  readonly name: string;
  readonly results: readonly EpisodeResult[];
}

const out = join(ROOT, 'out/gazebo-gap');
mkdirSync(out, { recursive: true });
const say = (line: string) => void process.stderr.write(`${line}\n`);
say(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
say(`${episodes} episodes in process …`);
const embedded = await inProcess();
const folders = values.runs?.split(',').map((folder) => resolve(folder)) ?? (await inGazebo());
const inGz: Run[] = folders.map((folder) => ({ name: nameOf(folder), results: resultsIn(folder) }));
const bags = inGz.flatMap(({ results }, i) =>
  results.flatMap(({ bag }) => (bag ? [join(folders[i], bag)] : [])),
);
say(`${bags.length} recordings compared …`);
const images = await imageGap(bags, TASK);
const joints = await jointGap(bags, TASK);
const picture = join(out, 'cameras.png');
writeFileSync(picture, await sideBySide(images.examples));
report();
process.exit();

/** `saccade rollout`. */
async function inProcess(): Promise<Run> {
  const folder = join(out, 'mujoco');
  rmSync(folder, { recursive: true, force: true });
  const main = join(ROOT, 'dist/cli/main.js');
  const what = ['--robot', EMBEDDED, '--policy', policy, '--task', TASK, '--no-record', '--out', folder];
  const range = ['--episodes', String(episodes), '--seed', String(seed)];
  await new Program(
    'saccade rollout',
    process.execPath,
    [main, 'rollout', ...what, ...range],
    process.env,
  ).ends();
  return { name: 'MuJoCo, in process', results: resultsIn(folder) };
}

/** `ros2 launch saccade gazebo.launch.py`, once a mode. @returns the folders of the runs */
async function inGazebo(): Promise<string[]> {
  if ('missing' in gazebo) return refuse(gazebo.missing);
  const env = await buildWorkspace(gazebo.env);
  const folders: string[] = [];
  for (const mode of modes) {
    say(`${episodes} episodes in Gazebo, ${describe(mode)} …`);
    const parent = join(out, mode);
    rmSync(parent, { recursive: true, force: true });
    const given = {
      policy,
      task: TASK,
      episodes,
      seed,
      record_dir: parent,
      images: 'raw',
      lockstep: mode === 'lockstep',
      rtf: mode === 'lockstep' ? 2 : 1,
    };
    const options = Object.entries(given).map(([name, value]) => `${name}:=${value}`);
    const launch = new Program(
      'ros2 launch',
      'ros2',
      ['launch', 'saccade', 'gazebo.launch.py', ...options],
      env,
    );
    for (let n = 1; n <= episodes; n++) {
      const said = await launch.prints(' steps.\n');
      say(`${n} of ${episodes}: ${said.slice(said.lastIndexOf('Seed')).trim()}`);
    }
    await launch.ends();
    const [run] = readdirSync(parent);
    folders.push(join(parent, run ?? refuse(`nothing was recorded in ${parent}`)));
  }
  return folders;
}

function nameOf(folder: string): string {
  const mode = MODES.find((mode) => folder.startsWith(join(out, mode)));
  return `Gazebo, ${mode ? describe(mode) : folder}`;
}

function describe(mode: Mode): string {
  return mode === 'lockstep' ? 'in lockstep' : 'in real time';
}

function resultsIn(folder: string): EpisodeResult[] {
  return readFileSync(join(folder, 'results.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function report(): void {
  const rows = [embedded, ...inGz].map(figures);
  if (values.json) {
    console.log(JSON.stringify({ runs: rows, images: images.cameras, joints, picture }));
    return;
  }
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const spread = ([average, deviation]: readonly [number, number], digits: number) =>
    `${average.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
  console.log(
    table(
      ['run', 'success', '95 % (Wilson)', 'return', 'duration s', 'real-time factor'].map((title) => ({
        title,
      })),
      rows.map((row) => [
        row.run,
        `${row.successes} of ${row.episodes}`,
        row.interval.map(percent).join(' – '),
        spread(row.return, 1),
        spread(row.durationS, 2),
        row.realTimeFactor.toFixed(2),
      ]),
    ),
  );
  console.log(
    `\n${table(
      ['camera', 'red', 'green', 'blue', 'images a simulated second'].map((title) => ({ title })),
      images.cameras.map((gap: ImageGap) => [
        gap.camera,
        ...gap.difference.map((value) => value.toFixed(1)),
        gap.rateHz.toFixed(2),
      ]),
    )}\nMean absolute difference of ${images.images} images a camera, of 255; side by side in ${picture}.`,
  );
  console.log(
    `\n${table(
      ['joint', 'RMS', 'most'].map((title) => ({ title })),
      joints.map((gap: JointGap) => [gap.joint, gap.rms.toFixed(4), gap.max.toFixed(4)]),
    )}\nWhere the same commands bring a joint, Gazebo against MuJoCo: rad, m for the gripper.`,
  );
  for (const { results, name } of inGz)
    for (const { seed, stop, reason } of results)
      if (stop !== 'success' && stop !== 'timeout') console.log(`${name}, seed ${seed}: ${stop}, ${reason}`);
}

function figures({ name, results }: Run) {
  const successes = results.filter(({ success }) => success).length;
  const over = (of: (result: EpisodeResult) => number): [number, number] => {
    const numbers = results.map(of);
    return [mean(numbers) ?? Number.NaN, sampleStd(numbers) ?? 0];
  };
  const sum = (of: (result: EpisodeResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  return {
    run: name,
    episodes: results.length,
    successes,
    interval: wilson95(successes, results.length),
    return: over((result) => result.return),
    durationS: over((result) => result.duration_s),
    realTimeFactor: sum((result) => result.duration_s) / sum((result) => result.wall.seconds),
  };
}

function refuse(why: string): never {
  console.error(`error: ${why}`);
  process.exit(2);
}
