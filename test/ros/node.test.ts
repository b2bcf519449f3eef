/** The policy node as it is installed, driven as a person drives it: `ros2 lifecycle`, `param`, `action`, `service`. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EpisodeResult } from '../../src/episode/episode.js';
import { openEpisode } from '../../src/record/openEpisode.js';
import { ROBOT, ROOT, temporaryFolder } from '../support/cli.js';
import { finished, ros, start } from './ros.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from './workspace.js';

const MAIN = join(ROOT, 'dist/cli/main.js');
const POLICY = join(ROOT, 'models/pick_lift');
const GOAL = 'saccade/action/RunEpisodes';
const tmp = temporaryFolder();

describe('saccade node without ROS 2', () => {
  it('says in one sentence what to source', async () => {
    const { AMENT_PREFIX_PATH: _, ROS_DISTRO: __, ...bare } = process.env;
    const { code, stdout, stderr } = await finished(start(process.execPath, [MAIN, 'node'], { env: bare }));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      'error: ROS 2 is not sourced: run `source /opt/ros/jazzy/setup.bash` in this shell first\n',
    );
  });
});

if ('missing' in ros) console.warn(`the policy node is not tested: ${ros.missing}`);

describe.skipIf('missing' in ros)('the policy node', () => {
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    env = await buildWorkspace();
  }, BUILD_TIMEOUT_MS);
  afterAll(() => ros2('daemon', 'stop'));

  const ros2 = async (...args: string[]) => {
    const { code, stdout, stderr } = await finished(start('ros2', args, { env }));
    expect(code, `${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  /** In a group of its own, which a terminal would send Ctrl-C to: `ros2 run` hands no signal on. */
  const begin = (executable: string, ...args: string[]) =>
    start('ros2', ['run', 'saccade', executable, ...args], { env, detached: true });
  const signal = (child: ChildProcess, name: NodeJS.Signals) => process.kill(-(child.pid as number), name);
  const call = (service: string) => ros2('service', 'call', `/saccade/${service}`, 'std_srvs/srv/Trigger');

  it.each([
    [['-p', 'speed_scale:=9.0'], 'error: speed_scale is 9, it must be from 0.25 to 2'],
    [['-p', 'autostart:=true'], 'Parameter contract is not set'],
    [['-p', 'autostart:=true', '-p', 'contract:=/none.yaml'], 'Robot contract /none.yaml cannot be read'],
  ])('ends with 2 and one sentence when started with %j', async (parameters, sentence) => {
    const { code, stderr } = await finished(begin('policy_node', '--ros-args', ...parameters));
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });

  describe('with the simulated robot', () => {
    let robot: ChildProcess;
    let node: ChildProcess;
    let ended: ReturnType<typeof finished>;
    const bags = join(tmp, 'bags');
    beforeAll(() => {
      robot = begin('sim_robot');
      const parameters = {
        contract: ROBOT,
        policy: '/nowhere',
        use_sim_time: true,
        record_dir: bags,
        time_limit: 12,
      };
      const given = Object.entries(parameters).flatMap(([name, value]) => ['-p', `${name}:=${value}`]);
      node = begin('policy_node', '--ros-args', ...given);
      ended = finished(node);
    });
    afterAll(() => {
      for (const child of [robot, node])
        if (child.exitCode === null && child.signalCode === null) signal(child, 'SIGKILL');
    });

    it('goes through the error state and back when it cannot be configured, and is mended', async () => {
      await started(node);
      const configure = await finished(start('ros2', ['lifecycle', 'set', '/saccade', 'configure'], { env }));
      expect(configure.stdout + configure.stderr).toContain('Transitioning failed');
      expect(await ros2('lifecycle', 'get', '/saccade')).toContain('unconfigured');
      await ros2('param', 'set', '/saccade', 'policy', POLICY);
      await ros2('lifecycle', 'set', '/saccade', 'configure');
      expect(await ros2('lifecycle', 'get', '/saccade')).toContain('inactive');
      const refused = await ros2('action', 'send_goal', '/saccade/run_episodes', GOAL, '{count: 1}');
      expect(refused).toMatch(/message: '?The node is not active[\s\S]*ABORTED/);
      await ros2('lifecycle', 'set', '/saccade', 'activate');
    });

    it('describes its parameters and refuses what cannot be', async () => {
      const described = await ros2('param', 'describe', '/saccade', 'ensemble_m', 'strategy');
      expect(described).toMatch(/Min value: -10.0\n\s*Max value: 10.0/);
      expect(described).toContain('One of bundle, ensemble, receding, latest, blend.');
      const set = (name: string, value: string) =>
        finished(start('ros2', ['param', 'set', '/saccade', name, value], { env }));
      const [live, range, fixed] = [
        await set('speed_scale', '1'),
        await set('speed_scale', '5.0'),
        await set('contract', '/other.yaml'),
      ].map(({ stdout, stderr }) => stdout + stderr);
      expect(live).toContain('successful');
      expect(range).toContain('speed_scale is 5, it must be from 0.25 to 2');
      expect(fixed).toContain('contract is read when the node is configured');
    });

    it('runs a recorded episode as a goal', async () => {
      const goal = '{count: 1, seed: 3, task: pick_lift, record: true}';
      const result = await ros2('action', 'send_goal', '/saccade/run_episodes', GOAL, goal);
      expect(result).toContain('SUCCEEDED');
      expect(result).toMatch(/message: '?1 episode: success rate \d/);
      const [, bag = ''] = /bag: (\S+)/.exec(result) ?? [];
      const episode = await openEpisode(bag);
      expect(episode.damage).toBeUndefined();
      expect((episode.result as EpisodeResult).seed).toBe(3);
      await episode.close();
      expect(await ros2('topic', 'echo', '--once', '/saccade/episode_result')).toContain(`bag: ${bag}`);
    });

    it('holds, keeps what it has recorded and ends at Ctrl-C in the middle of an episode', async () => {
      // As many as it takes: one alone may be over before the signal comes.
      const goal = finished(
        start('ros2', ['action', 'send_goal', '/saccade/run_episodes', GOAL, '{count: 100, seed: 1}'], {
          env,
        }),
      );
      while (!(await ros2('topic', 'echo', '--once', '/saccade/status')).includes('state: 2'));
      expect(await call('emergency_stop')).toContain('success=True');
      expect(await ros2('topic', 'echo', '--once', '/saccade/status')).toContain('emergency_stop: true');
      signal(node, 'SIGINT');
      const { code, stderr } = await ended;
      expect(stderr).toContain('interrupted');
      expect(stderr).toContain('Stopped: the program was ended.');
      expect(code).toBe(0);
      await goal;
      signal(robot, 'SIGINT');
      await finished(robot);
    });
  });

  /** Resolves once the node is in the graph. */
  async function started(node: ChildProcess): Promise<void> {
    while (node.exitCode === null && !(await ros2('node', 'list')).includes('/saccade\n'));
  }
});
