/** The rollout command from end to end: the built program, real graphs, the real simulator. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openEpisode } from '../src/record/openEpisode.js';
import { ROBOT, ROOT, saccade, temporaryFolder } from './support/cli.js';
import { TEST_JOINTS, writeBundle } from './support/onnx.js';

const tmp = temporaryFolder();
/** Drifts, and steers by what it sees, so that a wrong pixel or a wrong order would show. */
const moving = writeBundle(join(tmp, 'moving'), {
  name: 'moving',
  bias: [0.05, -0.05, 0.04, 0.03, -0.03, 0.02, 0.001],
  imageGain: 0.02,
  motionGain: 2,
  slope: 0.001,
  memory: true,
  firstGain: 0.001,
  views: true,
}).dir;

const args = (policy: string, ...more: string[]) => [
  ...['rollout', '--robot', ROBOT, '--policy', policy, '--task', 'pick_lift', '--time-limit', '0.6'],
  ...more,
];

const percentiles = z.strictObject({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable();
const rate = z.number().min(0).max(1);
const ticks = z.number().int().nonnegative();
const safety = z.strictObject({
  non_finite: ticks,
  position_limit: ticks,
  velocity_limit: ticks,
  acceleration_limit: ticks,
  ramp_in: ticks,
  hold_stale: ticks,
  hold_no_action: ticks,
  emergency_stop: ticks,
});
const result = z.strictObject({
  seed: ticks,
  success: z.boolean(),
  return: z.number(),
  highest_reward: z.number().int().min(0).max(4),
  steps: ticks,
  duration_s: z.number().nonnegative(),
  stop: z.enum(['success', 'failure', 'timeout', 'aborted', 'interrupted']),
  reason: z.string().optional(),
  metrics: z.record(z.string(), z.number()).optional(),
  safety,
  max_camera_skew_s: z.number(),
  bag: z.string().optional(),
  wall: z.strictObject({
    seconds: z.number(),
    latency_ms: percentiles,
    run_ms: percentiles,
    overhead_ms: percentiles,
    reaction_ms: percentiles,
    missed_ticks: ticks,
    missed_commands: ticks,
    dropped_observations: ticks,
    spent_chunks: ticks,
  }),
});
/** What `--json` prints and `summary.json` holds: other programs read it, so a key that changes is a break. */
const summary = z.strictObject({
  episodes: ticks,
  interrupted: ticks,
  success_rate: rate.nullable(),
  success_ci95: z.tuple([rate, rate]),
  average_return: z.number().nullable(),
  return_std: z.number().nullable(),
  reward_at_least: z.record(z.string().regex(/^\d+$/), rate),
  metrics: z.record(
    z.string(),
    z.strictObject({ mean: z.number(), std: z.number().nullable(), episodes: ticks }),
  ),
  latency_ms: percentiles,
  run_ms: percentiles,
  overhead_ms: percentiles,
  safety,
  results: z.array(result),
  run: z.strictObject({
    saccade: z.string(),
    robot: z.string(),
    contract_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    policy: z.string(),
    graph_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    task: z.string(),
    strategy: z.looseObject({ name: z.string() }),
    provider: z.string().nullable(),
    control: z.string().nullable(),
    speed: z.number(),
    added_latency_ms: z.number(),
    added_latency_jitter_ms: z.number(),
    observation_delay_ms: z.number(),
    seed: ticks,
    episodes: ticks,
    shard: z.strictObject({ index: ticks, count: ticks }).nullable(),
    time_limit_s: z.number(),
    max_reward: ticks,
  }),
});

const text = (...path: string[]) => readFileSync(join(...path), 'utf8');
const lines = (file: string) =>
  file
    .trimEnd()
    .split('\n')
    .map((line) => result.parse(JSON.parse(line)));
/** A results file without what it read off a wall clock, everything else byte for byte. */
const withoutWall = (file: string) => file.replace(/,"wall":\{.*\}\}$/gm, '}');

describe('rollout', () => {
  const [one, two] = [join(tmp, 'one'), join(tmp, 'two')];
  let json: z.infer<typeof summary>;

  beforeAll(async () => {
    const first = await saccade(
      args(moving, '--episodes', '4', '--seed', '7', '--workers', '1', '--out', one, '--json'),
    );
    expect(first.code, first.stderr).toBe(0);
    json = summary.parse(JSON.parse(first.stdout));
    const second = await saccade(
      args(moving, '--episodes', '4', '--seed', '7', '--workers', '2', '--out', two),
    );
    expect(second.code, second.stderr).toBe(0);
    expect(second.stdout).toContain('success rate');
    expect(second.stdout).toContain(join(two, 'results.jsonl'));
  });

  it('prints one JSON object, which is also the summary file', () => {
    expect(summary.parse(JSON.parse(text(one, 'summary.json')))).toEqual(json);
    expect(json.results).toEqual(lines(text(one, 'results.jsonl')));
    expect(json).toMatchObject({
      episodes: 4,
      interrupted: 0,
      success_rate: 0,
      average_return: 0,
      return_std: 0,
    });
    expect(json.reward_at_least).toEqual({ '0': 1, '1': 0, '2': 0, '3': 0, '4': 0 });
    expect(json.run).toMatchObject({
      robot: 'sim_arm',
      policy: 'moving',
      provider: 'cpu',
      seed: 7,
      time_limit_s: 0.6,
    });
    expect(json.run.strategy).toEqual({ name: 'ensemble', m: 0.01 });
  });

  it('runs one episode a seed', () => {
    expect(json.results.map(({ seed, steps, stop }) => [seed, steps, stop])).toEqual([
      [7, 12, 'timeout'],
      [8, 12, 'timeout'],
      [9, 12, 'timeout'],
      [10, 12, 'timeout'],
    ]);
  });

  it('gives the same bytes whatever the number of workers, wall-clock figures apart', () => {
    const [a, b] = [text(one, 'results.jsonl'), text(two, 'results.jsonl')].map(withoutWall);
    expect(a).not.toContain('latency_ms');
    expect(b).toBe(a);
    // The policy really did something that could differ.
    expect(Object.values(json.safety).some((count) => count > 0)).toBe(true);
  });

  it('leaves nothing beside its files', () => {
    expect(readdirSync(one).sort()).toEqual(['bags', 'results.jsonl', 'summary.json']);
    expect(readdirSync(join(one, 'bags')).sort()).toEqual(
      json.results.map(({ bag }) => bag?.slice('bags/'.length)),
    );
  });

  it('records each episode: the bag holds what the results say', async () => {
    for (const { bag: path, seed, steps } of json.results) {
      const bag = await openEpisode(join(one, path as string));
      const commands = new Map<number, Float32Array>();
      for await (const event of bag.events(new Set(['command'])))
        if (event.kind === 'command') commands.set(event.time, event.positions);
      await bag.close();
      expect(commands.size).toBe(steps);
      expect([...commands.keys()]).toEqual(Array.from({ length: steps }, (_, n) => n / 20));
      expect(bag.info).toMatchObject({
        source: 'rollout',
        seed,
        lockstep: true,
        policy: { name: 'moving', graphSha256: json.run.graph_sha256, provider: 'cpu' },
      });
      expect(bag.result).toMatchObject({ seed, steps, stop: 'timeout' });
    }
  });

  it('deals its seeds to shards that come to the same together', async () => {
    const parts: string[] = [];
    for (const k of [1, 2]) {
      const out = join(tmp, `shard${k}`);
      const run = await saccade(
        args(
          moving,
          '--episodes',
          '4',
          '--seed',
          '7',
          '--shard',
          `${k}/2`,
          '--out',
          out,
          '--no-record',
          '--json',
        ),
      );
      expect(run.code, run.stderr).toBe(0);
      expect(summary.parse(JSON.parse(run.stdout)).run).toMatchObject({
        seed: 7,
        episodes: 4,
        shard: { index: k, count: 2 },
      });
      expect(readdirSync(out).sort()).toEqual(['results.jsonl', 'summary.json']);
      parts.push(...withoutWall(text(out, 'results.jsonl')).trimEnd().split('\n'));
    }
    const whole = withoutWall(text(one, 'results.jsonl')).replaceAll(/,"bag":"[^"]*"/g, '');
    const bySeed = (line: string) => Number(JSON.parse(line).seed);
    expect(`${parts.sort((a, b) => bySeed(a) - bySeed(b)).join('\n')}\n`).toBe(whole);
  });

  it('refuses more shards than episodes', async () => {
    const run = await saccade(args(moving, '--episodes', '2', '--shard', '1/3'));
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('--shard deals 2 episodes to 3 shards');
  });
});

describe('a slow policy, late sensors and another speed', () => {
  const added = ['--latency', '130', '--latency-jitter', '60', '--observation-delay', '70', '--speed', '0.8'];

  it('are injected by seed: the same bytes whatever the number of workers, and a replay gives the same', async () => {
    const runs: string[] = [];
    for (const workers of ['1', '2']) {
      const out = join(tmp, `slow${workers}`);
      const run = await saccade(
        args(moving, '--episodes', '3', '--workers', workers, '--out', out, '--json', ...added),
      );
      expect(run.code, run.stderr).toBe(0);
      const { run: about, results } = summary.parse(JSON.parse(run.stdout));
      expect(about).toMatchObject({
        speed: 0.8,
        added_latency_ms: 130,
        added_latency_jitter_ms: 60,
        observation_delay_ms: 70,
      });
      // Two ticks to see, four or so to infer: there is nothing to go by until then.
      for (const { safety, wall } of results) {
        expect(safety.hold_no_action).toBeGreaterThanOrEqual(2);
        expect(wall.dropped_observations).toBeGreaterThan(0);
      }
      runs.push(withoutWall(text(out, 'results.jsonl')));
    }
    expect(runs[1]).toBe(runs[0]);
    const bags = readdirSync(join(tmp, 'slow1', 'bags')).map((bag) => join(tmp, 'slow1', 'bags', bag));
    const replayed = await saccade(['replay', ...bags, '--policy', moving, '--provider', 'cpu', '--json']);
    expect(replayed.code, replayed.stderr).toBe(0);
    expect(JSON.parse(replayed.stdout).command).toMatchObject({ identical: true });
  });

  it('are refused where the arm would only ever hold, or the number makes no sense', async () => {
    const late = await saccade(args(moving, '--episodes', '1', '--observation-delay', '250'));
    expect(late.code).toBe(2);
    expect(late.stderr).toContain('makes everything 0.25 s old, and max_age_s of camera wrist_detail');
    const fast = await saccade(args(moving, '--episodes', '1', '--speed', '3'));
    expect(fast.code).toBe(2);
    expect(fast.stderr).toContain("Option --speed must be a number from 0.25 to 2, not '3'");
  });
});

describe('strategies', () => {
  it('are chosen by option and completed from the bundle', async () => {
    const chosen = [
      [['--strategy', 'latest'], { name: 'latest' }],
      [['--strategy', 'receding'], { name: 'receding', steps: 10 }],
      [['--strategy', 'receding', '--steps', '5'], { name: 'receding', steps: 5 }],
      [['--m', '-0.1'], { name: 'ensemble', m: -0.1 }],
      [['--strategy', 'blend'], { name: 'blend', fade_s: 0.2, m: 0.01 }],
      [
        ['--strategy', 'blend', '--fade', '0.3', '--interpolation', 'linear', '--late-extrapolate', '0'],
        { name: 'blend', fade_s: 0.3, m: 0.01, interpolation: 'linear', late_extrapolate_s: 0 },
      ],
    ] as const;
    for (const [options, strategy] of chosen) {
      const run = await saccade(args(moving, '--episodes', '1', '--json', ...options));
      expect(summary.parse(JSON.parse(run.stdout)).run.strategy).toEqual(strategy);
    }
  });
});

describe('controls', () => {
  it('are named in the results', async () => {
    for (const control of ['blank-cameras', 'replay-other-seed']) {
      const run = await saccade(args(moving, '--episodes', '2', '--json', '--control', control));
      expect(run.code, run.stderr).toBe(0);
      const { episodes, run: about } = summary.parse(JSON.parse(run.stdout));
      expect([episodes, about.control]).toEqual([2, control]);
    }
  });
});

describe('a policy that answers NaN', () => {
  it('is stopped; the episode ends as aborted with the reason, and the run goes on', async () => {
    const { dir } = writeBundle(join(tmp, 'nan'), { bias: TEST_JOINTS.map(() => Number.NaN) });
    const { code, stdout } = await saccade(args(dir, '--episodes', '3', '--workers', '1', '--json'));
    expect(code).toBe(0);
    const { results, safety: counts } = summary.parse(JSON.parse(stdout));
    expect(results.map(({ seed, stop, success }) => [seed, stop, success])).toEqual([
      [1, 'aborted', false],
      [2, 'aborted', false],
      [3, 'aborted', false],
    ]);
    for (const { reason } of results) expect(reason).toContain('NaN');
    expect(counts.non_finite).toBe(3);
  });
});

describe('SIGINT', () => {
  it('ends the run in order: what was done is written and summed up, exit code 130', async () => {
    const out = join(tmp, 'interrupted');
    const run = await saccade(
      args(moving, '--episodes', '1000', '--workers', '2', '--out', out, '--json', '--verbose'),
      { interruptAt: 'seed 1: timeout' },
    );
    expect(run.code).toBe(130);
    const { episodes, interrupted, results } = summary.parse(JSON.parse(run.stdout));
    expect(episodes).toBeGreaterThanOrEqual(1);
    expect(episodes).toBeLessThan(1000);
    expect(interrupted).toBeLessThanOrEqual(2);
    expect(results).toHaveLength(episodes + interrupted);
    expect(results.find(({ seed }) => seed === 1)?.stop).toBe('timeout');
    expect(lines(text(out, 'results.jsonl'))).toEqual(results);
    expect(readdirSync(out).sort()).toEqual(['bags', 'results.jsonl', 'summary.json']);
    // What was under way was recorded to its last tick.
    for (const { bag, steps, stop } of results) {
      const recorded = await openEpisode(join(out, bag as string));
      expect([recorded.damage, recorded.result?.steps, recorded.result?.stop]).toEqual([
        undefined,
        steps,
        stop,
      ]);
      await recorded.close();
    }
  });
});

describe('start', () => {
  it('reports, writes an animation, and names every file; twice', async () => {
    for (const folder of ['out/run-1', 'out/run-2']) {
      const { code, stdout, stderr } = await saccade(['start', '--episodes', '1'], { cwd: tmp });
      expect(code, stderr).toBe(0);
      expect(stdout).toContain('success rate');
      for (const file of ['report.html', 'results.jsonl', 'summary.json', 'episode.webp', 'bags'])
        expect(stdout).toContain(join(folder, file));
      expect(text(tmp, folder, 'report.html')).toContain('<!doctype html>');
      const dir = join(tmp, folder);
      const [episode] = lines(text(dir, 'results.jsonl'));
      const { format, pages, delay } = await sharp(join(dir, 'episode.webp')).metadata();
      expect({ format, pages, delay: delay?.[0] }).toEqual({
        format: 'webp',
        pages: episode?.steps,
        delay: 50,
      });
    }
  });
});

describe('a rollout of another task', () => {
  const bothArms = ['left_', 'right_'].flatMap((side) => TEST_JOINTS.map((joint) => side + joint));
  const cameras = [
    ['left_wrist_detail', 'wrist_detail'],
    ['right_wrist_detail', 'wrist_detail'],
    ['head', 'global_overview'],
  ].map(([name, role]) => ({ name, role, width: 96, height: 96 }));
  const run = (task: string, policy: string, ...more: string[]) =>
    saccade(['rollout', '--task', task, '--policy', policy, '--time-limit', '0.2', '--json', ...more]);

  it('takes the robot from the task, and sums up what the task measures', async () => {
    const { code, stdout, stderr } = await run('pick_at_xy', moving, '--episodes', '2');
    expect(code, stderr).toBe(0);
    const { metrics, results, run: info } = summary.parse(JSON.parse(stdout));
    expect(info).toMatchObject({ task: 'pick_at_xy', robot: 'sim_arm' });
    const errors = results.map((each) => each.metrics?.position_error_m ?? 0);
    // No block starts nearer to the target.
    expect(Math.min(...errors)).toBeGreaterThan(0.09);
    expect(metrics.position_error_m?.mean).toBeCloseTo((errors[0] + errors[1]) / 2, 12);
    expect(metrics.position_error_m?.episodes).toBe(2);
  });

  it('moves two arms', async () => {
    const { dir } = writeBundle(join(tmp, 'both'), { joints: bothArms, cameras });
    const { code, stdout, stderr } = await run('transfer_cube', dir, '--episodes', '1');
    expect(code, stderr).toBe(0);
    const { results, run: info } = summary.parse(JSON.parse(stdout));
    expect(info.robot).toBe('sim_bimanual');
    expect(results).toMatchObject([{ steps: 4, stop: 'timeout', highest_reward: 0 }]);
  });

  it('refuses a policy for another robot, and a robot for another task', async () => {
    const policy = await run('transfer_cube', moving);
    expect(policy.code).toBe(2);
    expect(policy.stderr).toMatch(/sim_bimanual\.yaml does not fit policy .*: their joints differ/);
    const robot = await run('transfer_cube', moving, '--robot', ROBOT);
    expect(robot.code).toBe(2);
    expect(robot.stderr).toMatch(/task transfer_cube is for a robot with 2 arms, and .*sim_arm\.yaml has 1/);
  });
});

/** Each is called as its task. */
describe.each(readdirSync(join(ROOT, 'models')))('the shipped policy %s', (task) => {
  const shipped = ['--policy', join(ROOT, 'models', task), '--task', task, '--json'];
  const successRate = async (...more: string[]) => {
    const { code, stdout, stderr } = await saccade(['rollout', ...shipped, '--seed', '300000', ...more]);
    expect(code, stderr).toBe(0);
    return summary.parse(JSON.parse(stdout)).success_rate;
  };

  it('does its task', async () => {
    expect(await successRate('--episodes', '8')).toBeGreaterThanOrEqual(5 / 8);
  });

  it('needs its eyes', async () => {
    expect(await successRate('--episodes', '4', '--control', 'blank-cameras')).toBeLessThanOrEqual(1 / 4);
  });
});
