/**
 * What the loop costs beside the model, on the simulator and with real-time cameras, and whether the event loop
 * stays free while a slow model runs.
 *
 * The overhead of a tick is everything that its loop does on its own thread: observing images as they arrive and
 * moving them to the inference thread, taking chunks in, commands. An image's pixels are moved, not copied; the copy
 * that rclnodejs makes of every message before the loop is told of it is made here too, and has a row of its own.
 *
 *     npm run bench:loop [-- --seconds N]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  constants,
  monitorEventLoopDelay,
  type NodeGCPerformanceDetail,
  PerformanceObserver,
} from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createStrategy } from '../src/act/strategy.js';
import { loadContract } from '../src/contract/load.js';
import { percentiles } from '../src/episode/statistics.js';
import { expectImages } from '../src/heap.js';
import { loadBundle } from '../src/infer/load.js';
import type { Inference } from '../src/infer/policy.js';
import { Policy } from '../src/infer/policy.js';
import { runEpisode } from '../src/loop.js';
import type { Observation } from '../src/observe/observation.js';
import type { Robot } from '../src/robots/robot.js';
import { SimRobot } from '../src/robots/sim/simRobot.js';
import { loadTask } from '../src/robots/sim/task.js';
import { RolloutSession } from '../src/rollout/session.js';
import { CameraRobot } from '../test/support/cameraRobot.js';
import { writeBundle } from '../test/support/onnx.js';

const root = join(import.meta.dirname, '..');
const robot = join(root, 'config/robots/sim_arm.yaml');
const tasksDir = join(root, 'config/tasks');
const model = join(root, 'models/pick_lift');
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' } } });
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error('--seconds is a number above 0');

/** Of the cameras, and of the policy. */
const CAMERA_HZ = 30;
const JOINTS_HZ = 500;
/** In which code is compiled. */
const WARM_UP_TICKS = 90;

const ms = (value: number) => `${value.toFixed(2)} ms`;
const line = (name: string, samples: readonly number[]) => {
  const found = percentiles(Float32Array.from(samples));
  if (!found) return `  ${name.padEnd(14)}never`;
  return `  ${name.padEnd(14)}p50 ${ms(found.p50)}   p95 ${ms(found.p95)}   p99 ${ms(found.p99)}`;
};

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
await simulator();
await loop();
await cameras();
await responsiveness();

/** Physics steps and images a second, on one core. */
async function simulator(): Promise<void> {
  const sim = await SimRobot.create(await loadContract(robot), await loadTask('pick_lift', tasksDir));
  await sim.reset({ seed: 1 });
  const steps = 20000;
  let start = performance.now();
  for (let i = 0; i < steps; i++) sim.scene.mj.mj_step(sim.scene.model, sim.scene.data);
  const physics = performance.now() - start;
  await sim.reset({ seed: 1 });
  const images = 300;
  start = performance.now();
  for (let i = 0; i < images; i++) sim.shot(sim.contract.cameras[i % 3].name, 96, 96);
  const rendering = performance.now() - start;
  const realTime = (steps * sim.scene.model.opt.timestep) / (physics / 1000);
  console.log('simulator');
  console.log(
    `  physics    ${Math.round(steps / (physics / 1000))} steps/s (${realTime.toFixed(0)}× real time)`,
  );
  console.log(
    `  renderer   ${Math.round(images / (rendering / 1000))} images/s of 96×96 (${ms(rendering / images)} each)\n`,
  );
  await sim.close();
}

/** A tick outside `session.run`, rendering and physics, with the shipped policy at three 96×96 cameras. */
async function loop(): Promise<void> {
  const session = await RolloutSession.open({
    robot,
    policy: model,
    task: 'pick_lift',
    tasksDir,
    provider: 'cpu',
  });
  const overhead: number[] = [];
  const run: number[] = [];
  // The first episode warms the compilers up.
  for (let seed = 900; seed < 911; seed++) {
    const { record } = await session.run(seed);
    if (seed === 900) continue;
    overhead.push(...record.timings.overheadMs);
    run.push(...record.timings.runMs);
  }
  await session.close();
  console.log(`loop, ${overhead.length} ticks of 10 episodes, ensemble, one inference a tick`);
  console.log(`${line('overhead', overhead)}\n${line('session.run', run)}\n`);
}

/** The shipped policy in real time at the cameras' rate, which is not its own; their images are larger than it wants them. */
async function cameras(): Promise<void> {
  const contract = { ...(await loadContract(robot)), rateHz: CAMERA_HZ, commandRateHz: CAMERA_HZ };
  const source = new CameraRobot({
    ...{ contract, width: 640, height: 480, cameraHz: CAMERA_HZ, jointsHz: JOINTS_HZ },
  });
  const bundle = { ...(await loadBundle(model)), rateHz: CAMERA_HZ };
  const policy = await Policy.load(bundle, { provider: 'cpu' });
  expectImages();
  const inferences: Inference[] = [];
  const busy: number[] = [];
  const copying: number[] = [];
  const pauses = { minor: [] as number[], major: [] as number[] };
  const collections = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { readonly detail: NodeGCPerformanceDetail }).detail;
      pauses[kind === constants.NODE_PERFORMANCE_GC_MINOR ? 'minor' : 'major'].push(entry.duration);
    }
  });
  let utilization = performance.eventLoopUtilization();
  let copied = source.copyMs;
  const { timings } = await runEpisode({
    robot: patient(source),
    policy,
    strategy: createStrategy(bundle.strategy, { length: bundle.action.chunk, width: bundle.joints.length }),
    seed: 1,
    timeLimitS: seconds + WARM_UP_TICKS / contract.rateHz,
    tap: {
      onTick({ inference }) {
        const now = performance.eventLoopUtilization();
        busy.push(now.active - utilization.active);
        utilization = now;
        copying.push(source.copyMs - copied);
        copied = source.copyMs;
        if (inference) inferences.push(inference);
        if (busy.length === WARM_UP_TICKS) collections.observe({ entryTypes: ['gc'] });
      },
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 10));
  collections.disconnect();
  await policy.close();
  await source.close();

  const steady = <T>(samples: Iterable<T>) => [...samples].slice(WARM_UP_TICKS);
  console.log(
    `loop, three 640×480 cameras and as many ticks at ${CAMERA_HZ} Hz, joints at ${JOINTS_HZ} Hz, ${seconds} s in real time`,
  );
  console.log(
    `${line('overhead', steady(timings.overheadMs))}   a tick outside session.run, the loop's thread`,
  );
  console.log(
    `${line('copying', steady(copying))}   not in it: three images into buffers of their own, as rclnodejs does`,
  );
  console.log(`${line('thread busy', steady(busy))}   both, and the timers of cameras, joints and ticks`);
  console.log(
    `${line('resizing', steady(inferences.map(({ resizeMs }) => resizeMs)))}   three images, the inference thread`,
  );
  console.log(line('session.run', steady(inferences.map(({ runMs }) => runMs))));
  for (const [kind, times] of Object.entries(pauses))
    console.log(
      `  ${`${kind} GC`.padEnd(14)}${times.length} pauses, ${ms(Math.max(0, ...times))} the longest`,
    );
  console.log();
}

/**
 * The robot with a clock of plain timers: one that waits precisely is busy while it waits, which is not to be
 * counted.
 */
function patient({ contract, clock, frames, joints, outcomes, maxReward }: CameraRobot): Robot {
  return {
    ...{ contract, frames, joints, outcomes, maxReward },
    clock: {
      lockstep: false,
      get now() {
        return clock.now;
      },
      sleepUntil: (time) =>
        new Promise((resolve) => setTimeout(resolve, Math.max(0, (time - clock.now) * 1000))),
    },
    reset: async () => outcomes.next({ time: clock.now, reward: 0 }),
    command: () => {},
    close: async () => {},
  };
}

/** How late the event loop is while a model of at least 200 ms a run is being executed back to back. */
async function responsiveness(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'saccade-bench-'));
  try {
    const { dir: slow } = writeBundle(dir, { slowness: 12 });
    const bundle = await loadBundle(slow);
    const policy = await Policy.load(bundle, { provider: 'cpu' });
    const observation: Observation = {
      time: 0,
      first: true,
      state: new Float32Array(bundle.joints.length),
      cameras: bundle.cameras.map(({ name, width, height }) => {
        const frame = { camera: name, time: 0, width, height, data: new Uint8Array(width * height * 3) };
        return { current: frame, previous: frame };
      }),
    };
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const runs: number[] = [];
    delay.enable();
    for (let i = 0; i < 20; i++) runs.push((await policy.infer(observation)).runMs);
    delay.disable();
    await policy.close();
    // The histogram holds the whole interval between two timer turns; the lag is what exceeds the 1 ms asked for.
    const lag = (p: number) => ms(Math.max(0, delay.percentile(p) / 1e6 - 1));
    console.log(
      `event loop during ${runs.length} runs of ${ms(Math.min(...runs))} or more, ${delay.count} samples`,
    );
    console.log(`  lag           p50 ${lag(50)}   p99 ${lag(99)}   max ${lag(100)}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
