/**
 * One command after the other: what the strategy says for its instant, within the limits, to the robot. Knows what
 * was sent on the tick under way.
 */
import { HorizonPlanner } from '../act/horizon.js';
import { type Intervention, type InterventionCounts, noInterventions } from '../act/interventions.js';
import { type EmergencyStop, Safety } from '../act/safety.js';
import type { Strategy } from '../act/strategy.js';
import type { JointCommand, Robot } from '../robots/robot.js';
import type { Tick } from '../tap.js';
import { Schedule } from './schedule.js';

export interface CommanderOptions {
  readonly robot: Robot;
  readonly strategy: Strategy;
  /** For each joint of the strategy's actions its index in the contract. */
  readonly joints: readonly number[];
  readonly emergencyStop?: EmergencyStop | undefined;
  /** See `EpisodeOptions`. */
  readonly wantsHorizon?: (() => boolean) | undefined;
}

/** What a tick's commands were. */
export type SentOnTick = Pick<Tick, 'action' | 'command' | 'between' | 'interventions'>;

export class Commander {
  readonly #options: CommanderOptions;
  readonly #rateHz: number;
  readonly #safety: Safety;
  readonly #planner: HorizonPlanner;
  readonly #action: Float32Array;
  readonly #limited: Float32Array;
  #schedule: Schedule;
  #counts = noInterventions();
  // Of the tick under way.
  #sent: JointCommand[] = [];
  #wanted: Float32Array | undefined;
  #interventions: readonly Intervention[] = [];

  constructor(options: CommanderOptions) {
    const { robot, joints, emergencyStop } = options;
    const { contract } = robot;
    const specs = joints.map((index) => contract.joints[index]);
    const limits = {
      rateHz: contract.commandRateHz,
      rampInS: contract.safety.rampInS,
      ...(emergencyStop && { emergencyStop }),
    };
    this.#options = options;
    this.#rateHz = contract.commandRateHz;
    this.#safety = new Safety(specs, limits);
    this.#planner = new HorizonPlanner(specs, limits);
    this.#action = new Float32Array(joints.length);
    this.#limited = new Float32Array(joints.length);
    this.#schedule = new Schedule(0, contract);
  }

  /** Why the robot must not go on, once set. */
  get fault(): string | undefined {
    return this.#safety.fault;
  }

  /** Ticks by kind: one on which several commands meet a limit counts once. */
  get interventions(): InterventionCounts {
    return this.#counts;
  }

  get atRest(): boolean {
    return this.#safety.atRest;
  }

  /** @param measured the pose the arm stands in, in the order of the actions */
  begin(measured: Float32Array, schedule: Schedule): void {
    this.#schedule = schedule;
    this.#safety.begin(measured, schedule.timeOf(0));
  }

  /**
   * Sends command n.
   * @param fresh false where a sensor is stale: the arm is held
   * @returns whether the policy had a say in it
   */
  send(n: number, fresh: boolean): boolean {
    const time = this.#schedule.timeOf(n);
    const acts = this.#act(fresh, time);
    this.#note(acts);
    this.#command(time, acts ? this.#options.strategy : undefined, n + 1);
    return acts;
  }

  /** Sends a command that brakes the arm, after the episode's end. */
  settle(time: number): void {
    this.#safety.settle(this.#limited);
    this.#command(time, undefined, 0);
  }

  /** What was sent since the last call. */
  takeTick(): SentOnTick {
    const [command, ...between] = this.#sent;
    const action = this.#wanted;
    const interventions = this.#interventions;
    this.#sent = [];
    this.#wanted = undefined;
    this.#interventions = [];
    return { command, between, interventions, ...(action && { action }) };
  }

  /** Fills `#limited`; true when the policy had an action for that time. */
  #act(fresh: boolean, time: number): boolean {
    const { strategy } = this.#options;
    if (!fresh) {
      this.#safety.hold('hold_stale', time, this.#limited);
      return false;
    }
    if (!strategy.actionAt(time, this.#action)) {
      this.#safety.hold('hold_no_action', time, this.#limited);
      return false;
    }
    this.#safety.limit(this.#action, time, this.#limited, strategy.foresees(time));
    return true;
  }

  #note(acts: boolean): void {
    if (acts && this.#sent.length === 0) this.#wanted = this.#action.slice();
    const before = this.#interventions;
    const now = this.#safety.interventions;
    const fresh = before.length === 0 ? now : now.filter((kind) => !before.includes(kind));
    for (const kind of fresh) this.#counts[kind]++;
    if (fresh.length > 0) this.#interventions = before.length === 0 ? fresh : [...before, ...fresh];
  }

  /** Sends `#limited`; `strategy` is what it follows, `next` the number of the command after it. */
  #command(time: number, strategy: Strategy | undefined, next: number): void {
    const { robot } = this.#options;
    const positions = this.#toContract(this.#limited);
    const command: JointCommand = this.#wantsHorizon()
      ? { time, positions, horizon: this.#horizon(strategy, next) }
      : { time, positions };
    robot.command(command);
    this.#sent.push(command);
  }

  #wantsHorizon(): boolean {
    const { robot, wantsHorizon } = this.#options;
    return robot.wantsHorizon === true || wantsHorizon?.() === true;
  }

  #horizon(strategy: Strategy | undefined, next: number) {
    const rows = this.#planner.plan(this.#safety, strategy, this.#schedule.timeOf(0), next);
    const positions = Array.from({ length: rows }, (_, k) => this.#toContract(this.#planner.row(k)));
    return { dt: 1 / this.#rateHz, positions };
  }

  /** Contract joint order, newly made: the robot keeps it. */
  #toContract(limited: Float32Array): Float32Array {
    const { joints } = this.#options;
    const positions = new Float32Array(joints.length);
    for (let j = 0; j < joints.length; j++) positions[joints[j]] = limited[j];
    return positions;
  }
}
