/**
 * How long a robot waits for the policy over real ROS 2, and what is lost on the way: three 640×480 cameras at 30 Hz,
 * joints at 100 Hz, the shipped policy, an episode without end; and the same for an equivalent rclpy + numpy node.
 *
 *     npm run bench:ros [-- --minutes N] [--rival-minutes N] [--slices N] [--command-rate HZ] [--keep DIR]
 *
 * `--minutes` is the time that each node is measured for, unless the rival has its own. The two run alternately, in as many slices each, from one
 * robot process. How long a chunk waits for the next command depends on how the grid of commands happens to lie to that of
 * the cameras, so several slices tell more than one long one.
 *
 * Times are taken from outside (robot.ts, meter.py); only how long `session.run` took, and where the rest of the time
 * went, is traced inside (trace.mjs). How a command tells what it rests on: setup.ts.
 *
 * Where other programs keep the machine busy, `chrt -r 1 npm run bench:ros` (as root) measures the nodes and not those:
 * everything that the bench starts is then scheduled in real time, both nodes alike.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ros } from '../../test/ros/sourced.js';
import { buildWorkspace } from '../../test/ros/workspace.js';
import { executables, Program } from './programs.js';
import { type Cost, printReport } from './report.js';
import { CAMERA_HZ, COMMAND_TOPIC, writeSetup } from './setup.js';
import { analyse, readCommands, readImages, readTrace } from './slice.js';

const ROOT = join(import.meta.dirname, '../..');
const HERE = import.meta.dirname;
/** Compilers and caches warm up for so long (s) before a slice counts. */
const WARM_UP_S = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    'rival-minutes': { type: 'string' },
    slices: { type: 'string', default: '4' },
    'command-rate': { type: 'string', default: '480' },
    keep: { type: 'string' },
  },
});
const minutes: Readonly<Record<NodeName, number>> = {
  saccade: Number(values.minutes),
  rclpy: Number(values['rival-minutes'] ?? values.minutes),
};
const [slices, commandHz] = [Number(values.slices), Number(values['command-rate'])];
if (!Object.values(minutes).every((number) => number > 0))
  refuse('--minutes and --rival-minutes are numbers above 0');
if (!(slices >= 1) || !Number.isInteger(slices)) refuse('--slices is a whole number, 1 or more');
if (!(commandHz >= CAMERA_HZ) || commandHz % CAMERA_HZ !== 0)
  refuse(`--command-rate is a multiple of the policy's ${CAMERA_HZ} Hz`);
if (values.keep !== undefined && existsSync(values.keep)) refuse(`--keep ${values.keep} is there already`);
if ('missing' in ros) refuse(ros.missing);

console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, ${scheduling()}, load ${loadavg()[0]?.toFixed(1)}`,
);
const env = await buildWorkspace();
const dir = values.keep ?? mkdtempSync(join(tmpdir(), 'saccade-bench-ros-'));
if (values.keep !== undefined) mkdirSync(dir);
const { contract, policy, joints } = writeSetup(dir, join(ROOT, 'models/pick_lift'), commandHz);
const file = (name: string) => join(dir, name);

const robot = new Program(
  'the robot',
  process.execPath,
  [join(ROOT, 'node_modules/vite-node/vite-node.mjs'), join(HERE, 'robot.ts'), file('images.csv'), ...joints],
  env,
);
const meter = new Program(
  'the meter',
  'python3',
  [join(HERE, 'meter.py'), COMMAND_TOPIC, file('commands.bin')],
  env,
);

const NODES = { saccade: runSaccade, rclpy: runRclpy } as const;
type NodeName = keyof typeof NODES;
interface Run {
  readonly node: NodeName;
  readonly trace: string;
  readonly from: number;
  readonly to: number;
  readonly cost: Cost;
}
const runs: Run[] = [];
try {
  for (let slice = 1; slice <= slices; slice++)
    for (const node of Object.keys(NODES) as NodeName[]) {
      console.log(`slice ${slice} of ${slices}: ${node}, ${sliceS(node).toFixed(0)} s`);
      const trace = file(`${node}-${slice}.csv`);
      runs.push({ node, trace, ...(await NODES[node](trace)) });
    }
  await meter.end('stdin');
  await robot.end('stdin');
  const images = readImages(file('images.csv'));
  const { commands, translate } = readCommands(file('commands.bin'));
  const results = runs.map(({ node, trace, from, to, cost }) => ({
    node,
    cost,
    slice: analyse(images, commands, readTrace(trace, translate), from, to),
  }));
  printReport(results, { commandHz, publishMs: images.costsMs });
} finally {
  if (values.keep === undefined) rmSync(dir, { recursive: true, force: true });
}
process.exit();

/** `saccade node` as it is installed. */
async function runSaccade(trace: string) {
  const args = ['-p', `contract:=${contract}`, '-p', `policy:=${policy}`, '-p', 'autostart:=true'];
  const program = new Program(
    'saccade node',
    join(executables(env), 'policy_node'),
    ['--ros-args', ...args],
    {
      ...env,
      NODE_OPTIONS: `--import=${pathToFileURL(join(HERE, 'trace.mjs')).href}`,
      SACCADE_TRACE: trace,
    },
  );
  await program.prints('Active');
  const called = JSON.parse(await meter.ask('call /saccade/start'));
  if (!called.success) throw new Error(`the episode does not start: ${called.message}`);
  const measured = await measure('saccade', program);
  await meter.ask('call /saccade/stop');
  await program.end('SIGINT');
  return measured;
}

async function runRclpy(trace: string) {
  const program = new Program(
    'rclpy_node.py',
    'python3',
    [join(HERE, 'rclpy_node.py'), contract, policy, trace],
    env,
  );
  await program.prints('Active');
  const measured = await measure('rclpy', program);
  await program.end('SIGINT');
  return measured;
}

function sliceS(node: NodeName): number {
  return (60 * minutes[node]) / slices;
}

async function measure(node: NodeName, program: Program) {
  await sleep(1000 * WARM_UP_S);
  const from = Date.now();
  const programs = { node: program, robot, meter };
  const before = Object.entries(programs).map(([name, { cpuS }]) => ({ name, cpuS }));
  await sleep(1000 * sliceS(node));
  const to = Date.now();
  const cost: Cost = Object.fromEntries(
    before.map(({ name, cpuS }) => {
      const { cpuS: now, peakBytes } = programs[name as keyof typeof programs];
      return [name, { cores: (1000 * (now - cpuS)) / (to - from), peakBytes }];
    }),
  ) as unknown as Cost;
  return { from, to, cost };
}

function scheduling(): string {
  // proc(5): the 41st field; the name, in parentheses, may have spaces.
  const policy = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')[38];
  return policy === '0' ? 'ordinary scheduling' : 'real-time scheduling';
}

function refuse(why: string): never {
  console.error(`error: ${why}`);
  process.exit(2);
}
