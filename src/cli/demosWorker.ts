/** The worker thread of `saccade demos`: records one demonstration a seed. */
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { noInterventions } from '../act/interventions.js';
import { loadContract } from '../contract/load.js';
import type { EpisodeResult } from '../episode/episode.js';
import { bagName, type EpisodeInfo, type ImageFormat } from '../record/episode.js';
import { Recorder } from '../record/recorder.js';
import { type Demonstration, demonstrate } from '../robots/sim/expert/demonstrator.js';
import { SimRobot } from '../robots/sim/simRobot.js';
import { loadTask } from '../robots/sim/task.js';
import { softwareVersions } from '../version.js';
import { tasksDir } from './paths.js';

export interface DemosSetup {
  readonly robot: string;
  readonly task: string;
  /** Folder of the bags. */
  readonly bags: string;
  readonly images: ImageFormat;
  readonly disturb: boolean;
  readonly seeds: readonly number[];
}

export interface DemoDone {
  readonly seed: number;
  readonly steps: number;
  readonly return: number;
  readonly success: boolean;
}

const setup = workerData as DemosSetup;
const contract = await loadContract(setup.robot);
const task = await loadTask(setup.task, tasksDir);
const robot = await SimRobot.create(contract, task);
const recorder = await Recorder.start();
const info: EpisodeInfo = {
  source: 'demos',
  lockstep: true,
  contract: { file: basename(contract.file), text: contract.text },
  task: task.name,
  instruction: task.instruction,
  maxReward: robot.maxReward,
  images: setup.images,
  software: softwareVersions(),
};
try {
  for (const seed of setup.seeds) {
    const done = await demo(seed);
    parentPort?.postMessage(done);
  }
} finally {
  await recorder.close();
  await robot.close();
}

/** One attempt; only a successful one leaves a bag. */
async function demo(seed: number): Promise<DemoDone> {
  const dir = join(setup.bags, bagName(seed));
  const recording = await recorder.begin({ dir, info: { ...info, seed }, robot });
  const demo = await demonstrate(robot, {
    seed,
    timeLimitS: task.time_limit_s,
    disturb: setup.disturb,
    onStep: async ({ time, action, command }) => {
      recording.action(time, action);
      recording.command(time, command);
      await recording.settled();
    },
  });
  const { error } = await recording.finish(resultOf(demo));
  if (error !== undefined) throw new Error(`demonstration ${dir} could not be recorded: ${error}`);
  if (!demo.success) await rm(dir, { recursive: true });
  return { seed, steps: demo.steps, return: demo.return, success: demo.success };
}

function resultOf({
  seed,
  success,
  steps,
  durationS,
  reason,
  metrics,
  ...demo
}: Demonstration): EpisodeResult {
  return {
    seed,
    success,
    return: demo.return,
    highest_reward: demo.highestReward,
    steps,
    duration_s: durationS,
    stop: success ? 'success' : reason === undefined ? 'timeout' : 'failure',
    ...(reason !== undefined && { reason }),
    ...(metrics && { metrics }),
    safety: noInterventions(),
    max_camera_skew_s: 0,
    wall: {
      seconds: 0,
      latency_ms: null,
      run_ms: null,
      overhead_ms: null,
      reaction_ms: null,
      missed_ticks: 0,
      missed_commands: 0,
      dropped_observations: 0,
      spent_chunks: 0,
    },
  };
}
