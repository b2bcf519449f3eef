/** The worker thread of `saccade demos`: demonstrates its share of the seeds and writes them. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadContract } from '../contract/load.js';
import { writeEpisode } from '../record/demonstrations.js';
import { demonstrate } from '../robots/sim/demonstrator.js';
import { SimRobot } from '../robots/sim/simRobot.js';
import { loadTask } from '../robots/sim/task.js';
import { tasksDir } from './paths.js';

export interface DemosSetup {
  readonly robot: string;
  readonly task: string;
  readonly out: string;
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
try {
  for (const seed of setup.seeds) {
    const demo = await demonstrate(robot, {
      seed,
      timeLimitS: task.time_limit_s,
      disturb: setup.disturb,
      frames: true,
    });
    if (demo.success) await writeEpisode(setup.out, seed, contract, demo);
    const done: DemoDone = { seed, steps: demo.steps, return: demo.return, success: demo.success };
    parentPort?.postMessage(done);
  }
} finally {
  await robot.close();
}
