/**
 * Whether ROS 2 costs success: the same episodes in process, where time stands still while the policy thinks, and
 * over ROS 2 against the simulator as a peer, in real time.
 *
 *     npm run bench:ros-success [-- --episodes N] [--seed N] [--rtf X]
 *
 * `--rtf` is the simulation's real-time factor: below 1 on a machine that is too slow for 1.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import type { EpisodeResult } from '../../src/episode/episode.js';
import { mean, sampleStd, wilson95 } from '../../src/episode/statistics.js';
import { ros } from '../../test/ros/sourced.js';
import { buildWorkspace } from '../../test/ros/workspace.js';
import { executables, Program } from './programs.js';

const ROOT = join(import.meta.dirname, '../..');
const ROBOT = join(ROOT, 'config/robots/sim_arm.yaml');
const POLICY = join(ROOT, 'models/pick_lift');
const TASK = 'pick_lift';

const { values } = parseArgs({
  options: {
    episodes: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    rtf: { type: 'string', default: '1' },
  },
});
const [episodes, seed, rtf] = [values.episodes, values.seed, values.rtf].map(Number) as [
  number,
  number,
  number,
];
if (!Number.isInteger(episodes) || episodes < 1) refuse('--episodes is a whole number, 1 or more');
if (!Number.isInteger(seed) || seed < 0) refuse('--seed is a whole number, 0 or more');
if (!(rtf > 0)) refuse('--rtf is a number above 0');
if ('missing' in ros) refuse(ros.missing);

/** What both tell of an episode. */
interface Outcome {
  readonly seed: number;
  readonly success: boolean;
  readonly return: number;
  readonly durationS: number;
  readonly stop: string;
  readonly reason: string;
  readonly missedTicks: number;
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
const env = await buildWorkspace();
console.log(`${episodes} episodes in process …`);
const { outcomes: inProcess, timeLimitS } = await rollOut();
console.log(`${episodes} episodes over ROS 2 …`);
const overRos = await runOverRos(timeLimitS);
report();
process.exit();

/** `saccade rollout`. */
async function rollOut(): Promise<{ readonly outcomes: Outcome[]; readonly timeLimitS: number }> {
  const dir = mkdtempSync(join(tmpdir(), 'saccade-bench-ros-'));
  try {
    const what = [
      '--robot',
      ROBOT,
      '--policy',
      POLICY,
      '--task',
      TASK,
      '--no-record',
      '--out',
      dir,
      '--json',
    ];
    const range = ['--episodes', String(episodes), '--seed', String(seed)];
    const main = join(executables(env), '../../share/saccade/dist/cli/main.js');
    const program = new Program(
      'saccade rollout',
      process.execPath,
      [main, 'rollout', ...what, ...range],
      env,
    );
    const printed = await program.ends();
    const summary = JSON.parse(printed.slice(printed.indexOf('{"')));
    const outcomes = summary.results.map((result: EpisodeResult) => ({
      seed: result.seed,
      success: result.success,
      return: result.return,
      durationS: result.duration_s,
      stop: result.stop,
      reason: result.reason ?? '',
      missedTicks: result.wall.missed_ticks,
    }));
    return { outcomes, timeLimitS: summary.run.time_limit_s };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The node and the simulator as it is launched by demo.launch.py, and one goal. */
async function runOverRos(timeLimitS: number): Promise<Outcome[]> {
  const bin = executables(env);
  const robot = ['--robot', ROBOT, '--task', TASK, '--rtf', String(rtf)];
  const simulator = new Program('sim_robot', join(bin, 'sim_robot'), robot, env);
  const parameters = { contract: ROBOT, policy: POLICY, use_sim_time: true, autostart: true };
  const given = Object.entries(parameters).flatMap(([name, value]) => ['-p', `${name}:=${value}`]);
  const node = new Program('policy_node', join(bin, 'policy_node'), ['--ros-args', ...given], env);
  await node.prints('Active');
  const goal = `{count: ${episodes}, seed: ${seed}, task: ${TASK}, time_limit: ${timeLimitS}}`;
  const action = ['action', 'send_goal', '/saccade/run_episodes', 'saccade/action/RunEpisodes', goal];
  const client = new Program('ros2 action', 'ros2', action, env);
  const [printed] = await Promise.all([client.ends(), progress(node)]);
  await node.end('SIGINT');
  await simulator.end('SIGINT');
  const [, result = ''] =
    /Result:\n\s*([\s\S]*?)\n\s*Goal finished/.exec(printed) ?? refuse(`no result:\n${printed}`);
  const { message, episodes: done } = parse(result);
  console.log(message);
  return done.map((episode: Record<string, number & string & boolean>) => ({
    seed: episode.seed,
    success: episode.success,
    return: episode.episode_return,
    durationS: episode.duration,
    stop: episode.stop,
    reason: episode.reason,
    missedTicks: episode.missed_ticks,
  }));
}

/** Shows how far the run is, until it is over. */
async function progress(node: Program): Promise<void> {
  for (let n = 1; n <= episodes; n++) {
    const said = await node.prints(' steps.\n');
    process.stderr.write(`${n} of ${episodes}: ${said.slice(said.lastIndexOf('Seed')).trim()}\n`);
  }
}

function report(): void {
  const runs = [inProcess, overRos];
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rows: readonly (readonly [string, (run: readonly Outcome[]) => string])[] = [
    ['success', (run) => `${successes(run)} of ${run.length}, ${percent(successes(run) / run.length)}`],
    ["Wilson's 95 %", (run) => wilson95(successes(run), run.length).map(percent).join(' – ')],
    [
      'average return',
      (run) =>
        spread(
          run.map((outcome) => outcome.return),
          1,
        ),
    ],
    [
      'duration, s',
      (run) =>
        spread(
          run.map(({ durationS }) => durationS),
          2,
        ),
    ],
    ['missed ticks', (run) => String(run.reduce((sum, { missedTicks }) => sum + missedTicks, 0))],
  ];
  console.log('\n| | in process | over ROS 2 |\n|:--|:--|:--|');
  for (const [name, of] of rows) console.log(`| ${name} | ${runs.map(of).join(' | ')} |`);

  const pairs = inProcess.flatMap((here) => {
    const there = overRos.find((outcome) => outcome.seed === here.seed);
    return there ? [{ here, there }] : [];
  });
  const count = (here: boolean, there: boolean) =>
    pairs.filter((pair) => pair.here.success === here && pair.there.success === there).length;
  const [gained, lost] = [count(false, true), count(true, false)];
  // Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in Medicine
  // 24 (2005): half a pair more in each cell, so that it says something even where no pair differs.
  const [g, l, n] = [gained + 0.5, lost + 0.5, pairs.length + 2];
  const difference = (g - l) / n;
  const error = Math.sqrt(g + l - (g - l) ** 2 / n) / n;
  const points = (share: number) => `${(100 * share).toFixed(1)}`;
  console.log(
    `\nBy seed: both succeed ${count(true, true)}, only in process ${lost}, only over ROS 2 ${gained}, neither ${count(false, false)}.`,
  );
  console.log(
    `Over ROS 2 success is ${points(difference)} points higher (95 % ${points(difference - 1.96 * error)} … ${points(difference + 1.96 * error)}); ` +
      `returns differ by ${spread(
        pairs.map(({ here, there }) => there.return - here.return),
        1,
      )}, durations by ${spread(
        pairs.map(({ here, there }) => there.durationS - here.durationS),
        2,
      )} s.`,
  );
  for (const { seed, stop, reason } of overRos)
    if (stop !== 'success' && stop !== 'timeout') console.log(`Seed ${seed} over ROS 2: ${stop}, ${reason}`);
  const [low, high] = wilson95(successes(inProcess), inProcess.length);
  const rate = successes(overRos) / overRos.length;
  const within = rate >= low && rate <= high && pairs.length === episodes;
  console.log(
    `Success over ROS 2 ${within ? 'is' : 'is NOT'} within the interval of the ${inProcess.length} episodes in process.`,
  );
}

function successes(run: readonly Outcome[]): number {
  return run.filter(({ success }) => success).length;
}

function spread(numbers: readonly number[], digits: number): string {
  return `${mean(numbers)?.toFixed(digits)} ± ${sampleStd(numbers)?.toFixed(digits) ?? '–'}`;
}

function refuse(why: string): never {
  console.error(`error: ${why}`);
  process.exit(2);
}
