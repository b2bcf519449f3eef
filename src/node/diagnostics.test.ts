import { describe, expect, it } from 'vitest';
import type { Frame } from '../robots/robot.js';
import type { RosRobotStatus } from '../robots/ros2/rosRobot.js';
import type { SourceStatus } from '../robots/ros2/source.js';
import type { Tick } from '../tap.js';
import { diagnose, LoopMonitor, type NodeState } from './diagnostics.js';

const SOURCE: SourceStatus = {
  source: 'camera head',
  topic: '/head/image_raw',
  state: 'ok',
  silentS: 0.02,
  rateHz: 29.97,
  lagS: 0.0123,
  problem: undefined,
  received: 100,
  late: 1,
  early: 0,
  duplicates: 2,
  outOfOrder: 3,
  dropped: 4,
  faulty: 5,
};
const WELL: RosRobotStatus = { sources: [SOURCE], rivals: [], unheard: [], clocks: [] };

function state(
  robot: Partial<RosRobotStatus> = {},
  more: Partial<NonNullable<NodeState['configured']>> = {},
) {
  return {
    state: 'active',
    run: 'idle',
    emergencyStop: false,
    error: undefined,
    configured: {
      hardware: 'arm',
      rateHz: 20,
      policy: 'pick',
      provider: 'cpu',
      providerNotes: ['provider cuda cannot be used: no library'],
      strategy: { name: 'ensemble', m: 0.01 },
      robot: { ...WELL, ...robot },
      clockStands: false,
      loop: new LoopMonitor(),
      ...more,
    },
  } as const satisfies NodeState;
}

const status = (all: ReturnType<typeof diagnose>, name: string) =>
  all.find((each) => each.name === `arm_1: ${name}`);
const value = (all: ReturnType<typeof diagnose>, name: string, key: string) =>
  status(all, name)?.values.find((each) => each.key === key)?.value;

const frame = (time: number): Frame => ({
  camera: 'head',
  time,
  width: 1,
  height: 1,
  data: new Uint8Array(3),
});

const tick = (index: number, more: Partial<Tick> = {}): Tick => ({
  index,
  time: index / 20,
  command: { time: 0, positions: new Float32Array() },
  between: [],
  missedCommands: 0,
  spentChunks: 0,
  interventions: [],
  reward: 0,
  ...more,
});

describe('diagnose', () => {
  it('gives the figures of every source', () => {
    const all = diagnose('arm_1', state());
    expect(all.map(({ level }) => level)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(status(all, 'camera head')).toMatchObject({ message: 'ok', hardware_id: 'arm' });
    expect(value(all, 'camera head', 'rate_hz')).toBe('30.0');
    expect(value(all, 'camera head', 'lag_ms')).toBe('12.30');
    expect(value(all, 'camera head', 'out_of_order')).toBe('3');
    expect(value(all, 'policy', 'strategy')).toBe('ensemble, m = 0.01');
    expect(value(all, 'policy', 'provider')).toBe('cpu');
    expect(value(all, 'policy', 'provider_notes')).toBe('provider cuda cannot be used: no library');
  });

  it.each(['waiting', 'stale', 'faulty'] as const)('is an error, naming it, when a sensor is %s', (how) => {
    for (const source of ['camera head', 'joint states']) {
      const dead = { ...SOURCE, source, state: how, problem: 'nothing for 3.0 s' };
      const all = diagnose('arm_1', state({ sources: [dead] }));
      expect(status(all, source)).toMatchObject({ level: 2, message: `${source}: nothing for 3.0 s` });
    }
  });

  it('can do without a reward, but not with a wrong one', () => {
    const reward = { ...SOURCE, source: 'reward', problem: 'nothing has come' };
    const level = (how: 'waiting' | 'faulty') =>
      status(diagnose('arm_1', state({ sources: [{ ...reward, state: how }] })), 'reward')?.level;
    expect(level('waiting')).toBe(0);
    expect(level('faulty')).toBe(1);
  });

  it('names those who command the robot too, or the controllers that do not listen', () => {
    const rivals = diagnose('arm_1', state({ rivals: ['/teleop on /joint_commands'], unheard: ['/x'] }));
    expect(status(rivals, 'commands')).toMatchObject({
      level: 2,
      message: expect.stringContaining('/teleop'),
    });
    const unheard = diagnose('arm_1', state({ unheard: ['/gripper'] }));
    expect(status(unheard, 'commands')).toMatchObject({ level: 1, message: 'nobody listens on /gripper' });
  });

  it('says that time stands still', () => {
    expect(status(diagnose('arm_1', state({}, { clockStands: true })), 'clock')).toMatchObject({ level: 2 });
  });

  it('names those who publish the time, where they are several', () => {
    const several = diagnose('arm_1', state({ clocks: ['/sim', '/player'] }));
    expect(status(several, 'clock')).toMatchObject({
      level: 1,
      message: 'several nodes publish /clock: /sim, /player',
    });
  });

  it('says why the node is not configured, and that the emergency stop is engaged', () => {
    const { configured: _, ...rest } = state();
    const all = diagnose('arm_1', { ...rest, state: 'unconfigured', error: 'no such file' });
    expect(all).toMatchObject([{ name: 'arm_1: lifecycle', level: 2, message: 'no such file' }]);
    const stopped = diagnose('arm_1', { ...state(), emergencyStop: true });
    expect(status(stopped, 'safety')).toMatchObject({ level: 1 });
  });

  it('reports the ticks of a period, once', () => {
    const loop = new LoopMonitor();
    const observation = (skew: number) => ({
      time: 0,
      first: false,
      state: new Float32Array(),
      cameras: [0, skew].map((time) => ({ current: frame(time), previous: frame(time) })),
    });
    const inference = {
      chunk: { time: 0, dt: 0, length: 0, width: 0, actions: new Float32Array() },
      resizeMs: 0,
      views: new Map(),
    };
    loop.onTick(tick(0, { observation: observation(0.01) }));
    loop.onTick(tick(1, { observation: observation(0.03), interventions: ['ramp_in'] }));
    loop.onTick(
      tick(4, { latencyMs: 20, inference: { ...inference, runMs: 15 }, interventions: ['ramp_in'] }),
    );
    const all = diagnose('arm_1', state({}, { loop }));
    expect(status(all, 'loop')).toMatchObject({ level: 1, message: '2 control ticks are missing' });
    expect(value(all, 'loop', 'ticks')).toBe('3');
    expect(value(all, 'loop', 'tick_rate_hz')).toBe('10.00'); // Two ticks in the 0.2 s after the first.
    expect(value(all, 'loop', 'camera_skew_ms')).toBe('30.00');
    expect(value(all, 'policy', 'latency_ms_p50')).toBe('20.00');
    expect(value(all, 'policy', 'run_ms_p99')).toBe('15.00');
    expect(value(all, 'safety', 'ramp_in')).toBe('2');

    loop.onTick(tick(5));
    const next = diagnose('arm_1', state({}, { loop }));
    expect(status(next, 'loop')).toMatchObject({ level: 0 });
    expect(value(next, 'loop', 'tick_rate_hz')).toBe('20.00');
    expect(value(next, 'policy', 'latency_ms_p50')).toBe('');
    expect(value(next, 'safety', 'ramp_in')).toBe('2');
  });

  it('reports commands between ticks, how fast the robot reacts, and a policy that is too slow', () => {
    const loop = new LoopMonitor();
    const command = { time: 0, positions: new Float32Array() };
    for (const index of [0, 1, 2])
      loop.onTick(
        tick(index, {
          between: [command, command],
          missedCommands: index,
          spentChunks: index === 2 ? 4 : 0,
          ...(index > 0 && { reactionMs: 3 * index }),
        }),
      );
    const all = diagnose('arm_1', state({}, { loop }));
    expect(status(all, 'loop')).toMatchObject({ level: 1, message: '3 commands are missing' });
    expect(value(all, 'loop', 'commands')).toBe('9');
    expect(value(all, 'policy', 'reaction_ms_p50')).toBe('4.50');
    expect(status(all, 'policy')).toMatchObject({
      level: 1,
      message:
        '4 chunks came when all that they foresaw was past: the policy takes longer than it looks ahead',
    });
    const next = diagnose('arm_1', state({}, { loop }));
    expect(status(next, 'loop')).toMatchObject({ level: 0 });
    expect(status(next, 'policy')).toMatchObject({ level: 0 });
    expect(value(next, 'loop', 'missed_commands')).toBe('0');
  });

  it('takes the ticks of a new episode for no missing ones', () => {
    const loop = new LoopMonitor();
    for (const index of [0, 1, 2, 0, 1]) loop.onTick(tick(index));
    expect(loop.take()).toMatchObject({ ticks: 5, missed: 0, rateHz: 20 });
  });
});
