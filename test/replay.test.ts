/** Replay from end to end: the built program records live episodes and demonstrations, and replays them. */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ROBOT, ROOT, saccade, temporaryFolder } from './support/cli.js';
import { TEST_JOINTS, type TestPolicy, writeBundle } from './support/onnx.js';

const tmp = temporaryFolder();
/** Answers to every pixel now and before, and to the state; slow enough for safety to let it pass. */
const MOVING: Partial<TestPolicy> = {
  bias: [0.05, -0.05, 0.04, 0.03, -0.03, 0.02, 0.001],
  imageGain: 0.002,
  motionGain: 0.2,
  slope: 0.0002,
};
const moving = writeBundle(join(tmp, 'moving'), { ...MOVING, name: 'moving' }).dir;
const SEED = 300_000;

const figure = z.number().nonnegative();
const errors = z.record(
  z.enum(TEST_JOINTS),
  z.strictObject({ mean: figure.nullable(), p95: figure.nullable(), max: figure.nullable() }),
);
const percentiles = z.strictObject({ p50: figure, p95: figure, p99: figure }).nullable();
const wall = z.strictObject({ seconds: figure, speed: figure, latency_ms: percentiles, run_ms: percentiles });
const figures = {
  ticks: figure,
  inferences: figure,
  chunk_rows: figure,
  chunk_error: errors,
  horizon: z.array(
    z.strictObject({
      step: figure,
      time_s: figure,
      compared: figure,
      mean: z.record(z.enum(TEST_JOINTS), figure.nullable()),
    }),
  ),
  actions: figure,
  action_error: errors,
  command: z.strictObject({ compared: figure, max_difference: figure.nullable(), identical: z.boolean() }),
  safety: z.record(z.string(), figure),
};
/** What `--json` prints and `summary.json` holds: other programs read it, so a key that changes is a break. */
const summary = z.strictObject({
  replay: z.strictObject({
    saccade: z.string(),
    robot: z.string(),
    contract_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    policy: z.string(),
    graph_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    rate_hz: figure,
    chunk: figure,
    strategy: z.looseObject({ name: z.string() }),
    provider: z.string().nullable(),
    shard: z.strictObject({ index: figure, count: figure }).nullable(),
  }),
  bags: figure,
  ...figures,
  recorded: z.strictObject({ episodes: figure, successes: figure }),
  wall,
  results: z.array(
    z.strictObject({
      bag: z.string(),
      seed: figure.nullable(),
      stop: z.enum(['success', 'failure', 'timeout', 'aborted', 'interrupted']),
      reason: z.string().optional(),
      damage: z.string().optional(),
      ...figures,
      recorded: z
        .strictObject({
          success: z.boolean(),
          return: z.number(),
          steps: figure,
          stop: z.string(),
          safety: z.record(z.string(), figure),
        })
        .nullable(),
      wall,
    }),
  ),
});

async function replay(...args: string[]) {
  const run = await saccade(['replay', ...args, '--json']);
  expect(run.code, run.stderr).toBe(0);
  return summary.parse(JSON.parse(run.stdout));
}

/** Live episodes of 16 ticks from consecutive seeds; returns the folder of their bags. */
async function roll(name: string, policy: string, ...more: string[]): Promise<string> {
  const out = join(tmp, name);
  const args = ['--robot', ROBOT, '--policy', policy, '--task', 'pick_lift', '--time-limit', '0.8'];
  const run = await saccade(['rollout', ...args, '--seed', String(SEED), '--out', out, ...more]);
  expect(run.code, run.stderr).toBe(0);
  return join(out, 'bags');
}

const withoutWall = (text: string) => text.replace(/,"wall":\{.*?\}\}(?=[,}])/g, '');

describe('replay', () => {
  const demos = join(tmp, 'demos');
  let bags: string;
  let out: string;
  let same: z.infer<typeof summary>;

  beforeAll(async () => {
    bags = await roll('live', moving, '--episodes', '3', '--images', 'raw');
    const seed = String(SEED + 100);
    const made = await saccade(['demos', '--episodes', '2', '--seed', seed, '--out', demos]);
    expect(made.code, made.stderr).toBe(0);
    out = join(tmp, 'replayed');
    same = await replay(bags, '--policy', moving, '--workers', '1', '--out', out);
  });

  it('of a live run with the same bundle gives the very same actions and commands', () => {
    expect(same).toMatchObject({ bags: 3, ticks: 48, inferences: 48, actions: 48 });
    expect(same.command).toEqual({ compared: 48, max_difference: 0, identical: true });
    for (const joint of TEST_JOINTS) expect(same.action_error[joint]).toEqual({ mean: 0, p95: 0, max: 0 });
    expect(same.results.map(({ bag, seed }) => [bag, seed])).toEqual(
      [0, 1, 2].map((i) => [`episode_${SEED + i}`, SEED + i]),
    );
    const live = JSON.parse(readFileSync(join(bags, '../summary.json'), 'utf8'));
    expect(same.safety).toEqual(live.safety);
    same.results.forEach(({ recorded, safety }, i) => {
      expect(recorded).toMatchObject({ steps: 16, return: live.results[i].return });
      expect(safety).toEqual(recorded?.safety);
    });
  });

  it('holds for a policy with a memory, and with another strategy', async () => {
    const memory = { memory: true, firstGain: 0.001 };
    const policy = writeBundle(join(tmp, 'memory'), { ...MOVING, ...memory }).dir;
    const how = ['--strategy', 'receding', '--steps', '5'];
    const recorded = await roll('live-memory', policy, '--episodes', '1', ...how);
    const { command, action_error, inferences } = await replay(recorded, '--policy', policy, ...how);
    expect(inferences).toBe(4);
    expect(command).toMatchObject({ compared: 16, identical: true });
    expect(action_error.elbow).toMatchObject({ max: 0 });
  });

  it('writes what it prints, one bag a line, and the same for any number of workers', async () => {
    expect(summary.parse(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')))).toEqual(same);
    const other = join(tmp, 'replayed-2');
    const two = await replay(bags, '--policy', moving, '--workers', '2', '--out', other);
    const lines = (dir: string) => withoutWall(readFileSync(join(dir, 'results.jsonl'), 'utf8'));
    expect(lines(other)).toBe(lines(out));
    expect(lines(out).split('\n')).toHaveLength(4);
    const strip = ({ wall, results, ...rest }: z.infer<typeof summary>) => ({
      ...rest,
      results: results.map(({ wall, ...result }) => result),
    });
    expect(strip(two)).toEqual(strip(same));
  });

  it('of JPEG images is close, and says that it is not the same', async () => {
    const jpeg = await roll('live-jpeg', moving, '--episodes', '1', '--images', 'jpeg');
    const { command, action_error } = await replay(jpeg, '--policy', moving);
    expect(command.identical).toBe(false);
    expect(action_error.elbow?.max).toBeGreaterThan(0);
    expect(action_error.elbow?.max).toBeLessThan(0.02);
  });

  it('of demonstrations measures how far a policy is from the expert', async () => {
    const policy = join(ROOT, 'models/pick_lift');
    const trained = await replay(join(demos, 'bags'), '--policy', policy);
    const untrained = await replay(join(demos, 'bags'), '--policy', moving);
    expect(trained.recorded).toEqual({ episodes: 2, successes: 2 });
    expect(trained.actions).toBe(trained.ticks);
    expect(trained.ticks).toBe(
      trained.results.reduce((sum, { recorded }) => sum + (recorded?.steps ?? 0), 0),
    );
    for (const joint of TEST_JOINTS) {
      const [good, bad] = [trained, untrained].map(({ chunk_error }) => chunk_error[joint]?.mean as number);
      expect(good).toBeLessThan(bad as number);
    }
    // Further ahead is harder to foresee.
    const [first, last] = [trained.horizon[0], trained.horizon.at(-1)];
    expect(last?.mean.shoulder_lift).toBeGreaterThan(first?.mean.shoulder_lift as number);
    expect(trained.command.identical).toBe(false);
  });

  describe('--against', () => {
    const earlier = () => join(out, 'summary.json');

    it('passes when nothing got worse, and prints tables for a person', async () => {
      const run = await saccade(['replay', bags, '--policy', moving, '--against', earlier()]);
      expect(run.code, run.stderr).toBe(0);
      expect(run.stderr).toContain('3 bags of sim_arm with policy moving');
      expect(run.stderr).toContain('Nothing got worse (tolerance 0).');
      expect(run.stdout).toMatch(/^episode_300000 +timeout +\d+ +16 +identical/m);
      expect(run.stdout).toMatch(/^error, rad \(m\) +chunk mean/m);
      expect(run.stdout).toMatch(/^commands +identical$/m);
    });

    it('exits with 1 and names what got worse, by more than the tolerance', async () => {
      const bias = [0.05, -0.05, 0.04, 0.03, -0.03, 0.03, 0.001];
      const other = writeBundle(join(tmp, 'other'), { ...MOVING, bias }).dir;
      const args = ['replay', bags, '--policy', other, '--against', earlier(), '--tolerance'];
      const strict = await saccade([...args, '0.005']);
      expect(strict.code, strict.stderr).toBe(1);
      expect(strict.stderr).toMatch(/got worse by more than 0\.005/);
      expect(strict.stderr).toMatch(/all bags +action_error\.wrist_3/);
      expect(strict.stderr).not.toContain('elbow');
      const lax = await saccade([...args, '0.02']);
      expect(lax.code, lax.stderr).toBe(0);
    });

    it('compares a share of the bags with theirs', async () => {
      const args = ['replay', bags, '--policy', moving, '--against', earlier()];
      const run = await saccade([...args, '--shard', '2/3', '--json']);
      expect(run.code, run.stderr).toBe(0);
      const { results, replay: info } = summary.parse(JSON.parse(run.stdout));
      expect(results.map(({ bag }) => bag)).toEqual([`episode_${SEED + 1}`]);
      expect(info.shard).toEqual({ index: 2, count: 3 });
    });
  });

  describe('refuses in one sentence, with exit code 2 and nothing written,', () => {
    const refusal = async (...args: string[]) => {
      const dir = join(tmp, 'refused');
      const run = await saccade(['replay', ...args, '--out', dir]);
      expect(run.code, run.stderr).toBe(2);
      expect(run.stdout).toBe('');
      expect(run.stderr.trim().split('\n')).toHaveLength(1);
      expect(existsSync(dir)).toBe(false);
      return run.stderr;
    };

    it('what is no bag', async () => {
      expect(await refusal(tmp, '--policy', moving)).toContain('neither a bag nor a folder with bags');
      expect(await refusal(join(tmp, 'none'), '--policy', moving)).toContain('does not exist');
    });

    it('a policy of another rate', async () => {
      const fast = writeBundle(join(tmp, 'fast'), { rateHz: 30 }).dir;
      expect(await refusal(bags, '--policy', fast)).toContain('rate_hz is 20 in the robot and 30');
    });

    it('a contract that reads the bags in another way, but not other limits', async () => {
      const text = readFileSync(ROBOT, 'utf8').replace(/scene: .*/, 'scene: scene.xml');
      writeFileSync(join(tmp, 'scene.xml'), '');
      const file = (name: string, content: string) => {
        writeFileSync(join(tmp, name), content);
        return join(tmp, name);
      };
      const small = file('small.yaml', text.replace(/width: 96(?=.*max_age_s)/, 'width: 64'));
      const args = [bags, '--policy', moving, '--robot'];
      expect(await refusal(...args, small)).toContain('is of another robot');
      const slow = file('slow.yaml', text.replaceAll('velocity: 4.0', 'velocity: 0.2'));
      const limited = await replay(...args, slow);
      expect(same.safety.velocity_limit).toBe(0);
      expect(limited.safety.velocity_limit).toBeGreaterThan(0);
    });

    it('options that do not go together, and earlier results of something else', async () => {
      expect(await refusal(bags, '--policy', moving, '--tolerance', '1')).toContain('--against');
      expect(await refusal(bags, '--policy', moving, '--shard', '1/4')).toContain('some would be empty');
      const rollout = join(bags, '../summary.json');
      expect(await refusal(bags, '--policy', moving, '--against', rollout)).toContain(
        'is not the summary of a replay',
      );
    });
  });

  it('keeps what was done when it is interrupted, and says so with its exit code', async () => {
    const slow = writeBundle(join(tmp, 'slow'), { ...MOVING, slowness: 4 }).dir;
    const dir = join(tmp, 'interrupted');
    const args = ['replay', bags, '--policy', slow, '--workers', '1', '--out', dir, '--json'];
    const run = await saccade(args, { interruptAt: '3 bags of' });
    expect(run.code, run.stderr).toBe(130);
    const { bags: done, results } = summary.parse(JSON.parse(run.stdout));
    expect(done).toBeLessThan(3);
    expect(results).toHaveLength(done);
    expect(existsSync(join(dir, 'summary.json'))).toBe(true);
  });

  it('replays what there is of a bag that was cut short, and says so', async () => {
    const [whole] = readdirSync(join(demos, 'bags')).sort();
    const cut = join(tmp, 'cut', whole as string);
    cpSync(join(demos, 'bags', whole as string), cut, { recursive: true });
    const storage = join(cut, readdirSync(cut).find((file) => file.endsWith('.mcap')) as string);
    truncateSync(storage, Math.floor(0.6 * statSync(storage).size));
    const { results } = await replay(cut, join(demos, 'bags', whole as string), '--policy', moving);
    const [all, some] = results;
    expect([all?.bag, some?.bag]).toEqual([`bags/${whole}`, `cut/${whole}`]);
    expect(some?.damage).toBeTruthy();
    expect(some?.recorded).toBeNull();
    expect(some?.ticks).toBeGreaterThan(0);
    expect(some?.ticks).toBeLessThan(all?.ticks as number);
  });
});
