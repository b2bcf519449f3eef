/** `saccade node`: a policy on a ROS 2 robot, as a managed node (docs/ros2.md). */

import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { UserError } from '../errors.js';
import { PolicyNode } from '../node/policyNode.js';
import { openSession } from '../node/session.js';
import { connectManaged } from '../robots/ros2/connect.js';
import { log } from './log.js';
import { rosArgs, takesRosArgs } from './rosArgs.js';
import { StopSignal } from './stopSignal.js';

interface NodeOptions {
  robot?: string;
  policy?: string;
  autostart?: boolean;
}

const NAME = 'saccade';
/** A reply that was sent last is given so long (ms) to get out. */
const LAST_WORDS_MS = 100;

export function nodeCommand(): Command {
  return takesRosArgs(
    new Command('node')
      .description('A policy on a ROS 2 robot, as a managed (lifecycle) node, until Ctrl-C.')
      .option('--robot <file>', 'robot contract (parameter contract)')
      .option('--policy <dir>', 'policy bundle (parameter policy)')
      .option('--no-autostart', 'wait for `ros2 lifecycle set`; otherwise it starts where both are given')
      .action(run),
  );
}

async function run(_args: string[], options: NodeOptions, command: Command): Promise<void> {
  const stop = new StopSignal(() =>
    log.info('Ending: the arm is brought to rest (once more to quit at once).'),
  );
  const stopped = stop.stopped();
  const graph = await connectManaged(NAME, [...parameters(options), ...rosArgs(command)]);
  let node: PolicyNode | undefined;
  try {
    node = new PolicyNode({ graph, open: openSession });
    const started = await Promise.race([node.start().then(() => true, failed), stopped]);
    if (started !== false) await Promise.race([node.finalized, stopped]);
  } finally {
    await node?.close();
    await sleep(LAST_WORDS_MS);
    graph.close();
    await stop.spent();
  }
}

/** The node has said why. */
function failed(error: unknown): false {
  process.exitCode = error instanceof UserError ? error.exitCode : 1;
  return false;
}

/** Options are parameters; what is behind `--ros-args` goes before them. */
function parameters({ robot, policy, autostart = true }: NodeOptions): string[] {
  const values = [
    ...(robot === undefined ? [] : [`contract:=${JSON.stringify(resolve(robot))}`]),
    ...(policy === undefined ? [] : [`policy:=${JSON.stringify(resolve(policy))}`]),
    ...(robot !== undefined && policy !== undefined && autostart ? ['autostart:=true'] : []),
  ];
  return values.length === 0 ? [] : ['--ros-args', ...values.flatMap((value) => ['-p', value]), '--'];
}
