/** `/diagnostics`: whether the robot's sources are alive, the loop keeps up, and what safety has had to do. */
import { INTERVENTIONS, noInterventions } from '../act/interventions.js';
import type { StrategySpec } from '../contract/strategy.js';
import type { EpisodeRecord, Percentiles } from '../episode/episode.js';
import { percentiles } from '../episode/statistics.js';
import type { DiagnosticArray } from '../messages/types.js';
import type { RosRobotStatus } from '../robots/ros2/rosRobot.js';
import type { Tap, Tick } from '../tap.js';
import type { RunState } from './runs.js';

export type DiagnosticStatus = DiagnosticArray['status'][number];

const OK = 0;
const WARN = 1;
const ERROR = 2;

/** What the loop did since it was asked last. */
export interface LoopFigures {
  /** Control ticks, and those that were left out. */
  readonly ticks: number;
  readonly missed: number;
  /** Commands, and periods of commands that were left out. */
  readonly commands: number;
  readonly missedCommands: number;
  /** Ticks a second; undefined where there were too few to tell. */
  readonly rateHz: number | undefined;
  /** Observation → chunk, and `session.run` alone, ms. */
  readonly latencyMs: Percentiles | null;
  readonly runMs: Percentiles | null;
  /** Image → first command that it had a say in, less `session.run`, ms. */
  readonly reactionMs: Percentiles | null;
  /** Chunks that came when all of their rows were past. */
  readonly spentChunks: number;
  /** Between the cameras of one observation, at most, s. */
  readonly skewS: number;
}

/** Looks on at every episode and keeps count. */
export class LoopMonitor implements Tap {
  /** Ticks by kind since the node was configured. */
  readonly interventions = noInterventions();
  /** Observations that never were inferred, of episodes that are over. */
  droppedObservations = 0;
  #ticks = 0;
  #missed = 0;
  #commands = 0;
  #missedCommands = 0;
  #spentChunks = 0;
  #first: Tick | undefined;
  #last: Tick | undefined;
  #latency: number[] = [];
  #run: number[] = [];
  #reaction: number[] = [];
  #skewS = 0;

  onTick(tick: Tick): void {
    const { index, latencyMs, reactionMs, inference, observation, interventions } = tick;
    this.#ticks++;
    this.#commands += 1 + tick.between.length;
    this.#missedCommands += tick.missedCommands;
    this.#spentChunks += tick.spentChunks;
    if (this.#last && index > this.#last.index) this.#missed += index - this.#last.index - 1;
    // A new episode's ticks begin anew, some time after the last of the one before.
    if (!this.#last || index <= this.#last.index) this.#first = tick;
    this.#last = tick;
    if (latencyMs !== undefined) this.#latency.push(latencyMs);
    if (reactionMs !== undefined) this.#reaction.push(reactionMs);
    if (inference) this.#run.push(inference.runMs);
    for (const kind of interventions) this.interventions[kind]++;
    if (!observation) return;
    const times = observation.cameras.map(({ current }) => current.time);
    this.#skewS = Math.max(this.#skewS, Math.max(...times) - Math.min(...times));
  }

  ended({ result }: EpisodeRecord): void {
    this.droppedObservations += result.wall.dropped_observations;
  }

  /** The figures since the last call. */
  take(): LoopFigures {
    const [first, last] = [this.#first, this.#last];
    const seconds = first && last ? last.time - first.time : 0;
    const figures = {
      ticks: this.#ticks,
      missed: this.#missed,
      commands: this.#commands,
      missedCommands: this.#missedCommands,
      rateHz: first && last && seconds > 0 ? this.#counted(first, last) / seconds : undefined,
      latencyMs: percentiles(Float32Array.from(this.#latency)),
      runMs: percentiles(Float32Array.from(this.#run)),
      reactionMs: percentiles(Float32Array.from(this.#reaction)),
      spentChunks: this.#spentChunks,
      skewS: this.#skewS,
    };
    this.#ticks = 0;
    this.#missed = 0;
    this.#commands = 0;
    this.#missedCommands = 0;
    this.#spentChunks = 0;
    this.#first = this.#last;
    this.#latency = [];
    this.#run = [];
    this.#reaction = [];
    this.#skewS = 0;
    return figures;
  }

  #counted(first: Tick, last: Tick): number {
    return last.index - first.index - this.#missed;
  }
}

/** What there is to report. */
export interface NodeState {
  /** Of the lifecycle. */
  readonly state: string;
  readonly run: RunState;
  readonly emergencyStop: boolean;
  /** Why the node is in no better state; cleared when it is configured. */
  readonly error: string | undefined;
  /** Absent while the node is not configured. */
  readonly configured?: {
    readonly hardware: string;
    readonly rateHz: number;
    readonly policy: string;
    readonly provider: string;
    /** Why not another, and what of the graph it leaves to the CPU; clauses. */
    readonly providerNotes: readonly string[];
    readonly strategy: StrategySpec;
    readonly robot: RosRobotStatus;
    /** ROS time is what it was at the last report: nothing can go on. */
    readonly clockStands: boolean;
    readonly loop: LoopMonitor;
  };
}

/** @param node its name, which every status begins with */
export function diagnose(node: string, state: NodeState): DiagnosticStatus[] {
  const { configured } = state;
  const status = (name: string, level: number, message: string, values: Values = {}) => ({
    level,
    name: `${node}: ${name}`,
    message,
    hardware_id: configured?.hardware ?? '',
    values: Object.entries(values).map(([key, value]) => ({ key, value: String(value) })),
  });
  const lifecycle = state.error
    ? status('lifecycle', ERROR, state.error, { state: state.state, run: state.run })
    : status('lifecycle', OK, state.state, { state: state.state, run: state.run });
  if (!configured) return [lifecycle];
  const { robot, loop, rateHz, policy, provider, providerNotes, strategy, clockStands } = configured;
  const figures = loop.take();
  return [
    lifecycle,
    status('clock', ...ofClock(clockStands, robot)),
    ...robot.sources.map((source) => status(source.source, ...ofSource(source))),
    status('commands', ...ofCommands(robot)),
    status('loop', ...ofLoop(figures, rateHz)),
    status('policy', ...ofPolicy(figures), {
      policy,
      provider,
      provider_notes: providerNotes.join('; '),
      strategy: inWords(strategy),
      latency_ms_p50: milliseconds(figures.latencyMs?.p50),
      latency_ms_p99: milliseconds(figures.latencyMs?.p99),
      run_ms_p50: milliseconds(figures.runMs?.p50),
      run_ms_p99: milliseconds(figures.runMs?.p99),
      reaction_ms_p50: milliseconds(figures.reactionMs?.p50),
      reaction_ms_p99: milliseconds(figures.reactionMs?.p99),
      spent_chunks: figures.spentChunks,
      dropped_observations: loop.droppedObservations,
    }),
    status('safety', ...ofSafety(state.emergencyStop, loop)),
  ];
}

type Values = Readonly<Record<string, string | number | boolean>>;
type Rest = [level: number, message: string, values: Values];

function ofSource(source: RosRobotStatus['sources'][number]): Rest {
  const { state, problem, topic, rateHz, lagS, silentS } = source;
  const { received, late, early, duplicates, outOfOrder, dropped, faulty } = source;
  // Without a sensor the arm holds; without a reward it goes on.
  const needed = source.source.startsWith('camera') || source.source.startsWith('joint');
  const level = state === 'ok' ? OK : needed ? ERROR : state === 'waiting' ? OK : WARN;
  return [
    level,
    problem === undefined ? 'ok' : `${source.source}: ${problem}`,
    {
      topic,
      rate_hz: rateHz.toFixed(1),
      lag_ms: milliseconds(lagS === undefined ? undefined : 1000 * lagS),
      silent_s: silentS === undefined ? '' : silentS.toFixed(3),
      received,
      late,
      early,
      duplicates,
      out_of_order: outOfOrder,
      dropped,
      faulty,
    },
  ];
}

function ofClock(stands: boolean, { clocks }: RosRobotStatus): Rest {
  if (stands)
    return [ERROR, 'time stands still: nothing comes on /clock, which use_sim_time takes it from', {}];
  if (clocks.length > 0) return [WARN, `several nodes publish /clock: ${clocks.join(', ')}`, {}];
  return [OK, 'ok', {}];
}

function ofCommands({ rivals, unheard }: RosRobotStatus): Rest {
  if (rivals.length > 0) return [ERROR, `somebody else commands this robot: ${rivals.join(', ')}`, {}];
  if (unheard.length > 0) return [WARN, `nobody listens on ${unheard.join(', ')}`, {}];
  return [OK, 'ok', {}];
}

function ofPolicy({ spentChunks }: LoopFigures): [level: number, message: string] {
  if (spentChunks === 0) return [OK, 'ok'];
  return [
    WARN,
    `${spentChunks} chunks came when all that they foresaw was past: the policy takes longer than it looks ahead`,
  ];
}

function ofLoop(
  { ticks, missed, commands, missedCommands, rateHz, skewS }: LoopFigures,
  wanted: number,
): Rest {
  const values = {
    wanted_hz: wanted,
    tick_rate_hz: rateHz === undefined ? '' : rateHz.toFixed(2),
    ticks,
    missed_ticks: missed,
    commands,
    missed_commands: missedCommands,
    camera_skew_ms: milliseconds(1000 * skewS),
  };
  if (missed > 0) return [WARN, `${missed} control ticks are missing`, values];
  return missedCommands > 0 ? [WARN, `${missedCommands} commands are missing`, values] : [OK, 'ok', values];
}

function ofSafety(emergencyStop: boolean, { interventions }: LoopMonitor): Rest {
  const values = {
    emergency_stop: emergencyStop,
    ...Object.fromEntries(INTERVENTIONS.map((kind) => [kind, interventions[kind]])),
  };
  return emergencyStop ? [WARN, 'the emergency stop is engaged', values] : [OK, 'ok', values];
}

function inWords({ name, ...parameters }: StrategySpec): string {
  return [name, ...Object.entries(parameters).map(([key, value]) => `${key} = ${value}`)].join(', ');
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}
