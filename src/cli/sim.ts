/** `saccade sim shot`: the embedded simulator's cameras as pictures, so that a person can look. */
import { join } from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { loadContract } from '../contract/load.js';
import { UserError } from '../errors.js';
import { makeFolder } from '../folder.js';
import { Expert } from '../robots/sim/expert/expert.js';
import { SimRobot } from '../robots/sim/simRobot.js';
import { loadTask } from '../robots/sim/task.js';
import { positiveInteger, seed, wholeNumber } from './options.js';
import { tasksDir } from './paths.js';

interface ShotOptions {
  robot?: string;
  task: string;
  seed: number;
  ticks: number;
  size?: number;
  out: string;
  json?: boolean;
}

export function simCommand(): Command {
  const shot = new Command('shot')
    .description('Write what each camera sees as a PNG file.')
    .option('--robot <file>', "robot contract (default: the task's)")
    .option('--task <name>', 'task name or file', 'pick_lift')
    .option('--seed <n>', 'episode seed', seed('--seed'), 1)
    .option('--ticks <n>', 'let the scripted expert act for this many ticks first', wholeNumber('--ticks'), 0)
    .option('--size <px>', 'width and height; the contract’s own when absent', positiveInteger('--size'))
    .option('--out <dir>', 'folder for the pictures', 'out/shots')
    .option('--json', 'print one JSON object naming the files')
    .action(shoot);
  return new Command('sim').description('The embedded simulator by itself.').addCommand(shot);
}

/** Rays a picture may take; MuJoCo's buffers grow with it. */
const MAX_SIZE = 2048;

async function shoot(options: ShotOptions): Promise<void> {
  if (options.size !== undefined && options.size > MAX_SIZE) {
    throw new UserError(`Option --size must be at most ${MAX_SIZE}, not ${options.size}.`);
  }
  const task = await loadTask(options.task, tasksDir);
  const contract = await loadContract(options.robot ?? task.robot);
  const robot = await SimRobot.create(contract, task);
  try {
    await robot.reset({ seed: options.seed });
    await act(robot, options.ticks);
    await makeFolder(options.out).catch((cause) => {
      throw new UserError(`--out ${options.out} cannot be created: ${cause.message}`);
    });
    const files: string[] = [];
    for (const camera of contract.cameras) {
      const [width, height] = [options.size ?? camera.width, options.size ?? camera.height];
      const file = join(options.out, `${camera.name}.png`);
      await sharp(robot.shot(camera.name, width, height), { raw: { width, height, channels: 3 } })
        .png()
        .toFile(file)
        .catch((cause) => {
          throw new UserError(`${file} cannot be written: ${cause.message}`);
        });
      files.push(file);
    }
    if (options.json)
      process.stdout.write(`${JSON.stringify({ seed: options.seed, ticks: options.ticks, files })}\n`);
    else process.stdout.write(files.map((file) => `${file}\n`).join(''));
  } finally {
    await robot.close();
  }
}

async function act(robot: SimRobot, ticks: number): Promise<void> {
  if (ticks === 0) return;
  const period = 1 / robot.contract.rateHz;
  const expert = new Expert(robot);
  expert.reset();
  try {
    for (let tick = 0; tick < ticks; tick++) {
      robot.command({ time: robot.clock.now, positions: expert.act(robot.measured()) });
      await robot.clock.sleepUntil((tick + 1) * period);
    }
  } finally {
    expert.free();
  }
}
