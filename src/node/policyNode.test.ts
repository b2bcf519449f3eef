import { afterEach, describe, expect, it } from 'vitest';
import { FakeNodeGraph } from '../../test/support/fakeNodeGraph.js';
import { FAKE_CONTRACT, fakeBundle } from '../../test/support/fakeRobot.js';
import { noInterventions } from '../act/interventions.js';
import { LiveStrategy } from '../act/liveStrategy.js';
import type { EpisodeRecord, StopReason } from '../episode/episode.js';
import { UserError } from '../errors.js';
import { decode } from '../messages/cdr.js';
import type { ParameterValue } from '../robots/ros2/managedNode.js';
import type { RosRobotStatus } from '../robots/ros2/rosRobot.js';
import type { Tap } from '../tap.js';
import type { RunEpisodesResult } from './messages.js';
import { PolicyNode } from './policyNode.js';
import type { EpisodeOptions, Performance, RunRequest, Verdict } from './runs.js';
import type { Session, SessionOptions } from './session.js';

const BUNDLE = fakeBundle(FAKE_CONTRACT, 8);
const GIVEN = { contract: 'robot.yaml', policy: 'policy' };
const GOAL = { count: 2, task: 'stack', seed: 5, time_limit: 3, record: false };
const settled = () => new Promise((resolve) => setTimeout(resolve));

/** A session whose episodes end when the test says so, or when they are stopped. */
class FakeSession implements Session {
  readonly contract = FAKE_CONTRACT;
  readonly bundle = BUNDLE;
  readonly provider = 'cpu';
  readonly providerNotes = ['provider cuda cannot be used: no library'];
  readonly maxReward = 4;
  readonly strategy: LiveStrategy;
  readonly requests: RunRequest[] = [];
  readonly verdicts: Verdict[] = [];
  readonly episodes: EpisodeOptions[] = [];
  closed = false;
  watcher: Tap | undefined;
  robot: RosRobotStatus = { sources: [], rivals: [], unheard: [], clocks: [] };
  #end: (record: EpisodeRecord) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(readonly options: SessionOptions) {
    this.strategy = new LiveStrategy(options.strategyFor(BUNDLE), { length: 8, width: 3 });
  }

  watch(tap: Tap): void {
    this.watcher = tap;
  }

  status(): RosRobotStatus {
    return this.robot;
  }

  mark(verdict: Verdict): void {
    this.verdicts.push(verdict);
  }

  async begin(request: RunRequest): Promise<Performance> {
    this.requests.push(request);
    return {
      episode: (options) => {
        this.episodes.push(options);
        return new Promise((resolve, reject) => {
          this.#end = resolve;
          this.#fail = reject;
          options.signal.addEventListener('abort', () => resolve(record(options.seed, 'interrupted')));
        });
      },
      end: async () => {},
    };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  tick(index = 0): void {
    const command = { time: 0, positions: new Float32Array(3) };
    this.episodes.at(-1)?.tap.onTick({
      index,
      time: index / 20,
      command,
      between: [],
      missedCommands: 0,
      spentChunks: 0,
      interventions: [],
      reward: 2,
    });
  }

  async end(stop: StopReason): Promise<void> {
    this.#end(record(this.episodes.at(-1)?.seed ?? -1, stop));
    await settled();
  }

  async fail(error: Error): Promise<void> {
    this.#fail(error);
    await settled();
  }
}

function record(seed: number, stop: StopReason): EpisodeRecord {
  const none = new Float32Array();
  return {
    result: {
      seed,
      success: stop === 'success',
      return: 12,
      highest_reward: 4,
      steps: 20,
      duration_s: 1,
      stop,
      safety: { ...noInterventions(), ramp_in: 3, hold_stale: 1 },
      max_camera_skew_s: 0.01,
      wall: {
        seconds: 1,
        latency_ms: null,
        run_ms: null,
        overhead_ms: null,
        reaction_ms: null,
        missed_ticks: 2,
        missed_commands: 0,
        dropped_observations: 1,
        spent_chunks: 0,
      },
    },
    timings: { latencyMs: none, runMs: none, overheadMs: none },
  };
}

let graph: FakeNodeGraph;
let node: PolicyNode;
let sessions: FakeSession[];
let refusal: Error | undefined;
const session = () => sessions.at(-1) as FakeSession;

function create(given: Readonly<Record<string, ParameterValue>> = GIVEN): void {
  graph = new FakeNodeGraph(given);
  sessions = [];
  refusal = undefined;
  node = new PolicyNode({
    graph,
    open: async (options) => {
      if (refusal) throw refusal;
      sessions.push(new FakeSession(options));
      return session();
    },
  });
}

async function activated(given?: Readonly<Record<string, ParameterValue>>): Promise<void> {
  create(given);
  await graph.machine.request({ label: 'configure' });
  await graph.machine.request({ label: 'activate' });
}

/** The newest message on ~/status. */
const status = () => graph.objects.get('~/status')?.at(-1);
const results = () => graph.objects.get('~/episode_result') ?? [];
const diagnostics = () => {
  const { cdr } = graph.sent.filter(({ topic }) => topic === '/diagnostics').at(-1) ?? {};
  return decode('diagnostic_msgs/msg/DiagnosticArray', cdr as Uint8Array).status;
};

afterEach(() => node.close());

describe('PolicyNode, its lifecycle', () => {
  it('opens a session when configured, performs while active, frees it when cleaned up', async () => {
    create();
    expect(sessions).toHaveLength(0);
    expect(await graph.machine.request({ label: 'configure' })).toBe(true);
    expect(session().options).toMatchObject({
      ...GIVEN,
      inference: { provider: 'auto', deviceId: 0, threads: 1 },
      simTime: false,
      lockstep: false,
    });
    expect((await graph.call('start')).message).toContain('not active');
    expect(await graph.machine.request({ label: 'activate' })).toBe(true);
    expect((await graph.call('start')).success).toBe(true);
    expect(await graph.machine.request({ label: 'deactivate' })).toBe(true);
    expect(session().episodes[0]?.signal.aborted).toBe(true);
    expect((await graph.call('start')).success).toBe(false);
    expect(await graph.machine.request({ label: 'cleanup' })).toBe(true);
    expect(session().closed).toBe(true);
    expect(await graph.machine.request({ label: 'configure' })).toBe(true);
    expect(sessions).toHaveLength(2);
  });

  it('starts by itself when told to', async () => {
    create({ ...GIVEN, autostart: true });
    await node.start();
    expect(graph.machine.currentState.label).toBe('active');
  });

  it('waits when not', async () => {
    create();
    await node.start();
    expect(graph.machine.currentState.label).toBe('unconfigured');
  });

  it('goes back to unconfigured with the reason when it cannot be configured, and can be mended', async () => {
    create({ ...GIVEN, autostart: true });
    refusal = new UserError('robot contract robot.yaml cannot be read');
    await expect(node.start()).rejects.toThrow('cannot be read');
    expect(graph.machine.states).toContain('errorprocessing');
    expect(graph.machine.currentState.label).toBe('unconfigured');
    expect(graph.logged).toContain('error: Robot contract robot.yaml cannot be read.');
    refusal = undefined;
    expect(graph.set({ contract: 'other.yaml' })).toBeUndefined();
    await node.start();
    expect(session().options.contract).toBe('other.yaml');
  });

  it('leaves through the error state when something breaks in the middle of a run', async () => {
    await activated();
    const goal = graph.send(GOAL);
    await settled();
    await session().fail(new Error('the recorder thread is gone'));
    expect((await goal.ended).how).toBe('aborted');
    await settled();
    expect(graph.machine.states.slice(-3)).toEqual(['deactivating', 'errorprocessing', 'unconfigured']);
    expect(session().closed).toBe(true);
    expect(graph.logged).toContain('error: The recorder thread is gone.');
  });

  it('stays active when only a run fails', async () => {
    await activated();
    const goal = graph.send(GOAL);
    await settled();
    await session().fail(new UserError('the robot was not reset by /reset'));
    const { how, result } = await goal.ended;
    expect(how).toBe('aborted');
    expect((result as RunEpisodesResult).message).toContain('The robot was not reset by /reset.');
    expect(graph.machine.currentState.label).toBe('active');
  });

  it('ends the episode, frees everything and is finalized when closed or shut down', async () => {
    await activated();
    await graph.call('start');
    await settled();
    await node.close();
    await node.finalized;
    expect(session().episodes[0]?.signal.aborted).toBe(true);
    expect(session().closed).toBe(true);
    expect(graph.machine.currentState.label).toBe('finalized');
    await node.close();
  });

  it('can be closed while it is being configured', async () => {
    create({ ...GIVEN, autostart: true });
    const started = node.start();
    await node.close();
    await started;
    expect(graph.machine.currentState.label).toBe('finalized');
    expect(session().closed).toBe(true);
  });
});

describe('PolicyNode, runs', () => {
  it('gives a goal its feedback, its result, and every episode as a latched message', async () => {
    await activated();
    const goal = graph.send(GOAL);
    await settled();
    expect(session().requests[0]).toEqual({
      episodes: 2,
      seed: 5,
      timeLimitS: 3,
      task: 'stack',
      record: false,
    });
    session().tick();
    expect(status()).toMatchObject({ state: 2, episode: 1, episodes: 2, seed: 5, steps: 1, reward: 2 });
    await session().end('success');
    await session().end('timeout');
    const { how, result } = await goal.ended;
    expect(how).toBe('succeeded');
    expect(result).toMatchObject({ success_rate: 0.5, average_return: 12, return_std: 0 });
    expect((result as RunEpisodesResult).episodes).toEqual(results());
    expect(results()).toHaveLength(2);
    expect(results()[1]).toMatchObject({
      task: 'stack',
      seed: 6,
      success: false,
      stop: 'timeout',
      interventions: ['ramp_in', 'hold_stale'],
      intervention_ticks: [3, 1],
      missed_ticks: 2,
      bag: '',
    });
    expect(goal.feedback.length).toBeGreaterThanOrEqual(4);
    expect(status()).toMatchObject({ state: 0, episode: 0 });
  });

  it('takes what a goal leaves open from its parameters', async () => {
    await activated({ ...GIVEN, time_limit: 45, task: 'sort' });
    const goal = graph.send({ ...GOAL, task: '', time_limit: 0, count: 1 });
    await settled();
    expect(session().requests[0]).toMatchObject({ timeLimitS: 45, task: 'sort' });
    graph.set({ task: '' });
    await session().end('success');
    await goal.ended;
    void graph.send({ ...GOAL, task: '' }).ended;
    await settled();
    expect(session().requests[1]).toMatchObject({ task: BUNDLE.task });
  });

  it('ends a goal that is cancelled with what was done', async () => {
    await activated();
    const goal = graph.send(GOAL);
    await settled();
    await session().end('success');
    goal.cancel();
    const { how, result } = await goal.ended;
    expect(how).toBe('canceled');
    expect((result as RunEpisodesResult).episodes.map(({ stop }) => stop)).toEqual([
      'success',
      'interrupted',
    ]);
    expect((result as RunEpisodesResult).message).toMatch(/^Stopped: the goal was cancelled\. 1 episode/);
  });

  it.each([
    [{ count: 0 }, 'count is 0'],
    [{ seed: -1 }, 'seed is -1'],
    [{ time_limit: -2 }, 'time_limit is -2'],
    [{ time_limit: Number.NaN }, 'time_limit is NaN'],
    [{ record: true }, 'record_dir'],
  ])('refuses a goal with %o and says why', async (change, why) => {
    await activated();
    const { how, result } = await graph.send({ ...GOAL, ...change }).ended;
    expect(how).toBe('aborted');
    expect((result as RunEpisodesResult).message).toContain(why);
    expect(session().requests).toEqual([]);
    expect(result).toMatchObject({
      success_rate: 0,
      success_rate_low: 0,
      success_rate_high: 1,
      episodes: [],
    });
  });

  it('has one run at a time', async () => {
    await activated();
    void graph.send(GOAL).ended;
    await settled();
    expect((await graph.send(GOAL).ended).how).toBe('aborted');
    expect((await graph.call('start')).message).toContain('under way');
    expect(await graph.call('stop')).toMatchObject({ success: true });
    expect(await graph.call('stop')).toMatchObject({ success: false, message: 'No run is under way.' });
  });

  it('runs freely from start to stop, from one seed after the other, recorded where there is a folder', async () => {
    await activated({ ...GIVEN, seed: 41 });
    await graph.call('start');
    await settled();
    expect(session().requests[0]).toMatchObject({ episodes: 0, seed: 41, record: false });
    await graph.call('stop');
    expect(graph.parameter('seed')).toBe(42);
    graph.set({ record_dir: '/data' });
    await graph.call('start');
    await settled();
    expect(session().requests[1]).toMatchObject({ seed: 42, record: true });
  });

  it('has episodes judged by hand', async () => {
    await activated();
    expect(await graph.call('mark_success')).toMatchObject({ success: false });
    await graph.call('start');
    await settled();
    session().tick();
    expect(await graph.call('mark_failure')).toMatchObject({ success: true });
    expect(session().verdicts).toEqual(['failure']);
  });

  it('latches the emergency stop until it is released, and says so', async () => {
    await activated();
    const { emergencyStop } = session().options;
    expect(await graph.call('emergency_stop')).toMatchObject({ success: true });
    expect(emergencyStop.engaged).toBe(true);
    expect(status()).toMatchObject({ emergency_stop: true });
    expect((await graph.call('start')).message).toContain('release it');
    await graph.machine.request({ label: 'deactivate' });
    expect(emergencyStop.engaged).toBe(true);
    await graph.call('release_emergency_stop');
    expect(emergencyStop.engaged).toBe(false);
    expect(status()).toMatchObject({ emergency_stop: false });
  });
});

describe('PolicyNode, parameters', () => {
  it('has a description for each, and takes the strategy of the bundle where none is set', async () => {
    await activated();
    for (const { description } of graph.specs.values()) expect(description).toMatch(/\.$/);
    expect(session().strategy.spec).toEqual(BUNDLE.strategy);
    expect(graph.parameter('strategy')).toBe('latest');
  });

  it('changes the strategy from the next tick on', async () => {
    await activated();
    expect(graph.set({ strategy: 'ensemble' })).toBeUndefined();
    expect(session().strategy.spec).toEqual({ name: 'ensemble', m: 0.01 });
    expect(graph.set({ ensemble_m: 0.5 })).toBeUndefined();
    expect(session().strategy.spec).toEqual({ name: 'ensemble', m: 0.5 });
    expect(graph.set({ strategy: 'receding', receding_steps: 3 })).toBeUndefined();
    expect(session().strategy.spec).toEqual({ name: 'receding', steps: 3 });
    expect(graph.set({ strategy: 'blend', blend_fade: 0.2, interpolation: 'linear' })).toBeUndefined();
    expect(session().strategy.spec).toEqual({ name: 'blend', fade_s: 0.2, m: 0.5, interpolation: 'linear' });
    expect(graph.set({ strategy: 'latest', interpolation: 'cubic', late_extrapolate: 0 })).toBeUndefined();
    const told = { interpolation: 'cubic', late_extrapolate_s: 0 };
    expect(session().strategy.spec).toEqual({ name: 'latest', ...told });
    expect(graph.set({ strategy: 'bundle' })).toBeUndefined();
    expect(session().strategy.spec).toEqual({ ...BUNDLE.strategy, ...told });
  });

  it('keeps what was set through a new configuration', async () => {
    await activated({ ...GIVEN, strategy: 'ensemble' });
    expect(session().strategy.spec).toEqual({ name: 'ensemble', m: 0.01 });
    graph.set({ ensemble_m: 0.2 });
    for (const label of ['deactivate', 'cleanup', 'configure']) await graph.machine.request({ label });
    expect(session().strategy.spec).toEqual({ name: 'ensemble', m: 0.2 });
  });

  it.each([
    [{ ensemble_m: 11 }, 'ensemble_m is 11, it must be from -10 to 10'],
    [{ ensemble_m: Number.NaN }, 'ensemble_m is NaN'],
    [{ late_wait: 0.2 }, 'late_wait is 0.2, it must be from 0 to 0.1'],
    [{ speed_scale: 0.1 }, 'speed_scale is 0.1, it must be from 0.25 to 2'],
    [
      { strategy: 'fastest' },
      "strategy is 'fastest', it must be one of bundle, ensemble, receding, latest, blend",
    ],
    [{ strategy: 'receding', receding_steps: 9 }, 'steps is 9, it must be a whole number from 1 to 8'],
    [{ images: 'gif' }, 'one of jpeg, raw'],
    [{ contract: 'other.yaml' }, 'contract is read when the node is configured'],
    [{ use_sim_time: true }, 'use_sim_time is read when the node is configured'],
    [{ speed_scale: 1.5, provider: 'cuda' }, 'provider is read when the node is configured'],
    [{ realtime_priority: 20 }, 'realtime_priority is read when the node is configured'],
    [{ threads: 2 }, 'threads is read when the node is configured'],
  ] as Record<string, ParameterValue>[][])('refuses %o: %s', async (change, why) => {
    await activated();
    const before = session().strategy.spec;
    expect(graph.set(change as Record<string, ParameterValue>)).toContain(why);
    expect(session().strategy.spec).toEqual(before);
    expect(graph.parameter('speed_scale')).toBe(1);
  });

  it('does not start with a value that cannot be', () => {
    create();
    expect(() => create({ ...GIVEN, provider: 'cuda,gpu' })).toThrow(
      "provider is 'cuda,gpu': provider 'gpu' is unknown; use auto, or one or more of",
    );
    expect(() => create({ ...GIVEN, time_limit: 0 })).toThrow(
      'time_limit is 0, it must be from 0.1 to 86400',
    );
  });

  it('takes what may change between two ticks as it is then', async () => {
    await activated();
    const { settings } = session().options;
    expect([settings.speedScale(), settings.recordDir(), settings.images()]).toEqual([1, '', 'jpeg']);
    expect(settings.lateWaitS()).toBe(0);
    graph.set({ late_wait: 0.05 });
    expect(settings.lateWaitS()).toBe(0.05);
    graph.set({ speed_scale: 0.5, record_dir: '/data', images: 'raw' });
    expect([settings.speedScale(), settings.recordDir(), settings.images()]).toEqual([0.5, '/data', 'raw']);
  });
});

describe('PolicyNode, what it says of itself', () => {
  it('diagnoses at once, and what keeps it from being configured', async () => {
    create();
    expect(diagnostics()).toMatchObject([{ name: 'saccade: lifecycle', level: 0, message: 'unconfigured' }]);
  });

  it('logs what the robot notices', async () => {
    await activated();
    session().options.onNotice({
      level: 'warn',
      source: 'camera head',
      message: 'camera head: nothing for 1 s',
    });
    expect(graph.logged.at(-1)).toBe('warn: Camera head: nothing for 1 s.');
  });

  it('fetches no view that nobody looks at', async () => {
    await activated();
    expect(session().watcher?.views).toEqual([]);
  });
});
