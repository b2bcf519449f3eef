import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openBagsFolder } from './folder.js';

const tmp = mkdtempSync(join(tmpdir(), 'saccade-bags-'));
afterAll(() => rmSync(tmp, { recursive: true, force: true }));

describe('openBagsFolder', () => {
  it('starts with 0, and goes on after the highest number there is', async () => {
    const out = join(tmp, 'run');
    expect((await openBagsFolder(out)).next).toBe(0);
    for (const name of ['episode_000000', 'episode_000007', 'episode_x', 'notes'])
      mkdirSync(join(out, 'bags', name));
    expect((await openBagsFolder(out)).next).toBe(8);
  });

  it('takes away only empty folders that it made', async () => {
    const out = join(tmp, 'empty');
    const made = await openBagsFolder(out);
    expect(existsSync(made.dir)).toBe(true);
    await made.tidy();
    expect(existsSync(out)).toBe(false);

    mkdirSync(out);
    await (await openBagsFolder(out)).tidy();
    expect(readdirSync(out)).toEqual([]);

    const full = await openBagsFolder(join(tmp, 'full'));
    writeFileSync(join(full.dir, 'mine'), '');
    await full.tidy();
    expect(readdirSync(full.dir)).toEqual(['mine']);
  });

  it('says where it cannot write', async () => {
    await expect(openBagsFolder('/proc/nope')).rejects.toThrow(/^--out \/proc\/nope cannot be written: /);
  });
});
