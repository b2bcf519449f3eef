import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, '../dist/cli/main.js');
const run = promisify(execFile);
const demos = (...args: string[]) => run(process.execPath, [main, 'demos', ...args]);

/** Every file of a folder tree, by relative path. */
function contents(dir: string, prefix = ''): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(prefix, entry.name);
    if (entry.isDirectory()) for (const [k, v] of contents(join(dir, entry.name), path)) files.set(k, v);
    else files.set(path, readFileSync(join(dir, entry.name)));
  }
  return files;
}

describe('saccade demos', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'saccade-demos-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('records the same bytes with one worker and with two, as documented', async () => {
    const [one, two] = [join(dir, 'one'), join(dir, 'two')];
    const { stdout } = await demos(
      '--episodes',
      '3',
      '--seed',
      '500',
      '--workers',
      '1',
      '--out',
      one,
      '--json',
    );
    await demos('--episodes', '3', '--seed', '500', '--workers', '2', '--out', two);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ out: one, episodes: 3 });

    const [a, b] = [contents(one), contents(two)];
    expect([...b.keys()].sort()).toEqual([...a.keys()].sort());
    for (const [name, bytes] of a) expect(b.get(name)?.equals(bytes), name).toBe(true);

    const index = JSON.parse(readFileSync(join(one, 'demos.json'), 'utf8'));
    expect(index).toMatchObject({
      format: 'saccade-demos',
      version: 1,
      task: 'pick_lift',
      rate_hz: 20,
      seed: 500,
    });
    expect(index.episodes).toHaveLength(3);
    const { steps, dir: episode } = index.episodes[0];
    // 96×96 rgb8 rows and float32 rows, after a header of a multiple of 64 bytes.
    expect(a.get(join(episode, 'head.npy'))?.length).toBe(128 + steps * 96 * 96 * 3);
    expect(a.get(join(episode, 'action.npy'))?.length).toBe(128 + steps * 7 * 4);
    expect(summary.rows).toBe(index.episodes.reduce((sum: number, e: { steps: number }) => sum + e.steps, 0));
  });

  it('refuses a folder that holds something, and leaves it alone', async () => {
    const out = join(dir, 'full');
    await demos('--episodes', '1', '--out', out);
    writeFileSync(join(out, 'mine.txt'), 'keep');
    const before = contents(out);
    await expect(demos('--episodes', '1', '--out', out)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--out ${out} is not empty: name a new folder`),
    });
    expect(contents(out)).toEqual(before);
  });

  it.each([
    ['--episodes', '0', /--episodes must be a whole number of at least 1, not '0'/],
    ['--episodes', 'NaN', /--episodes must be a whole number of at least 1, not 'NaN'/],
    ['--seed', '-1', /--seed must be a whole number from 0 to \d+, not '-1'/],
    ['--robot', '/nowhere.yaml', /\/nowhere\.yaml/],
    ['--task', 'juggle', /task 'juggle' is unknown/],
    ['--out', '/proc/nope', /--out \/proc\/nope cannot be written/],
  ])('refuses %s %s', async (option, value, message) => {
    const args = new Map([
      ['--episodes', '1'],
      ['--out', join(dir, 'never')],
    ]);
    args.set(option, value);
    await expect(demos(...[...args].flat())).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message),
    });
  });
});
