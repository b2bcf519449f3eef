import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { scheduleRealtime } from './realtime.js';

const FIFO = 1;
/** Whether this user may, asked of the system itself. */
const permitted = (() => {
  try {
    execFileSync('chrt', ['--fifo', '1', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

afterEach(() => vi.unstubAllEnvs());

/** See proc(5); the name before it may hold spaces. */
function scheduling(stat: string) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { priority: Number(fields[37]), policy: Number(fields[38]) };
}
const ofMainThread = () => scheduling(readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1'));

function ofNewThread(): Promise<ReturnType<typeof scheduling>> {
  const worker = new Worker(
    `require('node:worker_threads').parentPort.postMessage(require('node:fs').readFileSync('/proc/thread-self/stat', 'latin1'))`,
    { eval: true },
  );
  return new Promise((resolve, reject) => {
    worker.once('message', (stat) => resolve(scheduling(stat)));
    worker.once('error', reject);
  });
}

describe('scheduleRealtime', () => {
  it.runIf(permitted)('changes the main thread and no other, until it is undone', async () => {
    const undo = await scheduleRealtime(3);
    try {
      expect(ofMainThread()).toEqual({ priority: 3, policy: FIFO });
      expect(await ofNewThread()).toEqual({ priority: 0, policy: 0 });
    } finally {
      await undo();
    }
    expect(ofMainThread()).toEqual({ priority: 0, policy: 0 });
  });

  it('says what to do where the system does not permit it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'saccade-'));
    writeFileSync(
      join(folder, 'chrt'),
      `#!/bin/sh\necho "chrt: failed to set pid $5's policy: Operation not permitted" >&2\nexit 1\n`,
    );
    chmodSync(join(folder, 'chrt'), 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    await expect(scheduleRealtime(50)).rejects.toThrow(
      `the system refuses a real-time priority (chrt: failed to set pid ${process.pid}'s policy: Operation not permitted): allow it with rtprio`,
    );
  });

  it('says what is missing where there is no chrt', async () => {
    vi.stubEnv('PATH', '/nowhere');
    await expect(scheduleRealtime(50)).rejects.toThrow('apt install util-linux');
  });
});
