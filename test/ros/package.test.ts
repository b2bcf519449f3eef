/** The ROS 2 package as `colcon build` installs it: executables, interfaces, launch files, the simulated robot. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/load.js';
import { decode } from '../../src/messages/cdr.js';
import { stampToNs } from '../../src/messages/time.js';
import { SimRobot } from '../../src/robots/sim/simRobot.js';
import { loadTask } from '../../src/robots/sim/task.js';
import { ROBOT, ROOT, temporaryFolder } from '../support/cli.js';
import { messagesOf } from './bags.js';
import { finished, ros, start } from './ros.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from './workspace.js';

const MAIN = join(ROOT, 'dist/cli/main.js');
const tmp = temporaryFolder();

describe('saccade sim-robot without ROS 2', () => {
  it('says in one sentence what to source', async () => {
    const { AMENT_PREFIX_PATH: _, ROS_DISTRO: __, ...bare } = process.env;
    const { code, stdout, stderr } = await finished(
      start(process.execPath, [MAIN, 'sim-robot'], { env: bare }),
    );
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      'error: ROS 2 is not sourced: run `source /opt/ros/jazzy/setup.bash` in this shell first\n',
    );
  });
});

if ('missing' in ros) console.warn(`the ROS 2 package is not tested: ${ros.missing}`);

describe.skipIf('missing' in ros)('the ROS 2 package', () => {
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    env = await buildWorkspace();
  }, BUILD_TIMEOUT_MS);
  afterAll(() => ros2('daemon', 'stop'));

  const begin = (command: string, ...args: string[]) => start(command, args, { env });
  const ros2 = async (...args: string[]) => {
    const { code, stdout, stderr } = await finished(begin('ros2', ...args));
    expect(code, stderr).toBe(0);
    return stdout;
  };

  it('has its executables where ros2 run finds them, and the saccade command on PATH', async () => {
    const executables = await ros2('pkg', 'executables', 'saccade');
    expect(executables.trim().split('\n')).toEqual([
      'saccade gazebo_peer',
      'saccade policy_node',
      'saccade sim_robot',
    ]);
    const { code, stdout } = await finished(begin('saccade', '--version'));
    expect([code, stdout.trim()]).toEqual([0, '0.1.0']);
  });

  it('has its interfaces', async () => {
    const action = await ros2('interface', 'show', 'saccade/action/RunEpisodes');
    expect(action).toMatch(/^uint32 count\b/m);
    expect(action).toMatch(/^float64 success_rate\b/m);
    expect(action).toMatch(/^saccade\/EpisodeStatus status$/m);
    expect(await ros2('interface', 'show', 'saccade/srv/ResetEpisode')).toMatch(
      /^int32 seed\n---\nbool success\n/m,
    );
  });

  it.each([
    [
      'demo.launch.py',
      ['contract', 'policy', 'task', 'episodes', 'seed', 'rtf', 'autostart', 'rviz', 'foxglove'],
    ],
    [
      'gazebo.launch.py',
      ['contract', 'policy', 'task', 'episodes', 'seed', 'record_dir', 'images', 'headless'].concat([
        ...['lockstep', 'rtf', 'gz', 'control', 'world', 'bridge'],
      ]),
    ],
    [
      'policy.launch.py',
      [
        'contract',
        'policy',
        'params',
        'autostart',
        'use_sim_time',
        'record_dir',
        'lockstep',
        'images',
        'name',
        'namespace',
      ],
    ],
  ])('describes every argument of %s', async (file, names) => {
    const text = await ros2('launch', 'saccade', file, '--show-args');
    for (const name of names) expect(text).toMatch(new RegExp(`'${name}':\\n {8}\\S`));
    expect(text).not.toContain('no description given');
  });

  describe('sim_robot', () => {
    let robot: ChildProcess;
    let ended: ReturnType<typeof finished>;
    beforeAll(() => {
      // A group of its own, which a terminal would send Ctrl-C to: `ros2 run` hands no signal on.
      robot = start('ros2', ['run', 'saccade', 'sim_robot', '--seed', '7'], { env, detached: true });
      ended = finished(robot);
    });
    const signal = (name: NodeJS.Signals) => process.kill(-(robot.pid as number), name);
    afterAll(() => {
      if (robot.exitCode === null && robot.signalCode === null) signal('SIGKILL');
    });

    it('shows over ROS 2, to the last bit, what the simulator shows in process', async () => {
      const contract = await loadContract(ROBOT);
      const out = join(mkdtempSync(join(tmp, 'bag-')), 'bag');
      const topics = [...contract.cameras.map(({ topic }) => topic), '/joint_states', '/clock', '/reward'];
      const recorder = begin('ros2', 'bag', 'record', '-s', 'mcap', '-o', out, '--topics', ...topics);
      const recorded = finished(recorder);
      await printed(recorder, 'stderr', 'Subscribed to topic', topics.length);
      const rewards = begin('ros2', 'topic', 'echo', '/reward');
      await printed(rewards, 'stdout', 'data:', 40);
      rewards.kill('SIGINT');
      recorder.kill('SIGINT');
      await recorded;
      const messages = await messagesOf(out);

      const simulated = await SimRobot.create(
        contract,
        await loadTask('pick_lift', join(ROOT, 'config/tasks')),
      );
      try {
        await simulated.reset({ seed: 7 });
        const [{ topic }] = contract.cameras;
        const images = (messages.get(topic) ?? []).map(({ data }) => decode('sensor_msgs/msg/Image', data));
        expect(images.length).toBeGreaterThan(10);
        for (const image of images) {
          const time = Number(stampToNs(image.header.stamp) - 1_000_000_000n) / 1e9;
          await simulated.clock.sleepUntil(time);
          expect(simulated.clock.now).toBeCloseTo(time, 9);
          const here = simulated.shot(contract.cameras[0].name, image.width, image.height);
          expect(Buffer.compare(image.data, here)).toBe(0);
        }
      } finally {
        await simulated.close();
      }
      for (const other of topics) expect(messages.get(other)?.length, other).toBeGreaterThan(5);
      const clock = (messages.get('/clock') ?? []).map(({ data }) =>
        stampToNs(decode('rosgraph_msgs/msg/Clock', data).clock),
      );
      clock.slice(1).forEach((time, i) => {
        expect(time).toBeGreaterThan(clock[i]);
      });
    });

    it('lays out the episode of a seed on request', async () => {
      const reply = await ros2(
        'service',
        'call',
        '/sim_robot/reset',
        'saccade/srv/ResetEpisode',
        '{seed: 12}',
      );
      expect(reply).toContain("success=True, message='The episode of seed 12 is laid out.'");
      const refused = await ros2(
        'service',
        'call',
        '/sim_robot/reset',
        'saccade/srv/ResetEpisode',
        '{seed: -1}',
      );
      expect(refused).toContain('success=False');
      const joints = await ros2('topic', 'echo', '--once', '/joint_states');
      expect(joints).toContain('- shoulder_pan\n');
    });

    it('ends without complaint at Ctrl-C', async () => {
      signal('SIGINT');
      const { code, stderr } = await ended;
      expect(stderr).not.toMatch(/error|Error/);
      expect(code).toBe(0);
    });
  });
});

/** Resolves once a program has printed `text` so many times. */
function printed(
  child: ChildProcess,
  stream: 'stdout' | 'stderr',
  text: string,
  times: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = '';
    child[stream]?.setEncoding('utf8').on('data', (data: string) => {
      all += data;
      if (all.split(text).length > times) resolve();
    });
    child.once('close', () => reject(new Error(`'${text}' was not printed ${times} times, but ${all}`)));
  });
}
