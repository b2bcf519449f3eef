/**
 * A robot on ROS 2: the topics, services and clock of its contract behind the Robot port.
 *
 * No callback throws. What is wrong with a source is counted, said once (`onNotice`) and shown in `status`; a
 * source that delivers nothing of use goes stale, and the loop holds.
 */
import { Subject } from 'rxjs';
import type { ResetSpec, RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import {
  EpisodeAborted,
  type Frame,
  type JointCommand,
  type JointState,
  type Outcome,
  type ResetRequest,
  type Robot,
} from '../robot.js';
import { Arrivals } from './arrivals.js';
import { Camera } from './camera.js';
import { CLOCK_TOPIC } from './clock.js';
import { Commands } from './commands.js';
import { Expiry } from './expiry.js';
import type { RosGraph } from './graph.js';
import { JointStates } from './jointStates.js';
import { Outcomes } from './outcomes.js';
import { aligned, cameraSource, createClock, JOINTS, type RobotClock } from './robotClock.js';
import { type Notice, Source, type SourceStatus } from './source.js';

/** How often (ms) the graph is looked at for what comes up, goes, or should not be there. */
const LOOK_MS = 500;
/** Joint states that come for so long (s) without some of the joints will not have them. */
const JOINTS_TIMEOUT_S = 2;
/** Wall time (s) within which `/clock` must say something, where no reset is given another: simulators take long to start. */
const CLOCK_TIMEOUT_S = 5;
/** Stamps may be ahead of the time they arrive at: by what it takes to read a clock, or by a step of `/clock`. */
const EARLY_S = { real: 0.005, simulated: 0.05 };

export interface RosRobotOptions {
  readonly graph: RosGraph;
  readonly contract: RobotContract;
  /** Time is what `/clock` says (`use_sim_time`). */
  readonly simTime: boolean;
  /** The world is stepped, as the contract says; needs `simTime`. */
  readonly lockstep?: boolean;
  /** The task's; the contract's `reward.max` when absent. */
  readonly maxReward?: number;
  readonly onNotice?: (notice: Notice) => void;
}

export interface RosRobotStatus {
  /** Cameras, joint states, reward and success, in that order. */
  readonly sources: readonly SourceStatus[];
  /** Others who send commands to this robot's controllers; there should be none. */
  readonly rivals: readonly string[];
  /** Command topics that no controller listens to. */
  readonly unheard: readonly string[];
  /** Who publishes the time, where that is more than one node; there should be one. */
  readonly clocks: readonly string[];
}

export class RosRobot implements Robot {
  readonly contract: RobotContract;
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly clock: RobotClock;
  readonly maxReward: number;
  readonly wantsHorizon: boolean;
  readonly #options: RosRobotOptions;
  readonly #cameras: readonly Camera[];
  readonly #cameraSources: readonly Source[];
  readonly #jointSources: readonly Source[];
  readonly #outcomeSources: readonly Source[];
  readonly #jointStates: JointStates;
  readonly #outcomes: Outcomes;
  readonly #commands: Commands;
  readonly #looking: NodeJS.Timeout;
  /** Only what was seen from then on (s) is passed on. */
  #since = Number.NEGATIVE_INFINITY;
  /** What was said last of who does what nobody should, by what it is about. */
  readonly #complaints = new Map<string, string | undefined>();

  /**
   * Subscribes to everything and offers its commands; nothing moves before `command`.
   * @throws UserError when a message type is not installed
   */
  constructor(options: RosRobotOptions) {
    const { graph, contract, simTime, lockstep = false, maxReward } = options;
    this.#options = options;
    this.contract = contract;
    this.maxReward = maxReward ?? contract.reward.max;
    this.wantsHorizon = contract.commands.some(({ type }) => type === 'trajectory_msgs/msg/JointTrajectory');
    const arrivals = new Arrivals([...contract.cameras.map(cameraSource), JOINTS]);
    const rewards = () => this.#outcomes.rewards;
    this.clock = createClock({ graph, contract, simTime, lockstep, arrivals, rewards });
    const now = () => this.clock.now;

    this.#cameraSources = contract.cameras.map((camera) =>
      this.#source(cameraSource(camera), camera.topic, camera.maxAgeS),
    );
    this.#cameras = contract.cameras.map(
      (spec, c) =>
        new Camera({
          graph,
          spec,
          source: this.#cameraSources[c],
          now,
          wanted: () => this.frames.observed,
          onFrame: (frame) => {
            if (frame.time >= this.#since) this.frames.next(frame);
            arrivals.note(cameraSource(spec), frame.time);
          },
        }),
    );
    this.#jointSources = contract.jointStates.topics.map((topic) =>
      this.#source(JOINTS, topic, contract.safety.jointsMaxAgeS),
    );
    this.#jointStates = new JointStates({
      graph,
      contract,
      sources: this.#jointSources,
      now,
      onState: (state) => {
        if (state.time >= this.#since) this.joints.next(state);
        arrivals.note(JOINTS, state.time);
      },
    });
    // Rewards come when there are any: no age makes them wrong.
    const reward = this.#source('reward', contract.reward.topic, Number.POSITIVE_INFINITY);
    const success =
      contract.success && this.#source('success', contract.success.topic, Number.POSITIVE_INFINITY);
    this.#outcomeSources = success ? [reward, success] : [reward];
    this.#outcomes = new Outcomes({
      graph,
      contract,
      maxReward: this.maxReward,
      reward,
      success,
      now,
      onOutcome: (outcome) => {
        if (outcome.time >= this.#since) this.outcomes.next(outcome);
        arrivals.wake();
      },
    });
    this.#commands = new Commands(graph, contract);
    this.#look();
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /**
   * Calls the contract's reset service, if there is one, and waits until what comes is of the new episode.
   *
   * @throws UserError when somebody else commands the robot, it does not reset, joint states lack joints of the
   * contract, or there is no clock
   */
  async reset({ seed, signal }: ResetRequest): Promise<void> {
    try {
      await this.#reset(seed, signal);
    } catch (error) {
      // Of a reset that nobody waits for, nobody wants to know what became of it.
      if (!signal?.aborted) throw error;
    }
  }

  async #reset(seed: number, signal: AbortSignal | undefined): Promise<void> {
    this.#commands.refuseRivals();
    this.#since = Number.POSITIVE_INFINITY;
    try {
      await this.#clockRuns(signal);
      const { reset } = this.contract;
      if (reset) await this.#callReset(reset, seed, signal);
      // Messages of the attempt before may still be on their way.
      if (!this.clock.lockstep) await this.#passes(1 / this.contract.rateHz);
    } finally {
      this.#since = this.clock.now;
    }
    this.#outcomes.reset();
    this.#jointStates.reset();
    this.#commands.begin();
    if (this.clock.lockstep) await aligned(this.clock);
    else await this.#passes(1 / this.contract.rateHz);
    await this.#jointsComplete(signal);
    for (const topic of this.#commands.unheard())
      this.#notify({
        level: 'warn',
        source: 'commands',
        message: `nobody listens on ${topic}: is its controller loaded and active?`,
      });
    this.clock.begin();
  }

  command(command: JointCommand): void {
    this.#commands.send(command);
  }

  /** Somebody who watches says how the attempt went; a success earns `maxReward`. */
  mark(verdict: 'success' | 'failure', reason = 'marked as failed by hand'): void {
    this.#outcomes.mark(verdict, reason);
  }

  status(): RosRobotStatus {
    const cameras = this.#cameraSources.map((source, c) => {
      const status = source.status();
      return status.state === 'waiting' || status.state === 'stale'
        ? withReason(status, this.#cameras[c].explain())
        : status;
    });
    const joints = this.#jointSources.map((source) => {
      const status = source.status();
      return status.state === 'ok' ? withReason(status, this.#jointStates.problem) : status;
    });
    const outcomes = this.#outcomeSources.map((source) => source.status());
    return {
      sources: [...cameras, ...joints, ...outcomes],
      rivals: this.#commands.rivals(),
      unheard: this.#commands.unheard(),
      clocks: this.#clocks(),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    for (const camera of this.#cameras) camera.close();
    this.#jointStates.close();
    this.#outcomes.close();
    this.#commands.close();
    this.clock.close();
    this.frames.complete();
    this.joints.complete();
    this.outcomes.complete();
  }

  #source(name: string, topic: string, maxAgeS: number): Source {
    const notify = (notice: Notice) => this.#notify(notice);
    const earlyS = this.#options.simTime ? EARLY_S.simulated : EARLY_S.real;
    return new Source({ name, topic, maxAgeS, earlyS, now: () => this.clock.now, notify });
  }

  #notify(notice: Notice): void {
    this.#options.onNotice?.(notice);
  }

  #look(): void {
    for (const camera of this.#cameras) camera.look();
    this.#outcomes.look();
    for (const source of [...this.#cameraSources, ...this.#jointSources]) source.look();
    this.#complain('error', 'commands', 'somebody else commands this robot', this.#commands.rivals());
    this.#complain('warn', 'clock', `several nodes publish ${CLOCK_TOPIC}`, this.#clocks());
  }

  /** Says who does what nobody should, once as long as it is the same ones. */
  #complain(level: Notice['level'], source: string, what: string, nodes: readonly string[]): void {
    const message = nodes.length > 0 ? `${what}: ${nodes.join(', ')}` : undefined;
    if (message !== undefined && message !== this.#complaints.get(source))
      this.#notify({ level, source, message });
    this.#complaints.set(source, message);
  }

  async #callReset(
    { service, type, timeoutS }: ResetSpec,
    seed: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const request = type === 'saccade/srv/ResetEpisode' ? { seed } : {};
    const expiry = new Expiry(this.clock, timeoutS);
    let reply: object;
    try {
      const options = { timeoutS, expiry: expiry.signal, signal };
      reply = await this.#options.graph.callService(type, service, request, options);
    } finally {
      expiry.close();
    }
    const { success = true, message } = reply as { readonly success?: boolean; readonly message?: string };
    if (!success)
      throw new UserError(`the robot was not reset by ${service}: ${message || 'no reason given'}`);
  }

  async #clockRuns(signal: AbortSignal | undefined): Promise<void> {
    const timeoutS = this.contract.reset?.timeoutS ?? CLOCK_TIMEOUT_S;
    const until = performance.now() + 1000 * timeoutS;
    while (!this.clock.running) {
      if (performance.now() >= until)
        throw new UserError(
          `use_sim_time is set, but nothing has come on /clock for ${timeoutS} s; start the simulator, or unset it`,
        );
      signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Lets the robot's time pass; a clock that a reset sets back has passed enough. */
  async #passes(seconds: number): Promise<void> {
    try {
      await this.clock.sleepUntil(this.clock.now + seconds);
    } catch (error) {
      if (!(error instanceof EpisodeAborted)) throw error;
    }
  }

  /** Joint states may take a few messages to name every joint; what never comes at all, the loop reports. */
  async #jointsComplete(signal: AbortSignal | undefined): Promise<void> {
    const { rateHz } = this.contract;
    for (let n = 0; this.#jointStates.problem !== undefined; n++) {
      if (n / rateHz >= JOINTS_TIMEOUT_S) {
        const topics = this.contract.jointStates.topics.join(', ');
        throw new UserError(
          `joint states on ${topics} cannot be used, ${this.#jointStates.problem}; correct the names in the robot contract (joints[].name, or joints[].ros.name where the robot calls them otherwise)`,
        );
      }
      signal?.throwIfAborted();
      await this.#passes(1 / rateHz);
    }
  }

  /** Who publishes the time, where that is more than one node: it may be another's each time it is looked at. */
  #clocks(): string[] {
    const { graph, simTime } = this.#options;
    const clocks = simTime ? graph.publishers(CLOCK_TOPIC).map(({ node }) => node) : [];
    return clocks.length > 1 ? clocks : [];
  }
}

function withReason(status: SourceStatus, reason: string | undefined): SourceStatus {
  if (reason === undefined) return status;
  const state = status.state === 'ok' ? 'faulty' : status.state;
  return { ...status, state, problem: status.problem ? `${status.problem}: ${reason}` : reason };
}
