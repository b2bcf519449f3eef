import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { rosArgs, takesRosArgs } from './rosArgs.js';

/** What a command that takes `--robot` makes of a command line. */
function called(...argv: string[]): { ros: string[]; robot: string | undefined } {
  const command = takesRosArgs(new Command('node').option('--robot <file>').exitOverride());
  command.configureOutput({ writeErr: () => {} }).allowExcessArguments(false);
  let ros: string[] = [];
  command.action(() => {
    ros = rosArgs(command);
  });
  command.parse(argv, { from: 'user' });
  return { ros, robot: command.opts().robot };
}

describe('rosArgs', () => {
  it('has none where there are none', () => {
    expect(called('--robot', 'a.yaml')).toEqual({ ros: [], robot: 'a.yaml' });
  });

  it('are those that ros2 run and launch files add, in their order', () => {
    const ros = ['--ros-args', '-r', '__ns:=/left', '-p', 'x:=1', '--params-file', '/tmp/p'];
    expect(called('--robot', 'a.yaml', ...ros)).toEqual({ ros, robot: 'a.yaml' });
  });

  it('hide no mistyped option or stray argument', () => {
    expect(() => called('--robto', 'a.yaml')).toThrow(UserError);
    expect(() => called('--robto=a', '--ros-args', '-r', 'a:=b')).toThrow('Option --robto=a is not known');
    expect(() => called('a.yaml')).toThrow('Argument a.yaml is not known');
  });
});
