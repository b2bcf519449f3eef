/** How fast the disk takes what a recording writes. */

import { existsSync } from 'node:fs';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Finding, ok, reason, warn } from './check.js';

/** Three cameras of 640×480 rgb8 at 30 Hz, MB/s. */
const RAW_MB_S = (3 * 640 * 480 * 3 * 30) / 1e6;
/** The same as JPEG of quality 90 or so. */
const JPEG_MB_S = RAW_MB_S / 10;

const MB = 1e6;
const BLOCK_MB = 8;
/** Between two syncs: a recording asks for one a second. */
const SYNC_MB = 64;

export interface DiskOptions {
  /** Written, MB; less where the time is over. */
  readonly megabytes?: number;
  readonly limitS?: number;
}

/** @param folder where recordings would go; it need not exist yet */
export async function checkDisk(folder: string, options: DiskOptions = {}): Promise<Finding> {
  const name = 'disk';
  const dir = existing(resolve(folder));
  const advice = 'name another folder with --record';
  try {
    const { bavail, bsize } = await statfs(dir);
    const freeGb = (bavail * bsize) / 1e9;
    if (freeGb < 1) return warn(name, `${dir} has ${freeGb.toFixed(1)} GB left`, `make room, or ${advice}`);
    const speed = await writeSpeed(dir, options);
    return judge(dir, speed, freeGb);
  } catch (error) {
    return warn(name, `${dir} cannot be written (${reason(error)})`, advice);
  }
}

/** @param speed MB/s */
export function judge(dir: string, speed: number, freeGb: number): Finding {
  const found = `${dir} takes ${speed.toFixed(0)} MB/s, ${freeGb.toFixed(0)} GB free; three raw 640×480 cameras at 30 Hz need ${RAW_MB_S.toFixed(0)} MB/s`;
  if (speed >= RAW_MB_S) return ok('disk', found);
  return speed >= JPEG_MB_S
    ? warn('disk', found, 'record with --images jpeg, or to a faster disk')
    : warn('disk', found, 'record to a faster disk: this one is too slow for JPEG, too');
}

/** MB/s from the first byte to the end of fsync. */
async function writeSpeed(dir: string, { megabytes = 256, limitS = 4 }: DiskOptions): Promise<number> {
  const folder = join(dir, `.saccade-doctor-${process.pid}`);
  await mkdir(folder);
  try {
    const file = await open(join(folder, 'block'), 'w');
    try {
      // Not zeros: some file systems do not write those.
      const block = Buffer.alloc(BLOCK_MB * MB, 'saccade');
      const start = performance.now();
      const seconds = () => (performance.now() - start) / 1000;
      let written = 0;
      while (written < megabytes && seconds() < limitS) {
        await file.write(block);
        written += BLOCK_MB;
        if (written % SYNC_MB === 0) await file.datasync();
      }
      await file.datasync();
      return written / seconds();
    } finally {
      await file.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The folder itself, or the nearest one above it that is there. */
function existing(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : existing(dirname(folder));
}
