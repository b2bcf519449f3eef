/** `saccade gazebo-peer`: a task in Gazebo, as a ROS 2 node (docs/gazebo.md). */
import { Command, Option } from 'commander';
import { loadContract } from '../contract/load.js';
import { WORLD } from '../gazebo/names.js';
import { CONTROLS, type Control } from '../gazebo/peer/drive.js';
import { GazeboPeer } from '../gazebo/peer/gazeboPeer.js';
import { Models } from '../gazebo/peer/models.js';
import { RELEASES, type Release } from '../gazebo/world/release.js';
import { connect } from '../robots/ros2/connect.js';
import { Referee } from '../robots/sim/referee.js';
import { loadTask } from '../robots/sim/task.js';
import { log } from './log.js';
import { nonNegativeNumber } from './options.js';
import { tasksDir } from './paths.js';
import { rosArgs, takesRosArgs } from './rosArgs.js';
import { StopSignal } from './stopSignal.js';

interface GazeboPeerOptions {
  robot: string;
  task: string;
  world: string;
  gz: Release;
  control: Control;
  lockstep?: boolean;
  touch: number;
}

/**
 * What is nearer than this touches, m. Things that press on one another overlap less in Gazebo than in MuJoCo, and
 * what rests may be a little apart.
 */
const TOUCH_M = 0.001;

export function gazeboPeerCommand(): Command {
  return takesRosArgs(
    new Command('gazebo-peer')
      .description('A task in Gazebo: resets of a seed, reward and success, on ROS 2, until Ctrl-C.')
      .requiredOption('--robot <file>', 'robot contract with a sim section')
      .requiredOption('--task <name>', 'task name or file')
      .option('--world <name>', "the world's name in Gazebo", WORLD)
      .addOption(new Option('--gz <release>', 'release of Gazebo').choices(RELEASES).default('harmonic'))
      .addOption(
        new Option('--control <how>', "what moves the joints: Gazebo's own controllers, or gz_ros2_control")
          .choices(CONTROLS)
          .default('plain'),
      )
      .option('--lockstep', 'the world stands still between the steps that it is told to take')
      .option('--touch <m>', 'what is nearer than this touches', nonNegativeNumber('--touch'), TOUCH_M)
      .action(judge),
  );
}

async function judge(_args: string[], options: GazeboPeerOptions, command: Command): Promise<void> {
  const ros = rosArgs(command);
  const task = await loadTask(options.task, tasksDir);
  const contract = await loadContract(options.robot);
  const referee = await Referee.create(contract, task, options.touch);
  const models = new Models(options.gz);
  // Its time is that of what Gazebo sends.
  const node = await connect('gazebo_peer', { simTime: false, rosArgs: ros });
  const stop = new StopSignal();
  try {
    const peer = new GazeboPeer({
      graph: node,
      contract,
      referee,
      world: options.world,
      control: options.control,
      lockstep: options.lockstep ?? false,
      sdf: (object) => models.sdf(referee.world, object),
      now: () => node.now(),
      log,
    });
    log.info(`${task.name} is judged as ${contract.name} does it in Gazebo. Ctrl-C ends it.`);
    await stop.stopped();
    peer.close();
  } finally {
    node.close();
    models.close();
    referee.free();
    await stop.spent();
  }
}
