/** Real-time scheduling of the loop's thread, on Linux. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UserError } from './errors.js';

/**
 * Has the system run this process's main thread, on which the loop runs, before anything that is not real-time:
 * SCHED_FIFO, as ros2_control's controller manager does. Threads begun later do not inherit it (inference would then
 * compete with the loop), those begun before keep what they have. `chrt` of util-linux does it, as Node.js cannot.
 * @param priority 1 to 99
 * @returns undoes it
 * @throws UserError where that is not permitted, or there is no `chrt`
 */
export async function scheduleRealtime(priority: number): Promise<() => Promise<void>> {
  await chrt('--reset-on-fork', '--fifo', '--pid', String(priority), String(process.pid));
  return () => chrt('--other', '--pid', '0', String(process.pid));
}

async function chrt(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('chrt', args);
  } catch (cause) {
    const { code, stderr, message } = cause as Error & { code?: unknown; stderr?: string };
    const missing = code === 'ENOENT';
    throw new UserError(
      missing
        ? 'a real-time priority is set with chrt, which is not installed: apt install util-linux'
        : `the system refuses a real-time priority (${(stderr || message).trim()}): allow it with rtprio in /etc/security/limits.conf and log in again, or set realtime_priority to 0`,
      1,
      { cause },
    );
  }
}
