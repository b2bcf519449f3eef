/** Clocks: how punctual timers are, and whether the time of day can be trusted. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { percentile } from '../../episode/statistics.js';
import { type Finding, ok, warn } from './check.js';

const PERIOD_MS = 4;
/** A command at 250 Hz that is later than this misses its turn. */
const LATE_MS = 2;
/** Between the two clocks; crystals differ by less. */
const DRIFT_PPM = 500;

export interface ClockReading {
  /** How much later than asked timers came, ms, ascending. */
  readonly lateness: Float64Array;
  /** How much the time of day gained on the monotonic clock, and over how long, ms. */
  readonly gainedMs: number;
  readonly overMs: number;
}

/** Nothing else should run meanwhile. */
export async function readClocks(durationMs = 1500): Promise<ClockReading> {
  const lateness: number[] = [];
  const start = performance.now();
  const startOfDay = Date.now();
  for (let now = start; now - start < durationMs; ) {
    await sleep(PERIOD_MS);
    const after = performance.now();
    lateness.push(after - now - PERIOD_MS);
    now = after;
  }
  const overMs = performance.now() - start;
  return { lateness: Float64Array.from(lateness).sort(), gainedMs: Date.now() - startOfDay - overMs, overMs };
}

export function judgeTimers({ lateness }: ClockReading): Finding {
  const [p50, p99] = [0.5, 0.99].map((q) => percentile(lateness, q)) as [number, number];
  const found = `${PERIOD_MS} ms timers come ${p50.toFixed(2)} ms late at the median, ${p99.toFixed(2)} ms at p99`;
  return p99 > LATE_MS
    ? warn(
        'timers',
        found,
        'end what else runs here; on the robot set the governor to performance, or use a real-time kernel',
      )
    : ok('timers', found);
}

/** @param synchronised undefined where nobody tells */
export function judgeClock({ gainedMs, overMs }: ClockReading, synchronised: boolean | undefined): Finding {
  const name = 'clock';
  // The time of day is read in whole milliseconds.
  const ppm = (1e6 * Math.max(0, Math.abs(gainedMs) - 2)) / overMs;
  if (ppm > DRIFT_PPM)
    return warn(
      name,
      `the time of day moved ${gainedMs.toFixed(0)} ms against the monotonic clock within ${(overMs / 1000).toFixed(1)} s`,
      'it is being stepped: have chrony or systemd-timesyncd slew it, and let it settle before a robot moves',
    );
  if (synchronised === false)
    return warn(
      name,
      'steady, but not synchronised by NTP',
      'stamps of cameras on other machines cannot be compared: `timedatectl set-ntp true`, or set up chrony',
    );
  return ok(
    name,
    synchronised ? 'steady, synchronised by NTP' : 'steady; whether NTP synchronises it is not told here',
  );
}

/** Whether the node's `realtime_priority` is permitted: `chrt` asks the system itself. */
export async function checkRealtime(): Promise<Finding> {
  const name = 'real time';
  return (await output('chrt', ['--fifo', '1', 'true'])) === undefined
    ? ok(
        name,
        'no priority is permitted here; only commands at 100 Hz and more want one: rtprio in /etc/security/limits.conf',
      )
    : ok(name, 'a priority is permitted (realtime_priority)');
}

/** As systemd or chrony tells; undefined where neither does. */
export async function synchronised(): Promise<boolean | undefined> {
  const said = await output('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  if (said === 'yes' || said === 'no') return said === 'yes';
  const tracking = await output('chronyc', ['-n', 'tracking']);
  if (tracking?.includes('Leap status')) return /Leap status\s*: Normal/.test(tracking);
  return existsSync('/run/systemd/timesync/synchronized') ? true : undefined;
}

async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, args, { timeout: 2000 })).stdout.trim();
  } catch {
    return undefined;
  }
}
