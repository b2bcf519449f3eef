/**
 * The closed loop: observe → infer → act, once a tick, until the episode ends. The only file that knows
 * all three stages.
 *
 * Tick n is at start + n / rate, so ticks do not drift. A lockstep robot's time stands still between
 * ticks, so the loop waits for each inference and an episode is a pure function of seed, bundle and
 * provider. On any other robot an inference is started and the loop goes on with the chunks it has.
 *
 * A robot that fails rejects `runEpisode`: no further episode could run. A policy that fails ends its
 * episode as `aborted`, and the run goes on.
 */
import { setTimeout } from 'node:timers/promises';
import type { Subscription } from 'rxjs';
import type { ActionChunk } from './act/chunk.js';
import { HorizonPlanner } from './act/horizon.js';
import { type EmergencyStop, Safety } from './act/safety.js';
import type { Strategy } from './act/strategy.js';
import type { EpisodeRecord, StopReason } from './episode/episode.js';
import { percentiles } from './episode/statistics.js';
import { type ContractMatch, matchContract } from './infer/match.js';
import { type Inferrer, LatestInference } from './latestInference.js';
import { describe, Observer } from './observe/observer.js';
import { EpisodeAborted, type JointCommand, type Outcome, type Robot } from './robots/robot.js';
import type { Tap } from './tap.js';

/** A robot that has not sent a fresh sample of everything this long (s) after its reset is given up. */
const SENSORS_TIMEOUT_S = 5;

export interface EpisodeOptions {
  readonly robot: Robot;
  readonly policy: Inferrer;
  readonly strategy: Strategy;
  readonly seed: number;
  /** On the robot's clock, s. */
  readonly timeLimitS: number;
  /** Holds the robot while engaged. */
  readonly emergencyStop?: EmergencyStop;
  /**
   * How fast chunks are played, times the rate they were trained at; asked whenever one arrives. 1 when absent.
   * The joints' limits hold at any speed.
   */
  readonly speedScale?: () => number;
  /** Whether commands are to have a horizon now, for somebody who looks on; a robot that wants one always gets it. */
  readonly wantsHorizon?: () => boolean;
  /** Finishes the tick under way, then stops as `interrupted`. */
  readonly signal?: AbortSignal;
  readonly tap?: Tap;
}

/**
 * Runs one episode: resets the robot, closes the loop until it ends, brings the arm to rest.
 *
 * The outcome a robot emits while a command is executed is that step's; the return is the sum of the
 * rewards over the steps. A task that is solved before the first command is refused as `aborted`: a
 * policy that does nothing must not score.
 *
 * @throws UserError when robot and policy do not fit; whatever the robot throws
 */
export async function runEpisode(options: EpisodeOptions): Promise<EpisodeRecord> {
  const episode = new Episode(options);
  try {
    return await episode.run();
  } finally {
    await episode.close();
  }
}

interface Stop {
  readonly stop: StopReason;
  readonly reason?: string;
}

class Episode {
  readonly #options: EpisodeOptions;
  readonly #rateHz: number;
  readonly #observer: Observer;
  readonly #safety: Safety;
  readonly #planner: HorizonPlanner;
  readonly #outcomes: Subscription;
  readonly #inferences: LatestInference;
  /** Contract indices of the policy's joints and cameras. */
  readonly #match: ContractMatch;
  readonly #action: Float32Array;
  readonly #limited: Float32Array;
  readonly #overheadMs: number[] = [];
  #outcome: Outcome | undefined;
  #start = 0;
  #steps = 0;
  #missed = 0;
  #return = 0;
  #highest = 0;
  #skewS = 0;

  constructor(options: EpisodeOptions) {
    const { robot, policy, strategy, emergencyStop, tap } = options;
    const { contract } = robot;
    const { bundle } = policy;
    this.#options = options;
    this.#rateHz = contract.rateHz;
    const match = matchContract(contract, bundle);
    const joints = match.joints.map((index) => contract.joints[index]);
    this.#match = match;
    this.#action = new Float32Array(joints.length);
    this.#limited = new Float32Array(joints.length);
    const limits = {
      rateHz: contract.rateHz,
      rampInS: contract.safety.rampInS,
      ...(emergencyStop && { emergencyStop }),
    };
    this.#safety = new Safety(joints, limits);
    this.#planner = new HorizonPlanner(joints, limits);
    const sink = {
      wantsInference: (time: number) => strategy.wantsInference(time),
      add: (chunk: ActionChunk) => strategy.add(played(chunk, options.speedScale?.() ?? 1)),
    };
    this.#inferences = new LatestInference(policy, sink, tap?.views);
    this.#observer = new Observer(robot, {
      cameras: bundle.cameras.map(({ name, width, height }, index) => {
        const { maxAgeS } = contract.cameras[match.cameras[index]];
        return { name, width, height, maxAgeS };
      }),
      joints: match.joints,
      jointsMaxAgeS: contract.safety.jointsMaxAgeS,
      sync: contract.sync,
    });
    this.#outcomes = robot.outcomes.subscribe({
      next: (outcome) => {
        this.#outcome = outcome;
      },
      // The robot that fails says so on its other streams and methods too.
      error: () => {},
    });
  }

  async run(): Promise<EpisodeRecord> {
    const { robot, strategy, seed } = this.#options;
    const began = performance.now();
    this.#observer.reset();
    strategy.reset();
    await robot.reset({ seed });
    this.#start = robot.clock.now;
    const { stop, reason } = this.#refusal() ?? (await this.#untilStop().catch(givenUp));
    // A clock that was set back cannot tell.
    const elapsed = robot.clock.now - this.#start;
    const durationS = stop === 'aborted' ? Math.max(elapsed, this.#steps / this.#rateHz) : elapsed;
    const wallS = (performance.now() - began) / 1000;
    await this.#comeToRest();

    const { latencyMs, runMs, dropped } = this.#inferences;
    const timings = {
      latencyMs: Float32Array.from(latencyMs),
      runMs: Float32Array.from(runMs),
      overheadMs: Float32Array.from(this.#overheadMs),
    };
    return {
      result: {
        seed,
        success: stop === 'success',
        return: this.#return,
        highest_reward: this.#highest,
        steps: this.#steps,
        duration_s: round(durationS, 1e6),
        stop,
        ...(reason !== undefined && { reason }),
        safety: this.#safety.counts,
        max_camera_skew_s: round(this.#skewS, 1e6),
        wall: {
          seconds: round(wallS, 1e3),
          latency_ms: percentiles(timings.latencyMs),
          run_ms: percentiles(timings.runMs),
          overhead_ms: percentiles(timings.overheadMs),
          missed_ticks: this.#missed,
          dropped_observations: dropped,
        },
      },
      timings,
    };
  }

  /** Stops listening, and leaves no inference behind for the next episode to trip over. */
  async close(): Promise<void> {
    this.#observer.close();
    this.#outcomes.unsubscribe();
    await this.#inferences.close();
  }

  /** Why the scene cannot be attempted as it stands after the reset. */
  #refusal(): Stop | undefined {
    if (!this.#outcome) return undefined;
    if (this.#outcome.reward >= this.#options.robot.maxReward) {
      return { stop: 'aborted', reason: 'the task was already solved at reset' };
    }
    return this.#failure();
  }

  #failure(): Stop | undefined {
    const reason = this.#outcome?.failure;
    return reason === undefined ? undefined : { stop: 'failure', reason };
  }

  async #untilStop(): Promise<Stop> {
    const { robot, signal, timeLimitS } = this.#options;
    const { clock } = robot;
    const unready = await this.#sensorsReady();
    if (unready) return unready;
    this.#start = clock.now;
    this.#safety.begin(this.#measured(), this.#start);
    for (let n = 0; ; ) {
      if (this.#safety.fault !== undefined) return { stop: 'aborted', reason: this.#safety.fault };
      if (n / this.#rateHz >= timeLimitS - 1e-9) return { stop: 'timeout' };
      if (signal?.aborted) return { stop: 'interrupted' };
      const stop = await this.#tick(n);
      if (stop) return stop;
      // A tick that took longer than its period leaves out the ones it ran over; the grid stays.
      const next = Math.max(n + 1, Math.floor((clock.now - this.#start) * this.#rateHz + 1e-6));
      this.#missed += next - (n + 1);
      n = next;
    }
  }

  /** Waits until every sensor has sent something fresh; a stop when that does not happen. */
  async #sensorsReady(): Promise<Stop | undefined> {
    const { robot, signal } = this.#options;
    const { clock } = robot;
    const since = clock.now;
    for (;;) {
      const trouble = this.#observer.trouble(clock.now);
      if (!trouble) return undefined;
      if (signal?.aborted) return { stop: 'interrupted' };
      if (clock.now - since >= SENSORS_TIMEOUT_S) {
        return { stop: 'aborted', reason: `${SENSORS_TIMEOUT_S} s after the reset ${describe(trouble)}` };
      }
      await clock.sleepUntil(clock.now + 1 / this.#rateHz);
    }
  }

  async #tick(n: number): Promise<Stop | undefined> {
    const { robot, strategy, tap } = this.#options;
    const { clock } = robot;
    const began = performance.now();
    const time = this.#start + n / this.#rateHz;
    const runMsBefore = this.#inferences.totalRunMs;

    const sighting = this.#observer.observe(clock.now);
    if (sighting.kind === 'ok') {
      this.#skewS = Math.max(this.#skewS, sighting.skewS);
      if (strategy.wantsInference(time)) this.#inferences.offer(sighting.observation);
    }
    if (clock.lockstep) await this.#inferences.idle();
    const { failure } = this.#inferences;
    const acts = this.#act(sighting.kind === 'ok', time);
    const command = this.#command(time, acts ? strategy : undefined, n + 1);

    const decided = performance.now();
    robot.command(command);
    await clock.sleepUntil(this.#start + (n + 1) / this.#rateHz);
    const executed = performance.now();

    const reward = this.#outcome?.reward ?? 0;
    this.#steps++;
    this.#return += reward;
    this.#highest = Math.max(this.#highest, reward);
    const arrived = this.#inferences.takeNewest();
    tap?.onTick({
      index: n,
      time,
      ...(sighting.kind === 'ok' && { observation: sighting.observation }),
      ...arrived,
      ...(acts && { action: this.#action.slice() }),
      command,
      interventions: this.#safety.interventions,
      reward,
    });
    const waitedMs = clock.lockstep ? this.#inferences.totalRunMs - runMsBefore : 0;
    this.#overheadMs.push(decided - began - waitedMs + (performance.now() - executed));
    if (clock.lockstep) await tap?.settled?.();

    if (failure !== undefined) return { stop: 'aborted', reason: failure };
    if (this.#safety.fault !== undefined) return { stop: 'aborted', reason: this.#safety.fault };
    if (reward >= robot.maxReward) return { stop: 'success' };
    return this.#failure();
  }

  /** Fills `#limited` with this tick's command; true when the policy had an action for it. */
  #act(sensorsFresh: boolean, time: number): boolean {
    if (!sensorsFresh) {
      this.#safety.hold('hold_stale', time, this.#limited);
      return false;
    }
    if (!this.#options.strategy.actionAt(time, this.#action)) {
      this.#safety.hold('hold_no_action', time, this.#limited);
      return false;
    }
    this.#safety.limit(this.#action, time, this.#limited);
    return true;
  }

  /** An arm that moves when its episode ends is braked within its limits, not left to stop dead. */
  async #comeToRest(): Promise<void> {
    const { robot } = this.#options;
    this.#observer.close();
    while (!this.#safety.atRest) {
      this.#safety.settle(this.#limited);
      const time = robot.clock.now;
      robot.command(this.#command(time, undefined, 0));
      try {
        await robot.clock.sleepUntil(time + 1 / this.#rateHz);
      } catch (error) {
        givenUp(error);
        // A clock that was set back, or stands still, is of no use to an arm that must still be stopped.
        await setTimeout(1000 / this.#rateHz);
      }
    }
  }

  /** `#limited` as a command; `strategy` is what it follows, `next` the number of the tick after it. */
  #command(time: number, strategy: Strategy | undefined, next: number): JointCommand {
    const { robot, wantsHorizon } = this.#options;
    const positions = this.#toContract(this.#limited);
    if (!robot.wantsHorizon && !wantsHorizon?.()) return { time, positions };
    const rows = this.#planner.plan(this.#safety, strategy, (k) => this.#start + (next + k) / this.#rateHz);
    const horizon = { dt: 1 / this.#rateHz, positions: rows.map((row) => this.#toContract(row)) };
    return { time, positions, horizon };
  }

  /** The measured pose in bundle joint order. */
  #measured(): Float32Array {
    const positions = this.#observer.joints?.positions as Float32Array;
    return Float32Array.from(this.#match.joints, (index) => positions[index]);
  }

  /** Bundle to contract joint order, newly made: the robot keeps it. */
  #toContract(limited: Float32Array): Float32Array {
    const { joints } = this.#match;
    const positions = new Float32Array(joints.length);
    for (let j = 0; j < joints.length; j++) positions[joints[j]] = limited[j];
    return positions;
  }
}

/** @throws what is not about this episode alone */
function givenUp(error: unknown): Stop {
  if (error instanceof EpisodeAborted) return { stop: 'aborted', reason: error.message };
  throw error;
}

/** A chunk whose rows come `speed` times as fast one after the other. */
function played(chunk: ActionChunk, speed: number): ActionChunk {
  return speed === 1 ? chunk : { ...chunk, dt: chunk.dt / speed };
}

function round(value: number, scale: number): number {
  return Math.round(value * scale) / scale;
}
