/** `saccade demos` and `saccade sim shot`, as a user runs them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { saccade, temporaryFolder } from './support/cli.js';

const tmp = temporaryFolder();

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
  const demos = (...args: string[]) => saccade(['demos', ...args]);

  it('records the same bytes with one worker and with two, as documented', async () => {
    const [one, two] = [join(tmp, 'one'), join(tmp, 'two')];
    const run = await demos('--episodes', '3', '--seed', '500', '--workers', '1', '--out', one, '--json');
    await demos('--episodes', '3', '--seed', '500', '--workers', '2', '--out', two);
    const summary = JSON.parse(run.stdout);
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
    const out = join(tmp, 'full');
    mkdirSync(out);
    writeFileSync(join(out, 'mine.txt'), 'keep');
    const before = contents(out);
    const { code, stderr } = await demos('--episodes', '1', '--out', out);
    expect(code).toBe(2);
    expect(stderr).toContain(`--out ${out} is not empty: name a new folder`);
    expect(contents(out)).toEqual(before);
  });

  it('stops at Ctrl-C, says what is left, and exits 130', async () => {
    const out = join(tmp, 'interrupted');
    const { code, stdout, stderr } = await saccade(
      ['demos', '--episodes', '100', '--seed', '500', '--workers', '2', '--out', out],
      { interruptAt: '10/100' },
    );
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${out} is unfinished (it has no demos.json): remove it`);
    expect(existsSync(join(out, 'demos.json'))).toBe(false);
  });

  it.each([
    ['--episodes', '0', /--episodes must be a whole number of at least 1, not '0'/],
    ['--episodes', 'NaN', /--episodes must be a whole number of at least 1, not 'NaN'/],
    ['--seed', '-1', /--seed must be a whole number from 0 to \d+, not '-1'/],
    ['--robot', '/nowhere.yaml', /\/nowhere\.yaml/],
    ['--task', 'juggle', /task 'juggle' is unknown/],
    ['--out', '/proc/nope', /--out \/proc\/nope cannot be written/],
  ])('refuses %s %s', async (option, value, message) => {
    const never = join(tmp, 'never');
    const args = new Map([
      ['--episodes', '1'],
      ['--out', never],
    ]);
    args.set(option, value);
    const { code, stderr } = await demos(...[...args].flat());
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(never)).toBe(false);
  });
});

describe('saccade sim shot', () => {
  it('writes a PNG a camera, of the size asked for, the same for the same seed', async () => {
    const shot = async (name: string, ...args: string[]) => {
      const out = join(tmp, name);
      const { code, stdout } = await saccade(['sim', 'shot', '--out', out, '--json', ...args]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout).files).toEqual(
        ['wrist_detail', 'wrist_context', 'head'].map((camera) => join(out, `${camera}.png`)),
      );
      return contents(out);
    };
    const [a, b, other] = [
      await shot('a', '--size', '48'),
      await shot('b', '--size', '48'),
      await shot('other', '--size', '48', '--seed', '2', '--ticks', '10'),
    ];
    expect(b).toEqual(a);
    for (const [name, bytes] of a) {
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 48, height: 48 });
      expect(other.get(name)?.equals(bytes), name).toBe(false);
    }
  });

  it.each([
    ['--size', '0', /--size must be a whole number of at least 1, not '0'/],
    ['--size', '5000', /--size must be at most 2048, not 5000/],
    ['--ticks', '-1', /--ticks must be a whole number of at least 0, not '-1'/],
    ['--out', '/proc/nope', /--out \/proc\/nope cannot be created/],
  ])('refuses %s %s', async (option, value, message) => {
    const { code, stderr } = await saccade(['sim', 'shot', '--out', join(tmp, 'shots'), option, value]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
