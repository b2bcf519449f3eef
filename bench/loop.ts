/**
 * What the loop costs beside the model, and whether the event loop stays free while a slow model runs.
 *
 *     npm run bench:loop
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loadContract } from '../src/contract/load.js';
import { percentiles } from '../src/episode/statistics.js';
import { loadBundle } from '../src/infer/load.js';
import { Policy } from '../src/infer/policy.js';
import type { Observation } from '../src/observe/observation.js';
import { SimRobot } from '../src/robots/sim/simRobot.js';
import { loadTask } from '../src/robots/sim/task.js';
import { RolloutSession } from '../src/rollout/session.js';
import { writeBundle } from '../test/support/onnx.js';

const root = join(import.meta.dirname, '..');
const robot = join(root, 'config/robots/sim_arm.yaml');
const tasksDir = join(root, 'config/tasks');
const ms = (value: number) => `${value.toFixed(2)} ms`;

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
await simulator();
await loop();
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
    policy: join(root, 'models/pick_lift'),
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
  const [o, r] = [overhead, run].map((samples) => percentiles(Float32Array.from(samples)));
  console.log(`loop, ${overhead.length} ticks of 10 episodes, ensemble, one inference a tick`);
  if (o && r) {
    console.log(`  overhead      p50 ${ms(o.p50)}   p95 ${ms(o.p95)}   p99 ${ms(o.p99)}`);
    console.log(`  session.run   p50 ${ms(r.p50)}   p95 ${ms(r.p95)}   p99 ${ms(r.p99)}\n`);
  }
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
