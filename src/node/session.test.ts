import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeNodeGraph } from '../../test/support/fakeNodeGraph.js';
import { TEST_CAMERAS, TEST_JOINTS, writeBundle } from '../../test/support/onnx.js';
import { EmergencyStop } from '../act/safety.js';
import type { EpisodeResult } from '../episode/episode.js';
import { openEpisode } from '../record/openEpisode.js';
import type { Notice } from '../robots/ros2/source.js';
import type { Tick } from '../tap.js';
import type { RunRequest } from './runs.js';
import { openSession, type Session, type SessionOptions } from './session.js';

const root = mkdtempSync(path.join(tmpdir(), 'saccade-node-'));
afterAll(() => rmSync(root, { recursive: true }));
const contract = path.join(root, 'robot.yaml');
const policy = path.join(root, 'policy');
writeFileSync(
  contract,
  `name: test_arm
rate_hz: 20
joints:
${TEST_JOINTS.map((name) => `  - { name: ${name}, min: -3, max: 3, velocity: 2, acceleration: 20 }`).join('\n')}
cameras:
${TEST_CAMERAS.map(({ name, role }) => `  - { name: ${name}, role: ${role}, width: 16, height: 16, max_age_s: 0.5 }`).join('\n')}
reward: { topic: /reward, max: 4 }
safety: { ramp_in_s: 0, joints_max_age_s: 0.5 }
`,
);
writeBundle(policy, { rateHz: 20 });

const REQUEST: RunRequest = { episodes: 1, seed: 3, timeLimitS: 0.5, task: 'stack', record: false };

let graph: FakeNodeGraph;
let session: Session | undefined;
let notices: Notice[];
let recordDir: string;
let driving: NodeJS.Timeout;

/** The drivers send at 100 Hz. */
beforeEach(() => {
  graph = new FakeNodeGraph();
  [notices, recordDir] = [[], ''];
  for (const { name } of TEST_CAMERAS) graph.offer(`/${name}/image_raw`, 'sensor_msgs/msg/Image');
  graph.heard.add('/joint_commands');
  graph.time = 1_000_000_000_000n;
  const began = performance.now();
  driving = setInterval(() => {
    graph.time = 1_000_000_000_000n + BigInt(Math.round((performance.now() - began) * 1e6));
    for (const { name } of TEST_CAMERAS) graph.image(`/${name}/image_raw`, 16, 16, 80);
    graph.joints('/joint_states', Object.fromEntries(TEST_JOINTS.map((name) => [name, 0.1])));
  }, 10);
});
afterEach(async () => {
  await session?.close();
  session = undefined;
  clearInterval(driving);
});

async function open(options: Partial<SessionOptions> = {}): Promise<Session> {
  session = await openSession({
    graph,
    contract,
    policy,
    inference: { provider: 'cpu' },
    simTime: false,
    realtimePriority: 0,
    lockstep: false,
    strategyFor: () => ({ name: 'latest' }),
    emergencyStop: new EmergencyStop(),
    settings: { speedScale: () => 1, lateWaitS: () => 0, recordDir: () => recordDir, images: () => 'jpeg' },
    onNotice: (notice) => notices.push(notice),
    ...options,
  });
  return session;
}

const never = new AbortController().signal;

describe('a session', () => {
  it('runs an episode on the robot and shows its ticks to whoever watches', async () => {
    const opened = await open();
    const watched: Tick[] = [];
    const tapped: Tick[] = [];
    opened.watch({ onTick: (tick) => watched.push(tick) }, () => true);
    const run = await opened.begin(REQUEST);
    const { result } = await run.episode({
      seed: 3,
      signal: never,
      tap: { onTick: (tick) => tapped.push(tick) },
    });
    await run.end([]);
    expect(result).toMatchObject({ seed: 3, stop: 'timeout', success: false });
    expect(result).not.toHaveProperty('bag');
    expect(watched).toHaveLength(result.steps);
    expect(tapped).toEqual(watched);
    expect(watched.every(({ command }) => command.horizon)).toBe(true);
    expect(watched.some(({ inference }) => inference)).toBe(true);
    expect(graph.commands('sensor_msgs/msg/JointState', '/joint_commands').length).toBeGreaterThanOrEqual(
      result.steps,
    );
    expect(
      opened
        .status()
        .sources.map(({ state }) => state)
        .slice(0, 4),
    ).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('does not open where the real-time priority it is asked for is not to be had', async () => {
    vi.stubEnv('PATH', '/nowhere');
    await expect(open({ realtimePriority: 20 })).rejects.toThrow('a real-time priority is set with chrt');
    vi.unstubAllEnvs();
    await expect(open()).resolves.toBeDefined();
  });

  it('records a run as `saccade report` and `saccade replay` read it', async () => {
    recordDir = path.join(root, 'runs');
    const opened = await open();
    const run = await opened.begin({ ...REQUEST, record: true });
    const first = await run.episode({ seed: 3, signal: never, tap: { onTick() {} } });
    const stop = new AbortController();
    const second = await run.episode({
      seed: 4,
      signal: stop.signal,
      tap: { onTick: () => stop.abort() },
    });
    await run.end([first, second]);
    const bag = first.result.bag as string;
    expect(path.isAbsolute(bag)).toBe(true);
    const folder = path.dirname(path.dirname(bag));
    expect(path.dirname(folder)).toBe(recordDir);
    const lines = readFileSync(path.join(folder, 'results.jsonl'), 'utf8').trim().split('\n');
    const results = lines.map((line) => JSON.parse(line) as EpisodeResult);
    expect(results.map(({ seed, stop, bag }) => [seed, stop, bag])).toEqual([
      [3, 'timeout', 'bags/episode_000003'],
      [4, 'interrupted', 'bags/episode_000004'],
    ]);
    const summary = JSON.parse(readFileSync(path.join(folder, 'summary.json'), 'utf8'));
    expect(summary).toMatchObject({ episodes: 1, interrupted: 1, run: { task: 'stack', robot: 'test_arm' } });

    const episode = await openEpisode(bag);
    expect(episode.damage).toBeUndefined();
    expect(episode.info).toMatchObject({
      source: 'rollout',
      lockstep: false,
      images: 'jpeg',
      seed: 3,
      task: 'stack',
    });
    expect(episode.result?.stop).toBe('timeout');
    await episode.close();
    expect(existsSync(path.join(folder, 'results.partial.jsonl'))).toBe(false);
  });

  it('has an attempt judged by hand', async () => {
    const opened = await open();
    const run = await opened.begin({ ...REQUEST, timeLimitS: 60 });
    const { result } = await run.episode({
      seed: 3,
      signal: never,
      tap: { onTick: () => opened.mark('success') },
    });
    expect(result).toMatchObject({ stop: 'success', highest_reward: 4 });
  });

  it('says what is missing or does not fit before it opens anything', async () => {
    await expect(open({ contract: '' })).rejects.toThrow('parameter contract is not set');
    await expect(open({ policy: '' })).rejects.toThrow('parameter policy is not set');
    await expect(open({ contract: path.join(root, 'none.yaml') })).rejects.toThrow('cannot be read');
    await expect(open({ strategyFor: () => ({ name: 'receding', steps: 1000 }) })).rejects.toThrow(
      'steps is 1000',
    );
    expect(graph.subscribed).toEqual([]);
  });

  it('cannot record into what is no folder', async () => {
    recordDir = path.join(contract, 'below');
    const opened = await open();
    await expect(opened.begin({ ...REQUEST, record: true })).rejects.toThrow(
      /record_dir .* cannot be written/,
    );
  });

  it('frees what it has opened', async () => {
    const opened = await open();
    expect(graph.subscribed.length).toBeGreaterThan(0);
    await opened.close();
    session = undefined;
    expect(graph.subscribed).toEqual([]);
    expect(graph.publishers('/joint_commands')).toEqual([]);
  });
});
