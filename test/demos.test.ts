/** `saccade demos` and `saccade sim shot`, as a user runs them. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { infoOf, resultOf } from '../src/record/openEpisode.js';
import { openBag } from '../src/record/reader.js';
import { ROBOT, saccade, temporaryFolder } from './support/cli.js';

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

/** Topic, time and a digest of every message of a bag, apart from diagnostics, which read a wall clock. */
async function messages(dir: string): Promise<(readonly [string, bigint, string])[]> {
  const bag = await openBag(dir);
  const found: (readonly [string, bigint, string])[] = [];
  for await (const { topic, logTime, data } of bag.messages())
    if (topic !== '/diagnostics')
      found.push([topic, logTime, createHash('sha256').update(data).digest('hex')]);
  expect(bag.damage).toBeUndefined();
  await bag.close();
  return found.sort(([a, t], [b, u]) => (t < u ? -1 : t > u ? 1 : a < b ? -1 : 1));
}

describe('saccade demos', () => {
  const demos = (...args: string[]) => saccade(['demos', ...args]);

  it('records the same messages with one worker and with two', async () => {
    const [one, two] = [join(tmp, 'one'), join(tmp, 'two')];
    const run = await demos('--episodes', '3', '--seed', '300500', '--workers', '1', '--out', one, '--json');
    await demos('--episodes', '3', '--seed', '300500', '--workers', '2', '--out', two);
    const summary = JSON.parse(run.stdout);
    expect(summary).toMatchObject({ out: one, task: 'pick_lift', robot: 'sim_arm', episodes: 3, failed: [] });
    expect(JSON.parse(readFileSync(join(one, 'demos.json'), 'utf8'))).toMatchObject({
      seed: 300500,
      rows: summary.rows,
    });

    const bags = readdirSync(join(one, 'bags')).sort();
    expect(bags).toEqual(['episode_300500', 'episode_300501', 'episode_300502']);
    expect(readdirSync(join(two, 'bags')).sort()).toEqual(bags);
    let rows = 0;
    for (const bag of bags) {
      const [a, b] = [await messages(join(one, 'bags', bag)), await messages(join(two, 'bags', bag))];
      expect(b).toEqual(a);
      const counts = new Map<string, number>();
      for (const [topic] of a) counts.set(topic, (counts.get(topic) ?? 0) + 1);
      const steps = counts.get('/saccade/action') as number;
      expect(steps).toBeGreaterThan(20);
      rows += steps;
      // One image, state and reward more than actions: what the last action led to.
      for (const topic of ['/head/image_raw', '/wrist_detail/image_raw', '/joint_states', '/reward'])
        expect([topic, counts.get(topic)]).toEqual([topic, steps + 1]);
      expect(counts.get('/saccade/command')).toBe(steps);
    }
    expect(rows).toBe(summary.rows);
  });

  it.each([
    ['pick_at_xy', 'sim_arm', { position_error_m: expect.any(Number) }],
    ['place_left_of', 'sim_arm', { blue_moved_m: expect.any(Number) }],
    ['transfer_cube', 'sim_bimanual', undefined],
  ])('records %s on the robot that the task names, %s', async (task, robot, metrics) => {
    const out = join(tmp, task);
    const args = ['--task', task, '--episodes', '1', '--seed', '300500', '--no-disturb', '--workers', '1'];
    const { code, stdout } = await demos(...args, '--out', out, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ task, robot, episodes: 1, failed: [] });
    const bag = await openBag(join(out, 'bags', 'episode_300500'));
    expect(infoOf(bag)).toMatchObject({ task, contract: { file: `${robot}.yaml` }, maxReward: 4 });
    const result = await resultOf(bag);
    expect(result).toMatchObject({ success: true, stop: 'success', highest_reward: 4 });
    expect(result?.metrics).toEqual(metrics);
    await bag.close();
  });

  it('refuses a robot that is not one for the task, naming the one that is', async () => {
    const out = join(tmp, 'misfit');
    const run = await demos('--task', 'transfer_cube', '--robot', ROBOT, '--episodes', '1', '--out', out);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(
      /task transfer_cube is for a robot with 2 arms, and .*sim_arm\.yaml has 1: give --robot .*sim_bimanual\.yaml/,
    );
    expect(existsSync(out)).toBe(false);
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

  it('shows the cameras of the robot that the task is for', async () => {
    const out = join(tmp, 'both arms');
    const args = ['--task', 'transfer_cube', '--size', '32', '--out', out, '--json'];
    const { code, stdout } = await saccade(['sim', 'shot', ...args]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).files).toEqual(
      ['left_wrist_detail', 'right_wrist_detail', 'head'].map((camera) => join(out, `${camera}.png`)),
    );
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
