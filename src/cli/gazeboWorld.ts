/** `saccade gazebo-world`: the embedded simulator's world, written for Gazebo (docs/gazebo.md). */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { loadContract } from '../contract/load.js';
import { WORLD } from '../gazebo/names.js';
import { RELEASES, type Release } from '../gazebo/world/release.js';
import { writeWorld } from '../gazebo/world/write.js';
import { SimWorld } from '../robots/sim/simWorld.js';
import { loadTask } from '../robots/sim/task.js';
import { nonNegativeNumber, seed } from './options.js';
import { packageRoot, tasksDir } from './paths.js';

interface GazeboWorldOptions {
  robot: string;
  task: string;
  gz: Release;
  control: 'plain' | 'ros2_control';
  seed: number;
  rtf: number;
  out: string;
  json?: boolean;
}

export function gazeboWorldCommand(): Command {
  return new Command('gazebo-world')
    .description(
      'Write the simulated robot and its world for Gazebo: SDF, meshes, pictures, the bridge’s YAML.',
    )
    .option(
      '--robot <file>',
      'robot contract with a sim section',
      join(packageRoot, 'config/robots/gazebo_arm.yaml'),
    )
    .option('--task <name>', 'task name or file', 'pick_lift')
    .addOption(new Option('--gz <release>', 'release of Gazebo').choices(RELEASES).default('harmonic'))
    .addOption(
      new Option(
        '--control <how>',
        'what moves the joints: a JointPositionController each, or gz_ros2_control',
      )
        .choices(['plain', 'ros2_control'])
        .default('plain'),
    )
    .option('--seed <n>', 'of the layout that the world starts with', seed('--seed'), 1)
    .option('--rtf <x>', 'real-time factor; 0: as fast as the machine can', nonNegativeNumber('--rtf'), 1)
    .option('--out <dir>', 'folder for the world', 'out/gazebo')
    .option('--json', 'print one JSON object naming the files')
    .action(write);
}

async function write(options: GazeboWorldOptions): Promise<void> {
  const task = await loadTask(options.task, tasksDir);
  const contract = await loadContract(options.robot);
  const world = await SimWorld.create(contract, task);
  try {
    const home = world.reset(options.seed);
    const files = await writeWorld({
      contract,
      scene: world.describe(),
      randomise: task.randomise,
      home,
      release: options.gz,
      control: options.control,
      name: WORLD,
      realTimeFactor: options.rtf,
      folder: options.out,
    });
    if (options.json) process.stdout.write(`${JSON.stringify({ world: files[0], files })}\n`);
    else process.stdout.write(files.map((file) => `${file}\n`).join(''));
  } finally {
    world.free();
  }
}
