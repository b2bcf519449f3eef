/** Runs programs in the ROS 2 that there is to test against. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { afterAll } from 'vitest';
import type { Run } from '../support/cli.js';
import { ros, sourcedFrom } from './sourced.js';

export { ros, sourcedFrom };

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
