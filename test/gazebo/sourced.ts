/** Finds a Gazebo with its bridge to ROS 2 to test and measure against. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ros, sourcedFrom } from '../ros/sourced.js';

/** Where Gazebo may be sourced from, beside ROS 2: what the caller names. `apt install` needs none. */
const SETUP = process.env.SACCADE_GZ_SETUP;
const PROGRAMS = [
  ['gz', 'sim'],
  ['ign', 'gazebo'],
] as const;

/** The environment with Gazebo and ROS 2 in it, or why there is none. */
export const gazebo: { readonly env: NodeJS.ProcessEnv } | { readonly missing: string } = find();

function find(): typeof gazebo {
  if ('missing' in ros) return ros;
  const env = SETUP === undefined ? ros.env : sourcedFrom(SETUP, ros.env);
  const installed = PROGRAMS.some(([program, command]) => {
    const { status, stdout } = spawnSync(program, [command, '--versions'], { env, encoding: 'utf8' });
    return status === 0 && stdout.trim() !== '';
  });
  if (!installed)
    return {
      missing: 'no Gazebo: neither `gz sim` nor `ign gazebo` runs; set SACCADE_GZ_SETUP to what sources it',
    };
  const prefixes = (env.AMENT_PREFIX_PATH ?? '').split(':');
  if (!prefixes.some((prefix) => existsSync(join(prefix, 'share/ros_gz_bridge'))))
    return { missing: 'no ros_gz_bridge is sourced, which joins Gazebo to ROS 2' };
  return { env };
}
