/**
 * A full-size ACT, observation → command, against LeRobot's own `select_action` with the same weights, eager and
 * compiled: one after the other in every round, each on the same cores and with as many threads.
 *
 *     python -m saccade_training.full_size_act --out out/full        # in training/; the model, weights random
 *     npm run bench:full-size -- --bundle out/full --lerobot PYTHON  # a Python that has lerobot
 *
 * Temporal ensembling is on, so every call infers. All commands are compared: they must be the same. Further
 * bundles of the same model (`--also out/full-int8`) join in, and are not held to that.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createStrategy } from '../src/act/strategy.js';
import { percentile } from '../src/episode/statistics.js';
import { loadBundle } from '../src/infer/load.js';
import { Policy } from '../src/infer/policy.js';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    bundle: { type: 'string' },
    lerobot: { type: 'string' },
    also: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '20' },
    threads: { type: 'string', default: '2' },
    'no-compile': { type: 'boolean', default: false },
  },
});
const { bundle, lerobot } = values;
if (!bundle || !lerobot) throw new Error('--bundle DIR and --lerobot PYTHON are needed');
const [rounds, threads] = [Number(values.rounds), Number(values.threads)];
if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds is a whole number above 0');
if (!(Number.isInteger(threads) && threads > 0)) throw new Error('--threads is a whole number above 0');
/** In which code is compiled and memory found. */
const WARM_UP = 3;
const TOLERANCE = 1e-4;

interface Answer {
  readonly ms: number;
  readonly command: readonly number[];
}

interface Contestant {
  readonly name: string;
  /** Whether its commands must be those of the others. */
  readonly exact: boolean;
  ask(seed: number): Promise<Answer>;
  close(): Promise<void>;
}

/** training/bench/lerobot_select_action.py makes the same. */
function pixels(seed: number, camera: number, length: number): Uint8Array {
  const data = new Uint8Array(length);
  const start = seed * 7919 + camera * 104729;
  for (let i = 0; i < length; i++) data[i] = (Math.imul(i, 2654435761) + start) >>> 24;
  return data;
}

const joints = (seed: number, count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => ((seed * 31 + i * 17) % 64) / 64 - 0.5);

async function ours(dir: string, name: string, exact: boolean): Promise<Contestant> {
  const loaded = await loadBundle(dir);
  const { action, rateHz } = loaded;
  const policy = await Policy.load(loaded, { provider: 'cpu', threads });
  const width = loaded.joints.length;
  const strategy = createStrategy(loaded.strategy, { length: action.chunk, width });
  const command = new Float32Array(width);
  strategy.reset(command);
  let tick = 0;
  return {
    name,
    exact,
    async ask(seed) {
      const time = tick++ / rateHz;
      const cameras = loaded.cameras.map(({ name: camera, width, height }, i) => {
        const frame = { camera, time, width, height, data: pixels(seed, i, width * height * 3) };
        return { current: frame, previous: frame };
      });
      const state = joints(seed, width);
      const start = performance.now();
      const { chunk } = await policy.infer({ time, cameras, state, first: tick === 1 });
      strategy.add(chunk, time);
      strategy.actionAt(time, command);
      return { ms: performance.now() - start, command: [...command] };
    },
    close: () => policy.close(),
  };
}

async function theirs(python: string, checkpoint: string, compile: boolean): Promise<Contestant> {
  const child: ChildProcess = spawn(
    python,
    [join(root, 'training/bench/lerobot_select_action.py'), checkpoint],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, OMP_NUM_THREADS: String(threads), HF_HUB_OFFLINE: '1' },
    },
  );
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => {
    complaint = (complaint + text).slice(-2000);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const talk = async (message: object) => {
    child.stdin?.write(`${JSON.stringify(message)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} gave up:\n${complaint}`);
    return JSON.parse(value);
  };
  const { lerobot, torch } = await talk({ compile, threads });
  return {
    name: `lerobot ${lerobot}, torch ${torch} ${compile ? 'compiled' : 'eager'}`,
    exact: true,
    ask: (seed) => talk({ seed }),
    close: async () => {
      child.stdin?.end();
    },
  };
}

const ms = (samples: readonly number[], q: number) => percentile(Float32Array.from(samples).sort(), q);

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, ${threads} threads each`);
const checkpoint = join(bundle, 'checkpoint');
const contestants = [await ours(bundle, 'saccade', true)];
for (const dir of values.also) contestants.push(await ours(dir, `saccade ${basename(dir)}`, false));
contestants.push(await theirs(lerobot, checkpoint, false));
if (!values['no-compile']) contestants.push(await theirs(lerobot, checkpoint, true));

const samples = contestants.map((): number[] => []);
const worst = contestants.map(() => 0);
for (let round = -WARM_UP; round < rounds; round++) {
  const answers: Answer[] = [];
  for (let k = 0; k < contestants.length; k++) {
    // A round begins with another one each time, so that nobody always follows the same.
    const i = (k + round + WARM_UP) % contestants.length;
    answers[i] = await contestants[i].ask(round + WARM_UP);
    if (round >= 0) samples[i].push(answers[i].ms);
  }
  answers.forEach(({ command }, i) => {
    const difference = Math.max(...command.map((value, j) => Math.abs(value - answers[0].command[j])));
    worst[i] = Math.max(worst[i], difference);
  });
}
for (const contestant of contestants) await contestant.close();

const width = Math.max(...contestants.map(({ name }) => name.length));
console.log(`observation → command, ${rounds} calls each in turn, ms`);
contestants.forEach(({ name, exact }, i) => {
  // Pairs of one round share what else the machine did then.
  const ratios = samples[i].map((value, round) => value / samples[0][round]);
  console.log(
    `  ${name.padEnd(width)}  p50 ${ms(samples[i], 0.5).toFixed(0).padStart(5)}  p90 ${ms(samples[i], 0.9).toFixed(0).padStart(5)}` +
      (i === 0
        ? ''
        : `  ${ms(ratios, 0.5).toFixed(2)}× saccade's time; commands differ by ${worst[i].toExponential(1)}${exact ? '' : ' (other numerics)'}`),
  );
});
const different = contestants.filter(({ exact }, i) => exact && !(worst[i] <= TOLERANCE));
if (different.length > 0) {
  console.error(`not the same commands within ${TOLERANCE}: ${different.map(({ name }) => name).join(', ')}`);
  process.exitCode = 1;
}
