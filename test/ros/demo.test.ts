/**
 * The demo from end to end, with nothing but ROS 2's own tools: `ros2 launch`, `lifecycle`, `param`, `action`,
 * `service`, `topic`, `bag`.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import type { RobotContract } from '../../src/contract/contract.js';
import { loadContract } from '../../src/contract/load.js';
import type { EpisodeResult } from '../../src/episode/episode.js';
import { decode } from '../../src/messages/cdr.js';
import { openEpisode } from '../../src/record/openEpisode.js';
import { ROBOT, ROOT, type Run, saccade, temporaryFolder } from '../support/cli.js';
import { messagesOf } from './bags.js';
import { finished, ros, start } from './ros.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from './workspace.js';

const POLICY = join(ROOT, 'models/pick_lift');
const NODE = '/saccade';
const EPISODES = 5;
/** Simulated seconds a second: leaves time to others on a machine that is busy. */
const SPEED = 0.5;
const TIMEOUT_MS = 600_000;
const tmp = temporaryFolder();

if ('missing' in ros) console.warn(`the demo is not tested: ${ros.missing}`);

interface EpisodeMessage {
  readonly seed: number;
  readonly success: boolean;
  readonly episode_return: number;
  readonly stop: string;
  readonly duration: number;
  readonly interventions: readonly string[];
  readonly bag: string;
}

interface ResultMessage {
  readonly success_rate: number;
  readonly average_return: number;
  readonly episodes: readonly EpisodeMessage[];
  readonly message: string;
}

interface Command {
  /** s, the robot's clock */
  readonly time: number;
  readonly positions: Float32Array;
}

describe.skipIf('missing' in ros)('the demo', { timeout: TIMEOUT_MS }, () => {
  let env: NodeJS.ProcessEnv;
  let contract: RobotContract;
  /** What is under way, and its end. */
  const running = new Set<ChildProcess>();
  const recorded = join(tmp, 'recorded');

  beforeAll(async () => {
    env = await buildWorkspace();
    contract = await loadContract(ROBOT);
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    for (const child of running) signal(child, 'SIGKILL');
    await ros2('daemon', 'stop');
  });

  /** A command of ROS 2's; what it printed. */
  const call = (...args: string[]): Promise<Run> => finished(start('ros2', args, { env }));
  const ros2 = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await call(...args);
    expect(code, `ros2 ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  /** One that goes on until `interrupt`; in a group of its own, as on a terminal. */
  const begin = (...args: string[]) => {
    const child = start('ros2', args, { env, detached: true });
    running.add(child);
    return { child, ended: finished(child).finally(() => running.delete(child)) };
  };
  const signal = (child: ChildProcess, name: NodeJS.Signals) => process.kill(-(child.pid as number), name);
  const interrupt = async ({ child, ended }: ReturnType<typeof begin>) => {
    signal(child, 'SIGINT');
    return await ended;
  };
  /** What the arm was told, and when (ms). */
  const commandMessages = async () =>
    ((await messagesOf(recorded)).get('/joint_commands') ?? []).map(({ logTime, data }) => ({
      at: Number(logTime) / 1e6,
      positions: [...decode('sensor_msgs/msg/JointState', data).position],
    }));
  const trigger = (service: string) => ros2('service', 'call', `${NODE}/${service}`, 'std_srvs/srv/Trigger');
  const change = (transition: string) => ros2('lifecycle', 'set', NODE, transition);
  const state = async () => (await ros2('lifecycle', 'get', NODE)).trim();
  const echo = async <T>(topic: string): Promise<T> =>
    parse((await ros2('topic', 'echo', '--once', '--full-length', topic)).split('---')[0] as string);
  const appears = (node: string) =>
    vi.waitFor(async () => expect(`\n${await ros2('node', 'list')}`).toContain(`\n${node}\n`), {
      timeout: 60_000,
    });
  const sendGoal = (goal: string, ...options: string[]) =>
    call('action', 'send_goal', `${NODE}/run_episodes`, 'saccade/action/RunEpisodes', goal, ...options);

  describe('as it is launched', () => {
    let launch: ReturnType<typeof begin>;
    let recorder: ReturnType<typeof begin>;
    let log = '';

    beforeAll(async () => {
      recorder = begin('bag', 'record', '-a', '-s', 'mcap', '-o', recorded, '--disable-keyboard-controls');
      const off = ['autostart:=false', 'episodes:=0', 'rviz:=false', 'foxglove:=false'];
      launch = begin('launch', 'saccade', 'demo.launch.py', ...off, `rtf:=${SPEED}`);
      for (const stream of [launch.child.stdout, launch.child.stderr])
        stream?.on('data', (text: string) => {
          log += text;
        });
      await Promise.all(['/saccade', '/sim_robot'].map(appears));
    }, TIMEOUT_MS);

    it('is led through its lifecycle, and says why where it cannot be', async () => {
      expect(await state()).toBe('unconfigured [1]');
      const change_state = ['service', 'call', `${NODE}/change_state`, 'lifecycle_msgs/srv/ChangeState'];
      expect(await ros2(...change_state, '{transition: {id: 3}}')).toContain('success=False');
      expect(log).toContain("[saccade]: There is no transition 'activate' from the state unconfigured.");
      const unknown = await call('lifecycle', 'set', NODE, 'activate');
      expect(unknown.stdout + unknown.stderr).toMatch(
        /Unknown transition requested, available ones are:\n- configure \[1\]/,
      );

      for (const [transition, then] of [
        ['configure', 'inactive [2]'],
        ['activate', 'active [3]'],
        ['deactivate', 'inactive [2]'],
        ['cleanup', 'unconfigured [1]'],
        ['configure', 'inactive [2]'],
        ['activate', 'active [3]'],
      ] as const) {
        expect(await change(transition)).toContain('Transitioning successful');
        expect(await state()).toBe(then);
      }
    });

    it('runs episodes as a goal, to the results that they have in process', async () => {
      const goal = `{count: ${EPISODES}, seed: 1, time_limit: 12}`;
      const { stdout } = await sendGoal(goal, '--feedback');
      expect(stdout).toContain('Goal finished with status: SUCCEEDED');
      expect(stdout).toMatch(/^Feedback:\n *status:\n(?: .*\n)+? *state: 2\n/m);
      const result = resultIn(stdout);
      expect(result.message).toMatch(/^5 episodes: success rate \d+\.\d % \(\d of 5; 95 % interval /);

      const { stdout: json } = await saccade(
        ['rollout', '--robot', ROBOT, '--policy', POLICY, '--task', 'pick_lift', '--json'].concat([
          '--episodes',
          String(EPISODES),
          '--seed',
          '1',
        ]),
      );
      const inProcess = JSON.parse(json);
      const episodes: readonly EpisodeResult[] = inProcess.results;
      expect(result.episodes.map(({ seed, stop }) => [seed, stop])).toEqual(
        episodes.map(({ seed, stop }) => [seed, stop]),
      );
      expect(result.success_rate).toBe(inProcess.success_rate);
      result.episodes.forEach(({ episode_return }, i) => {
        const expected = (episodes[i] as EpisodeResult).return;
        expect(Math.abs(episode_return - expected) / expected).toBeLessThan(0.25);
      });
    });

    it('is changed and stopped in the middle of an episode', async () => {
      const parameters = await ros2('param', 'list', NODE);
      for (const name of ['strategy', 'ensemble_m', 'speed_scale', 'record_dir', 'use_sim_time'])
        expect(parameters).toMatch(new RegExp(`^ *${name}$`, 'm'));
      expect(await ros2('param', 'describe', NODE, 'strategy')).toContain(
        'One of bundle, ensemble, receding, latest, blend.',
      );
      expect(await ros2('param', 'get', NODE, 'strategy')).toContain('ensemble');

      await ros2('param', 'set', NODE, 'seed', '6');
      expect(await trigger('start')).toContain('An episode of seed 6 begins');
      expect(await trigger('emergency_stop')).toContain('success=True');
      const pressed = Date.now();
      await ros2('param', 'set', NODE, 'strategy', 'latest');
      await vi.waitFor(
        async () => expect(await ros2('topic', 'echo', '--once', '/diagnostics')).toContain('value: latest'),
        { timeout: 60_000 },
      );
      expect(await echo('/saccade/status')).toMatchObject({ emergency_stop: true, state: 2, seed: 6 });
      expect((await sendGoal('{count: 1}')).stdout).toMatch(/message: '?A run is under way[\s\S]*ABORTED/);
      const held = Date.now();
      await trigger('stop');
      expect((await sendGoal('{count: 1}')).stdout).toMatch(/message: '?The emergency stop is engaged/);
      await trigger('release_emergency_stop');
      expect(await echo('/saccade/episode_result')).toMatchObject({
        seed: 6,
        stop: 'interrupted',
        interventions: expect.arrayContaining(['emergency_stop']),
      });
      await ros2('param', 'set', NODE, 'strategy', 'bundle');
      expect((await sendGoal('{count: 1, seed: 2, time_limit: 12}')).stdout).toContain('SUCCEEDED');
      await interrupt(recorder);

      const stopped = (await commandMessages()).filter(({ at }) => at > pressed + 500 && at < held);
      expect(stopped.length).toBeGreaterThan(10);
      for (const { positions } of stopped) expect(positions).toEqual(stopped[0]?.positions);
    });

    it('is cleaned up and shut down', async () => {
      await change('deactivate');
      await change('cleanup');
      expect(await state()).toBe('unconfigured [1]');
      await interrupt(launch);
      expect(log).not.toMatch(/Traceback|\[ERROR\]|\[FATAL\]/);
    });
  });

  it('runs its episodes by itself, each as long as the task has it', async () => {
    const task = join(tmp, 'hurry.yaml');
    const text = readFileSync(join(ROOT, 'config/tasks/pick_lift.yaml'), 'utf8');
    const here = text.replaceAll('../', `${join(ROOT, 'config')}/`);
    writeFileSync(task, here.replace(/^time_limit_s: .*$/m, 'time_limit_s: 0.4'));
    const options = ['rviz:=false', 'foxglove:=false', 'episodes:=2', 'seed:=4', `task:=${task}`];
    const launch = begin('launch', 'saccade', 'demo.launch.py', ...options);
    try {
      await appears(NODE);
      const second = { task, seed: 5, stop: 'timeout', duration: expect.closeTo(0.4, 0) };
      await vi.waitFor(async () => expect(await echo('/saccade/episode_result')).toMatchObject(second), {
        timeout: 120_000,
      });
    } finally {
      // The next test has a node of the same name.
      await interrupt(launch);
    }
  });

  describe('recorded beside it by ros2 bag', () => {
    it('is a bag that ros2 bag and Saccade know', async () => {
      const info = await ros2('bag', 'info', recorded);
      const topics = [
        ...contract.cameras.map(({ topic }) => [topic, 'sensor_msgs/msg/Image']),
        ['/joint_states', 'sensor_msgs/msg/JointState'],
        ['/joint_commands', 'sensor_msgs/msg/JointState'],
        ['/reward', 'std_msgs/msg/Float32'],
        ['/success', 'std_msgs/msg/Bool'],
        ['/clock', 'rosgraph_msgs/msg/Clock'],
        ['/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray'],
        ['/saccade/status', 'saccade/msg/EpisodeStatus'],
        ['/saccade/episode_result', 'saccade/msg/EpisodeResult'],
        ['/saccade/transition_event', 'lifecycle_msgs/msg/TransitionEvent'],
      ];
      for (const [topic, type] of topics)
        expect(info).toMatch(new RegExp(`Topic: ${topic} \\| Type: ${type} \\| Count: [1-9]`));
      const own = await saccade(['bag', 'info', recorded, '--json']);
      expect(own.code, own.stderr).toBe(0);
      const [bag] = JSON.parse(own.stdout).bags;
      expect(bag).toMatchObject({ storage: 'mcap', damage: null });
      const names = bag.topics.map(({ name }: { readonly name: string }) => name);
      expect(names).toEqual(expect.arrayContaining(topics.map(([topic]) => topic)));
    });

    it('is replayed by Saccade', async () => {
      const args = ['replay', recorded, '--robot', ROBOT, '--policy', POLICY, '--json'];
      const { code, stdout, stderr } = await saccade(args);
      expect(code, stderr).toBe(0);
      const { results, ticks, inferences, command } = JSON.parse(stdout);
      expect(results).toMatchObject([{ bag: 'recorded', stop: 'timeout' }]);
      expect(ticks).toBeGreaterThan(500);
      expect(inferences).toBe(ticks);
      expect(command.compared).toBeGreaterThan(500);
    });

    it('moves the policy again as ros2 bag plays it', async () => {
      const text = readFileSync(ROBOT, 'utf8')
        .replace('../scenes/', `${join(ROOT, 'config/scenes')}/`)
        .replace(/^reset:[\s\S]*?\n\n/m, ''); // A bag cannot be reset.
      const played = join(tmp, 'played.yaml');
      writeFileSync(played, text);
      const names = [...contract.cameras.map(({ topic }) => topic), '/joint_states', '/reward', '/clock'];
      const launch = begin(
        ...['launch', 'saccade', 'policy.launch.py', `contract:=${played}`, `policy:=${POLICY}`],
        ...['use_sim_time:=true', `record_dir:=${join(tmp, 'played')}`],
      );
      await appears(NODE);
      await vi.waitFor(async () => expect(await state()).toBe('active [3]'), { timeout: 60_000 });

      const all = begin('bag', 'play', recorded, '--disable-keyboard-controls', '--start-paused');
      await vi.waitFor(
        async () =>
          expect((await sendGoal('{count: 1}')).stdout).toMatch(
            /message: '?Somebody else commands this robot: \/rosbag2_player on \/joint_commands; stop it/,
          ),
        { timeout: 60_000 },
      );
      await interrupt(all);

      // From some time before the first episode on: the policy's own is to begin by then.
      const began = (await commandMessages())[0]?.at as number;
      const [first] = [...(await messagesOf(recorded)).values()].flat();
      const lead = (began - Number(first?.logTime) / 1e6) / 1000;
      const player = begin(
        ...['bag', 'play', recorded, '--disable-keyboard-controls', '--topics', ...names],
        ...['--start-offset', String(Math.max(0, lead - 20))],
      );
      const { stdout } = await sendGoal('{count: 1, seed: 1, task: pick_lift, time_limit: 60, record: true}');
      await interrupt(player);
      await interrupt(launch);
      const { episodes } = resultIn(stdout);
      expect(stdout).toContain('Goal finished with status: SUCCEEDED');
      const [{ stop, bag }] = episodes as [EpisodeMessage];
      expect(stop).toBe('success'); // As the reward was recorded.

      // Once both policies are at work on the same images they want the same, whatever they wanted before.
      const [then, now] = [await commandsIn(recorded, contract), await commandsIn(bag, contract)];
      const [start, end] = [(then[0] as Command).time + 0.5, (now.at(-1) as Command).time];
      const was = then.filter(({ time }) => time > start && time <= end);
      expect(was.length).toBeGreaterThan(20);
      let furthest = 0;
      contract.joints.forEach(({ name }, j) => {
        const of = ({ positions }: Command) => positions[j] as number;
        const errors = was.map((command) => Math.abs(of(command) - of(nearest(now, command.time))));
        const range = Math.max(...was.map(of)) - Math.min(...was.map(of));
        const [median] = errors.toSorted((a, b) => a - b).slice(errors.length / 2) as [number];
        expect(median, name).toBeLessThan(0.02);
        furthest = Math.max(furthest, range);
      });
      expect(furthest).toBeGreaterThan(0.2);
    });
  });
});

/** The commands of a bag, in its order. */
async function commandsIn(path: string, contract: RobotContract): Promise<Command[]> {
  const bag = await openEpisode(path, { contract });
  const commands: Command[] = [];
  for await (const event of bag.events(new Set(['command'])))
    if (event.kind === 'command') commands.push(event);
  await bag.close();
  return commands;
}

/** Of commands, the one at `time` or nearest to it. */
function nearest(commands: readonly Command[], time: number): Command {
  return commands.reduce((best, each) =>
    Math.abs(each.time - time) < Math.abs(best.time - time) ? each : best,
  );
}

/** The result that `ros2 action send_goal` prints. */
function resultIn(stdout: string): ResultMessage {
  // Its first line is indented, those after it are not.
  return parse(/^Result:\n *([\s\S]*?)^Goal finished/m.exec(stdout)?.[1] ?? '');
}
