/**
 * Episodes over ROS 2 as the launch file has them run, against a stand-in for Gazebo and its bridge; each part a process of its
 * own. Where there is a Gazebo, launch.test.ts runs the launch file itself.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { executables } from '../../bench/ros/programs.js';
import { POSES_TOPIC, WORLD } from '../../src/gazebo/names.js';
import { Peer } from '../ros/peer.js';
import { printed, start } from '../ros/ros.js';
import { type RunResult, SOON } from '../ros/scene.js';
import { ros } from '../ros/sourced.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from '../ros/workspace.js';
import { ROOT, temporaryFolder } from '../support/cli.js';

const CONTRACT = join(ROOT, 'config/robots/gazebo_arm.yaml');
const ERROR = 2;
const SUCCEEDED = 4;
const ABORTED = 6;
const tmp = temporaryFolder();

const missing = 'missing' in ros ? ros.missing : interfacesMissing(ros.env);
if (missing) console.warn(`episodes in Gazebo are not run over ROS 2: ${missing}`);

describe.skipIf(missing)('episodes over ROS 2', () => {
  let env: NodeJS.ProcessEnv;
  let children: ChildProcess[] = [];
  let watch: Peer;
  let world: ChildProcess;
  beforeAll(async () => {
    env = await buildWorkspace();
  }, BUILD_TIMEOUT_MS);
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await watch?.stop();
  });

  async function begin({
    lockstep,
    rtf = 0,
    without = [],
  }: {
    lockstep: boolean;
    rtf?: number;
    without?: readonly string[];
  }): Promise<void> {
    const bin = executables(env);
    const state = lockstep ? 'paused' : 'running';
    const program = join(ROOT, 'test/gazebo/standInNode.ts');
    const viteNode = join(ROOT, 'node_modules/vite-node/vite-node.mjs');
    world = start(
      process.execPath,
      [viteNode, program, CONTRACT, 'pick_lift', WORLD, String(rtf), state, ...without],
      {
        cwd: ROOT,
        env,
      },
    );
    const judge = ['--robot', CONTRACT, '--task', 'pick_lift', ...(lockstep ? ['--lockstep'] : [])];
    const peer = start(join(bin, 'gazebo_peer'), judge, { env });
    const parameters = {
      contract: CONTRACT,
      policy: join(ROOT, 'models/pick_lift'),
      use_sim_time: true,
      autostart: true,
      lockstep,
    };
    const given = Object.entries(parameters).flatMap(([name, value]) => ['-p', `${name}:=${value}`]);
    const node = start(join(bin, 'policy_node'), ['--ros-args', ...given], { env });
    children = [world, peer, node];
    for (const child of children) child.stderr?.resume();
    watch = new Peer('watch.py', [join(mkdtempSync(join(tmp, 'watch-')), 'commands.jsonl')], env);
    await printed(world, 'It goes.');
    await says('lifecycle', 0, /^active$/);
  }

  const run = (count: number, seed = 1) =>
    watch.ask('begin', { count, seed, time_limit: 12, task: 'pick_lift' });
  const result = () => watch.ask<RunResult>('result');

  async function says(part: string, level: number, message: RegExp): Promise<void> {
    const status = { level, message: expect.stringMatching(message) };
    await vi.waitFor(async () => expect(await watch.ask('diagnosis', part)).toMatchObject(status), SOON);
  }

  it('succeed in lockstep', async () => {
    await begin({ lockstep: true });
    await run(2);
    const { status, episodes } = await result();
    expect(status).toBe(SUCCEEDED);
    expect(episodes).toMatchObject([{ stop: 'success' }, { stop: 'success' }]);
  }, 300_000);

  it('have no limit that a fifth of real time would reach', async () => {
    await begin({ lockstep: false, rtf: 0.2 });
    await run(1);
    const { status, episodes } = await result();
    expect(status).toBe(SUCCEEDED);
    const [{ stop }] = episodes;
    expect(['success', 'timeout']).toContain(stop);
  }, 300_000);

  it.each([true, false])(
    'are given up when Gazebo dies (lockstep %s)',
    async (lockstep) => {
      await begin({ lockstep, rtf: 0.5 });
      await run(2);
      await says('lifecycle', 0, /^active$/);
      await vi.waitFor(
        async () =>
          expect(await watch.ask('diagnosis', 'lifecycle')).toMatchObject({ values: { run: 'running' } }),
        SOON,
      );
      world.kill('SIGKILL');
      const { status, episodes, message } = await result();
      expect(episodes).toMatchObject([{ stop: 'aborted' }]);
      expect(episodes[0]?.reason).toMatch(
        lockstep
          ? /^(the world cannot be stepped: \/gazebo_peer\/control refuses|the world was to go on to .*|\/clock is at .*)$/
          : /^nothing has come on \/clock for \d\.\d s$/,
      );
      // The next cannot begin, and says why.
      expect(status).toBe(ABORTED);
      expect(message).toMatch(/The robot was not reset by \/gazebo_peer\/reset: /);
      await says('gazebo_peer: sightings', ERROR, /nobody publishes \/joint_states/);
    },
    300_000,
  );

  it('name what the bridge lacks', async () => {
    await begin({
      lockstep: false,
      rtf: 1,
      without: [POSES_TOPIC, `/world/${WORLD}/create`, '/head/image_raw'],
    });
    await says('gazebo_peer: sightings', ERROR, /^nobody publishes \/gazebo\/poses: is Gazebo running/);
    await says('gazebo_peer: world', ERROR, /^nobody offers \/world\/saccade\/create$/);
    await says('camera head', ERROR, /^camera head: nothing has come: nobody publishes \/head\/image_raw$/);
    await run(1);
    expect(await result()).toMatchObject({
      status: ABORTED,
      message: expect.stringContaining('nobody offers the service /world/saccade/create'),
    });
  }, 300_000);
});

/** Why messages of Gazebo's bridge cannot be spoken here; undefined where they can. */
function interfacesMissing(env: NodeJS.ProcessEnv): string | undefined {
  const there = (env.AMENT_PREFIX_PATH ?? '')
    .split(':')
    .some((prefix) => existsSync(join(prefix, 'share/ros_gz_interfaces')));
  return there ? undefined : 'no ros_gz_interfaces is sourced, which the services of a world are of';
}
