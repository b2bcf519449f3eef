/** ROS 2's own arguments, which `ros2 run` and launch files put behind a program's own: `--ros-args -r __ns:=/left`. */
import type { Command } from 'commander';
import { UserError } from '../errors.js';

const START = '--ros-args';

/** Lets `command` be called with them: they are its action's first argument, and `rosArgs` reads them. */
export function takesRosArgs(command: Command): Command {
  return command
    .allowUnknownOption()
    .argument('[ros-args...]', `ROS 2's own arguments: ${START} -r __ns:=/left --log-level debug …`);
}

/** @throws UserError when there is something before them that is not known */
export function rosArgs({ args }: Command): string[] {
  const start = args.indexOf(START);
  const [unknown] = args;
  if (unknown !== undefined && start !== 0)
    throw new UserError(
      `${unknown.startsWith('-') ? 'Option' : 'Argument'} ${unknown} is not known; see --help.`,
    );
  return start === 0 ? args : [];
}
