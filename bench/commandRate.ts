/**
 * How evenly commands go out while the policy infers all the time: three 640×480 cameras at 30 Hz and joints at
 * 500 Hz in process, the shipped policy, commands at the rate of a fast controller.
 *
 *     npm run bench:commands [-- --minutes 10 --rate 250 --priority 20]
 *
 * `--priority` is the node's `realtime_priority`, 0 by default. Beside it runs a process that only waits, as often and at the
 * same priority: what it is late no program on this machine can help.
 *
 * The policy is given the highest rate up to 30 Hz that the commands are a whole multiple of. Between its own
 * inferences it is run on what it saw last: its thread is never idle.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createStrategy } from '../src/act/strategy.js';
import { loadContract } from '../src/contract/load.js';
import { percentile } from '../src/episode/statistics.js';
import { expectImages } from '../src/heap.js';
import type { PolicyBundle } from '../src/infer/bundle.js';
import { loadBundle } from '../src/infer/load.js';
import { type Inference, type InferOptions, Policy } from '../src/infer/policy.js';
import type { Inferrer } from '../src/latestInference.js';
import { runEpisode } from '../src/loop.js';
import type { Observation } from '../src/observe/observation.js';
import { scheduleRealtime } from '../src/realtime.js';
import { CameraRobot } from '../test/support/cameraRobot.js';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    rate: { type: 'string', default: '250' },
    priority: { type: 'string', default: '0' },
    policy: { type: 'string', default: join(root, 'models/pick_lift') },
  },
});
const minutes = Number(values.minutes);
const rate = Number(values.rate);
if (!(minutes > 0)) throw new Error('--minutes is a number above 0');
if (!(Number.isInteger(rate) && rate >= 20 && rate <= 500))
  throw new Error('--rate is a whole number from 20 to 500');
const priority = Number(values.priority);
if (!(Number.isInteger(priority) && priority >= 0 && priority <= 99))
  throw new Error('--priority is a whole number from 0 to 99');

const CAMERA_HZ = 30;
const JOINTS_HZ = 500;
/** In which code is compiled and memory found, s. */
const WARM_UP_S = 3;

/** A policy that is run again on what it saw last whenever it has nothing to do. */
class NeverIdle implements Inferrer {
  runs = 0;
  readonly bundle: PolicyBundle;
  #asked = 0;
  #pastime: Promise<void> = Promise.resolve();

  constructor(private readonly policy: Policy) {
    this.bundle = policy.bundle;
  }

  async infer(observation: Observation, options?: InferOptions): Promise<Inference> {
    const asked = ++this.#asked;
    await this.#pastime;
    const inference = await this.policy.infer(observation, options);
    this.runs++;
    this.#pastime = this.#passTime(observation, asked);
    return inference;
  }

  /** Lets the run under way end. */
  async stop(): Promise<void> {
    this.#asked++;
    await this.#pastime;
  }

  async #passTime(observation: Observation, asked: number): Promise<void> {
    while (asked === this.#asked) {
      await this.policy.infer(observation);
      this.runs++;
    }
  }
}

/** Wall times (ms) of the commands, as the robot got them; in memory that is there beforehand. */
class Log {
  readonly #at: Float64Array;
  length = 0;

  constructor(most: number) {
    this.#at = new Float64Array(most);
  }

  command(): void {
    this.#at[this.length++] = performance.now();
  }

  between(first: number, end: number): Float64Array {
    return this.#at.subarray(first, end);
  }
}

const policyHz = Math.max(...Array.from({ length: 30 }, (_, i) => i + 1).filter((hz) => rate % hz === 0));
const contract = {
  ...(await loadContract(join(root, 'config/robots/sim_arm.yaml'))),
  rateHz: policyHz,
  commandRateHz: rate,
};
const bundle = { ...(await loadBundle(values.policy)), rateHz: policyHz };
const robot = new CameraRobot({
  contract,
  width: 640,
  height: 480,
  cameraHz: CAMERA_HZ,
  jointsHz: JOINTS_HZ,
});
expectImages();
const policy = await Policy.load(bundle, { provider: 'cpu' });
if (priority > 0) await scheduleRealtime(priority);
const busy = new NeverIdle(policy);
// Beside the episode's there are those that brake the arm.
const log = new Log(rate * (WARM_UP_S + 60 * minutes + 60));
robot.command = () => log.command();
const bare = fork(
  join(root, 'node_modules/vite-node/vite-node.mjs'),
  ['--root', root, join(root, 'bench/bareTimer.ts'), String(rate), String(priority)],
  { cwd: root, execArgv: [] },
);
const delay = monitorEventLoopDelay({ resolution: 1 });
let began = {
  cpu: process.cpuUsage(),
  at: performance.now(),
  loop: performance.eventLoopUtilization(),
  runs: 0,
};
let skip = 0;
let end = 0;
const { result } = await runEpisode({
  robot,
  policy: busy,
  strategy: createStrategy(bundle.strategy, { length: bundle.action.chunk, width: bundle.joints.length }),
  seed: 1,
  timeLimitS: WARM_UP_S + 60 * minutes,
  tap: {
    onTick: ({ index }) => {
      end = log.length;
      if (index !== WARM_UP_S * policyHz) return;
      skip = log.length;
      began = {
        cpu: process.cpuUsage(),
        at: performance.now(),
        loop: performance.eventLoopUtilization(),
        runs: busy.runs,
      };
      delay.enable();
      bare.send('begin');
    },
  },
});
delay.disable();
const seconds = (performance.now() - began.at) / 1000;
const cpu = process.cpuUsage(began.cpu);
const utilization = performance.eventLoopUtilization(began.loop);
bare.send('end');
const [bareOff] = (await once(bare, 'message')) as [number[]];
bareOff.sort((a, b) => a - b);
await busy.stop();
await policy.close();
await robot.close();

// What brakes the arm in the end is no part of it.
const sent = log.between(skip, end);
const nominal = 1000 / rate;
const periods = Float64Array.from(sent.slice(1), (at, i) => at - (sent[i] as number));
const off = periods.map((period) => Math.abs(period - nominal)).sort();
periods.sort();
const ms = (value: number) => value.toFixed(3);
const at = (sorted: Float64Array, q: number) => ms(percentile(sorted, q));
console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
console.log(
  `three 640×480 cameras at ${CAMERA_HZ} Hz, joints at ${JOINTS_HZ} Hz, policy ${bundle.name} at ${policyHz} Hz, ${((busy.runs - began.runs) / seconds).toFixed(0)} runs a second; commands at ${rate} Hz for ${seconds.toFixed(0)} s, real-time priority ${priority}\n`,
);
const row = (name: string, text: string) => console.log(`  ${name.padEnd(16)}${text}`);
row(
  'period',
  `p50 ${at(periods, 0.5)}   p99 ${at(periods, 0.99)}   p99.9 ${at(periods, 0.999)}   max ${at(periods, 1)} ms`,
);
row(
  'off nominal',
  `p50 ${at(off, 0.5)}   p99 ${at(off, 0.99)}   p99.9 ${at(off, 0.999)}   max ${at(off, 1)} ms`,
);
const bareAt = (q: number) => ms(percentile(Float64Array.from(bareOff), q));
row(
  'a bare timer',
  `p50 ${bareAt(0.5)}   p99 ${bareAt(0.99)}   p99.9 ${bareAt(0.999)}   max ${bareAt(1)} ms off nominal, beside it`,
);
const { missed_commands, missed_ticks, reaction_ms, run_ms, overhead_ms } = result.wall;
row('commands', `${sent.length} sent, ${missed_commands} missed (${missed_ticks} ticks)`);
row(
  'held',
  `${result.safety.hold_stale} ticks stale, ${result.safety.hold_no_action} without an action, of ${result.steps}`,
);
// The histogram holds the whole interval between two timer turns; the lag is what exceeds the 1 ms asked for.
const lag = (p: number) => ms(Math.max(0, delay.percentile(p) / 1e6 - 1));
row('event loop lag', `p50 ${lag(50)}   p99 ${lag(99)}   p99.9 ${lag(99.9)}   max ${lag(100)} ms`);
if (reaction_ms)
  row(
    'reaction',
    `p50 ${ms(reaction_ms.p50)}   p99 ${ms(reaction_ms.p99)} ms (image → first command of it, less session.run)`,
  );
if (run_ms) row('session.run', `p50 ${ms(run_ms.p50)}   p99 ${ms(run_ms.p99)} ms`);
if (overhead_ms)
  row(
    'loop overhead',
    `p50 ${ms(overhead_ms.p50)}   p99 ${ms(overhead_ms.p99)} ms a tick of ${rate / policyHz} commands`,
  );
const cores = (cpu.user + cpu.system) / 1e6 / seconds;
row(
  'CPU',
  `${cores.toFixed(2)} cores in all; the loop's thread ${(100 * utilization.utilization).toFixed(0)} % busy`,
);
