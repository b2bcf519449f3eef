/**
 * What recording costs: three 640×480 cameras at 30 Hz, a policy that infers on every tick, joints at 100 Hz,
 * in real time, without a recording and with one, raw and as JPEG, in one run.
 *
 *     npm run bench:recording [-- --minutes N]
 *
 * Recordings are of one minute each and removed when they end; raw, a minute takes 5 GB.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createStrategy } from '../src/act/strategy.js';
import { percentiles } from '../src/episode/statistics.js';
import { runEpisode } from '../src/loop.js';
import type { EpisodeInfo, ImageFormat } from '../src/record/episode.js';
import { Recorder, type RecordingReport } from '../src/record/recorder.js';
import { CameraRobot } from '../test/support/cameraRobot.js';
import { FakePolicy } from '../test/support/fakeRobot.js';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes is a number above 0');

const CHUNK = 100;
const WARM_UP_TICKS = 60;
const dir = mkdtempSync(join(tmpdir(), 'saccade-bench-'));
const robot = new CameraRobot({ width: 640, height: 480, cameraHz: 30, jointsHz: 100 });
const width = robot.contract.joints.length;
const policy = new FakePolicy(robot.contract, CHUNK, () => new Float32Array(CHUNK * width).fill(0.01));
// Images as they come: resizing would only hide what recording adds.
Object.assign(policy.bundle, {
  cameras: policy.bundle.cameras.map((camera) => ({ ...camera, width: 640, height: 480 })),
});

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, ${minutes} min each\n`);
console.log(
  '| recording | ticks | missed | tick p50 / p99 | loop thread busy a tick p50 / p99 | images dropped | MB/s | CPU | peak memory |',
);
console.log('|:--|--:|--:|--:|--:|--:|--:|--:|--:|');
try {
  for (const format of [undefined, 'raw', undefined, 'jpeg', undefined] as const) await measure(format);
} finally {
  await robot.close();
  rmSync(dir, { recursive: true, force: true });
}

interface Samples {
  readonly overheadMs: number[];
  readonly busyMs: number[];
  readonly reports: RecordingReport[];
  missed: number;
  peakBytes: number;
}

async function measure(format: ImageFormat | undefined): Promise<void> {
  // Without a recording there is less to see, and nothing that could go wrong late.
  const seconds = format ? minutes * 60 : Math.min(minutes, 1) * 60;
  const samples: Samples = { overheadMs: [], busyMs: [], reports: [], missed: 0, peakBytes: 0 };
  const recorder = format && (await Recorder.start());
  const memory = setInterval(() => {
    samples.peakBytes = Math.max(samples.peakBytes, process.memoryUsage.rss());
  }, 250);
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let left = seconds; left > 0; left -= 60) {
    await episode(Math.min(left, 60), recorder, format, samples);
  }
  const wallS = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(memory);
  await recorder?.close();
  print(format, samples, (user + system) / 1e6 / wallS, wallS);
}

async function episode(
  timeLimitS: number,
  recorder: Recorder | undefined,
  format: ImageFormat | undefined,
  samples: Samples,
): Promise<void> {
  const bag = join(dir, 'episode_000000');
  const recording =
    format && (await recorder?.begin({ dir: bag, info: info(format), robot, joints: policy.bundle.joints }));
  let utilization = performance.eventLoopUtilization();
  const busyMs: number[] = [];
  const { result, timings } = await runEpisode({
    robot,
    policy,
    strategy: createStrategy({ name: 'ensemble', m: 0.01 }, { length: CHUNK, width }),
    seed: 1,
    timeLimitS,
    tap: {
      onTick(tick) {
        recording?.onTick(tick);
        const now = performance.eventLoopUtilization();
        busyMs.push(now.active - utilization.active);
        utilization = now;
      },
    },
  });
  const report = await recording?.finish(result);
  if (result.steps < 2 * WARM_UP_TICKS)
    throw new Error(`only ${result.steps} ticks: ${result.reason ?? result.stop}`);
  if (report?.error) throw new Error(report.error);
  if (report) samples.reports.push(report);
  samples.overheadMs.push(...timings.overheadMs.slice(WARM_UP_TICKS));
  samples.busyMs.push(...busyMs.slice(WARM_UP_TICKS));
  samples.missed += result.wall.missed_ticks;
  policy.seen.length = 0;
  policy.viewsAsked.length = 0;
  // A file of this size takes a while to remove; no robot would be waiting meanwhile.
  await rm(bag, { recursive: true, force: true });
}

function print(format: ImageFormat | undefined, samples: Samples, cores: number, wallS: number): void {
  const { overheadMs, busyMs, reports, missed, peakBytes } = samples;
  const pair = (values: readonly number[]) => {
    const all = percentiles(Float32Array.from(values));
    return `${all?.p50.toFixed(2)} / ${all?.p99.toFixed(2)} ms`;
  };
  const dropped = reports
    .flatMap(({ droppedImages }) => Object.values(droppedImages))
    .reduce((a, b) => a + b, 0);
  const bytes = reports.reduce((sum, report) => sum + report.bytes, 0);
  console.log(
    `| ${format ?? 'none'} | ${overheadMs.length} | ${missed} | ${pair(overheadMs)} | ${pair(busyMs)} | ${format ? dropped : ''} | ${format ? (bytes / 1e6 / wallS).toFixed(1) : ''} | ${(100 * cores).toFixed(0)} % | ${Math.round(peakBytes / 1e6)} MB |`,
  );
}

function info(images: ImageFormat): EpisodeInfo {
  return {
    source: 'rollout',
    lockstep: false,
    contract: { file: 'camera-robot.yaml', text: '' },
    images,
    software: {},
  };
}
