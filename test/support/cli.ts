/** Runs the built `saccade` program as a user would. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const ROBOT = join(ROOT, 'config/robots/sim_arm.yaml');
export const TASKS = join(ROOT, 'config/tasks');
const MAIN = join(ROOT, 'dist/cli/main.js');

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** As soon as stderr contains this, sends SIGINT; twice, for under npm one Ctrl-C arrives twice. */
  readonly interruptAt?: string;
}

export function saccade(args: readonly string[], { cwd = ROOT, interruptAt }: RunOptions = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    let interrupted = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (interruptAt && !interrupted && stderr.includes(interruptAt))
        interrupted = child.kill('SIGINT') && child.kill('SIGINT');
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A folder that is gone after the test file. Call it at the top level of a test file. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'saccade-test-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
