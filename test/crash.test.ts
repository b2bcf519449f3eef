/** `kill -9` in the middle of a recording: 200 of them are in bench/crash.ts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recordAndKill } from './support/kill.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'saccade-crash-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

it.each([
  ['raw', 30],
  ['raw', 1234],
  ['jpeg', 1700],
] as const)(
  'a %s recording killed after %i ms lacks no more than its last second',
  async (images, afterMs) => {
    const dir = join(root, `${images}_${afterMs}`);
    const { recordedS, sent, kept, lostS, damage } = await recordAndKill({
      dir,
      images,
      afterMs,
      width: 96,
      height: 96,
    });
    expect(damage).toMatch(/\S/);
    expect(sent).toBeGreaterThan(0);
    expect(lostS).toBeLessThan(1);
    if (recordedS > 1) expect(kept).toBeGreaterThan(0);
  },
);
