/** Finds a ROS 2 to test against, and runs programs in it. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll } from 'vitest';
import type { Run } from '../support/cli.js';

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
  });
  return Object.fromEntries(
    text
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

function environment(): NodeJS.ProcessEnv {
  if ('missing' in ros) throw new Error(ros.missing);
  return ros.env;
}

const children: ChildProcess[] = [];
/** Nothing that a failed test started outlives it. */
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a program with ROS 2 in its environment. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.env ?? environment(),
    ...options,
  });
  children.push(child);
  return child;
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Run> {
  return finished(start(command, args, options));
}

/** What a program printed, once it has ended. */
export function finished(child: ChildProcess): Promise<Run> {
  return new Promise((resolve, reject) => {
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Resolves once a program prints `text`, from now on. */
export function printed(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = '';
    const streams = [child.stdout, child.stderr];
    const onData = (data: string) => {
      all += data;
      if (!all.includes(text)) return;
      for (const stream of streams) stream?.off('data', onData);
      resolve();
    };
    for (const stream of streams) stream?.setEncoding('utf8').on('data', onData);
    child.once('close', () => reject(new Error(`never printed '${text}', but ${all}`)));
  });
}
