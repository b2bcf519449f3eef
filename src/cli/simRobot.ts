/** `saccade sim-robot`: the embedded simulator as a robot on ROS 2, a node of its own (docs/ros2.md). */
import { setTimeout as timeout, setImmediate as turn } from 'node:timers/promises';
import { Command } from 'commander';
import { loadContract } from '../contract/load.js';
import { connect } from '../robots/ros2/connect.js';
import type { RosNode } from '../robots/ros2/rosNode.js';
import { SimWorld } from '../robots/sim/simWorld.js';
import { loadTask } from '../robots/sim/task.js';
import { Pace } from '../simRobot/pace.js';
import { SimPeer } from '../simRobot/simPeer.js';
import { log } from './log.js';
import { positiveNumber, seed } from './options.js';
import { tasksDir } from './paths.js';
import { rosArgs, takesRosArgs } from './rosArgs.js';
import { StopSignal } from './stopSignal.js';

interface SimRobotOptions {
  robot?: string;
  task: string;
  rtf: number;
  seed: number;
}

export function simRobotCommand(): Command {
  return takesRosArgs(
    new Command('sim-robot')
      .description('The embedded simulator as a robot on ROS 2, until Ctrl-C.')
      .option('--robot <file>', "robot contract (default: the task's)")
      .option('--task <name>', 'task name or file', 'pick_lift')
      .option('--rtf <x>', 'real-time factor: simulated seconds a second', positiveNumber('--rtf'), 1)
      .option('--seed <n>', 'of the scene before the first reset', seed('--seed'), 1)
      .action(simulate),
  );
}

async function simulate(_args: string[], options: SimRobotOptions, command: Command): Promise<void> {
  const ros = rosArgs(command);
  const task = await loadTask(options.task, tasksDir);
  const contract = await loadContract(options.robot ?? task.robot);
  // It makes the time that the others take from /clock.
  const node = await connect('sim_robot', { simTime: false, rosArgs: ros });
  // Ending is what Ctrl-C asks of a program that goes on for ever: no error.
  const stop = new StopSignal();
  try {
    const world = await SimWorld.create(contract, task);
    try {
      await run(world, node, options, stop.signal);
    } finally {
      world.free();
    }
  } finally {
    node.close();
    await stop.spent();
  }
}

async function run(world: SimWorld, node: RosNode, options: SimRobotOptions, signal: AbortSignal) {
  const { rtf, seed } = options;
  const peer = new SimPeer({ world, graph: node, seed, warn: (sentence) => log.warn(sentence) });
  const pace = new Pace({
    realTimeFactor: rtf,
    now: () => performance.now() / 1000,
    // Timers are good to a millisecond; messages are to be read even when there is no time to wait.
    sleep: async (s) => void (s < 0.001 ? await turn() : await timeout(1000 * s)),
    onSlow: (factor) =>
      log.warn(
        `The simulation runs at ${factor.toFixed(2)} × real time, not ${rtf} ×: this machine is too slow.`,
      ),
  });
  const { name } = world.contract;
  log.info(
    `${name} is simulated at ${rtf} × real time; ~/reset lays out the episode of a seed. Ctrl-C ends it.`,
  );
  while (!signal.aborted) await pace.passed(peer.advance());
}
