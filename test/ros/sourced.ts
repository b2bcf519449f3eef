/** Finds a ROS 2 to test and measure against. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Where a ROS 2 may be sourced from: what the caller names, then the usual places. */
const SETUPS = [process.env.SACCADE_ROS_SETUP, '/opt/ros/env.sh', '/opt/ros/jazzy/setup.bash'];

/** The environment with ROS 2 in it, or why there is none. */
export const ros: { readonly env: NodeJS.ProcessEnv } | { readonly missing: string } = find();

function find(): typeof ros {
  const env = sourced();
  if (!env) {
    return {
      missing: `no ROS 2: neither sourced nor in ${SETUPS.filter(Boolean).join(', ')}; set SACCADE_ROS_SETUP`,
    };
  }
  try {
    createRequire(import.meta.url).resolve('rclnodejs/package.json');
  } catch {
    return { missing: 'rclnodejs is not installed: docs/recording.md says how' };
  }
  // Test runs side by side, and a robot in the same room, must not hear each other.
  return { env: { ...env, ROS_DOMAIN_ID: String(1 + (process.pid % 100)) } };
}

function sourced(): NodeJS.ProcessEnv | undefined {
  if (process.env.AMENT_PREFIX_PATH) return process.env;
  const setup = SETUPS.find((file) => file && existsSync(file));
  return setup === undefined ? undefined : sourcedFrom(setup, process.env);
}

/** `env` after sourcing a setup file. */
export function sourcedFrom(setup: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const text = execFileSync('bash', ['-c', `. "${setup}" >/dev/null 2>&1; env -0`], {
    encoding: 'utf8',
    env,
    // With a socket for its stdin, which Node's pipes are, Bash may take itself for a remote shell and read ~/.bashrc.
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return Object.fromEntries(
    text
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
