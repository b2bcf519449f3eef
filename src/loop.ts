/**
 * The closed loop: observe → infer → act, until the episode ends. The only part that knows all three stages.
 *
 * A tick is one step of the policy: it has one reward, and is what taps see. Commands go out on a grid of their
 * own, one or several a tick (`Schedule`). A lockstep robot's time stands still between commands, so the loop
 * observes at every tick and waits for each inference, and an episode is a pure function of seed, bundle and
 * provider. On any other robot inference runs on the newest observation (`Watcher`, `LatestInference`) while
 * commands go on with the chunks there are; a chunk counts from the first command after its arrival.
 *
 * A robot that fails rejects `runEpisode`: no further episode could run. A policy that fails ends its
 * episode as `aborted`, and the run goes on.
 */
import { setTimeout } from 'node:timers/promises';
import type { Subscription } from 'rxjs';
import type { ActionChunk } from './act/chunk.js';
import type { EmergencyStop } from './act/safety.js';
import type { Strategy } from './act/strategy.js';
import type { EpisodeRecord, StopReason } from './episode/episode.js';
import { type ContractMatch, matchContract } from './infer/match.js';
import type { LatencyModel } from './latency.js';
import { type Arrival, type Inferrer, LatestInference } from './latestInference.js';
import { Commander } from './loop/commander.js';
import { Schedule } from './loop/schedule.js';
import { Tally } from './loop/tally.js';
import { Watcher } from './loop/watcher.js';
import type { Observation } from './observe/observation.js';
import { describe } from './observe/observer.js';
import { EpisodeAborted, type Outcome, type Robot } from './robots/robot.js';
import type { Tap } from './tap.js';

/** A robot that has not sent a fresh sample of everything this long (s) after its reset is given up. */
const SENSORS_TIMEOUT_S = 5;
/** What comes this close (s) to an instant comes at it. */
const TIE_S = 1e-6;

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
  /**
   * How long (s) a command waits for the inference under way when no chunk says what it should be; once until
   * one does again. 0 when absent: the last motion fades out, then the arm holds.
   */
  readonly lateWaitS?: () => number;
  /** Has chunks come later than they do, on a robot whose time stands still while the policy infers. */
  readonly latency?: LatencyModel;
  /** Whether commands are to have a horizon now, for somebody who looks on; a robot that wants one always gets it. */
  readonly wantsHorizon?: () => boolean;
  /** Finishes the tick under way, then stops as `interrupted`. */
  readonly signal?: AbortSignal;
  readonly tap?: Tap;
}

/**
 * Runs one episode: resets the robot, closes the loop until it ends, brings the arm to rest.
 *
 * The outcome a robot emits while a tick's commands are executed is that step's; the return is the sum of the
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

/** What has come of a tick: the number of the next command, or the episode's end. */
interface TickEnd {
  readonly next: number;
  readonly stop: Stop | undefined;
}

class Episode {
  readonly #options: EpisodeOptions;
  readonly #rateHz: number;
  readonly #watcher: Watcher;
  readonly #commander: Commander;
  readonly #inferences: LatestInference;
  readonly #outcomes: Subscription;
  /** Contract indices of the policy's joints and cameras. */
  readonly #match: ContractMatch;
  readonly #tally = new Tally();
  /** Time on the robot's clock does not pass any more. */
  #clockStands = false;
  #idleMs = 0;
  #outcome: Outcome | undefined;
  #schedule: Schedule;
  /** Wall time of its command 0, ms. */
  #began = 0;
  /** The newest inference that has come on the tick under way, and the newest that no command has used yet. */
  #arrival: Arrival | undefined;
  #unused: Arrival | undefined;
  /** A command has waited for a chunk, and none has come that says what to do. */
  #waited = false;

  constructor(options: EpisodeOptions) {
    const { robot, policy, strategy, emergencyStop, latency, wantsHorizon, tap } = options;
    const { contract, clock } = robot;
    if (latency && !clock.lockstep) throw new Error('latency is added to robots in lockstep only');
    const match = matchContract(contract, policy.bundle);
    this.#options = options;
    this.#rateHz = contract.rateHz;
    this.#match = match;
    this.#schedule = new Schedule(0, contract);
    this.#commander = new Commander({ robot, strategy, joints: match.joints, emergencyStop, wantsHorizon });
    this.#inferences = new LatestInference({
      policy,
      sink: {
        wantsInference: (time, latencyS) => strategy.wantsInference(time, latencyS),
        take: (arrival, now) => this.#take(arrival, now),
      },
      clock,
      views: tap?.views,
      latency,
    });
    this.#watcher = new Watcher({
      robot,
      bundle: policy.bundle,
      match,
      onProspect: (camera, frame) => this.#inferences.foresee(camera, frame),
      onObservation: (observation) => this.#offer(observation),
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
    const { robot, seed, signal } = this.#options;
    this.#watcher.reset();
    await robot.reset({ seed, signal });
    this.#startsNow();
    const { stop, reason } =
      this.#refusal() ?? (await this.#untilStop().catch((error) => this.#givenUp(error)));
    const metrics = this.#outcome?.metrics;
    // A clock that was set back cannot tell.
    const elapsed = robot.clock.now - this.#schedule.timeOf(0);
    const durationS = stop === 'aborted' ? Math.max(elapsed, this.#tally.steps / this.#rateHz) : elapsed;
    const wallS = (performance.now() - this.#began) / 1000;
    await this.#comeToRest();
    return this.#tally.record({
      seed,
      stop,
      reason,
      metrics,
      durationS,
      wallS,
      safety: this.#commander.interventions,
      maxSkewS: this.#watcher.maxSkewS,
      inferences: this.#inferences,
    });
  }

  /** Stops listening, and leaves no inference behind for the next episode to trip over. */
  async close(): Promise<void> {
    this.#watcher.close();
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
    const { strategy, signal, timeLimitS } = this.#options;
    const unready = await this.#sensorsReady();
    if (unready) return unready;
    const schedule = this.#startsNow();
    const pose = this.#measured();
    strategy.reset(pose);
    this.#commander.begin(pose, schedule);
    this.#watcher.begin();
    for (let n = 0; ; ) {
      const { fault } = this.#commander;
      if (fault !== undefined) return { stop: 'aborted', reason: fault };
      if (schedule.tickOf(n) / this.#rateHz >= timeLimitS - 1e-9) return { stop: 'timeout' };
      if (signal?.aborted) return { stop: 'interrupted' };
      const { next, stop } = await this.#tick(n);
      if (stop) return stop;
      n = next;
    }
  }

  #startsNow(): Schedule {
    const { clock, contract } = this.#options.robot;
    this.#schedule = new Schedule(clock.now, contract);
    this.#began = performance.now();
    return this.#schedule;
  }

  /** Waits until every sensor has sent something fresh; a stop when that does not happen. */
  async #sensorsReady(): Promise<Stop | undefined> {
    const { robot, signal } = this.#options;
    const { clock } = robot;
    const since = clock.now;
    for (;;) {
      const trouble = this.#watcher.trouble();
      if (!trouble) return undefined;
      if (signal?.aborted) return { stop: 'interrupted' };
      if (clock.now - since >= SENSORS_TIMEOUT_S) {
        return { stop: 'aborted', reason: `${SENSORS_TIMEOUT_S} s after the reset ${describe(trouble)}` };
      }
      await clock.sleepUntil(clock.now + 1 / this.#rateHz);
    }
  }

  /** @param first number of its first command; later than the tick begins where that was missed */
  async #tick(first: number): Promise<TickEnd> {
    const { robot, tap } = this.#options;
    const { clock } = robot;
    const schedule = this.#schedule;
    const index = schedule.tickOf(first);
    const reactions = this.#tally.reactionMs.length;
    const clockwork = this.#clockwork();

    await this.#look();
    let n = first;
    for (;;) {
      if (n > first && clock.lockstep) await this.#inferences.reach(clock.now);
      await this.#command(n);
      await this.#idle(() => clock.sleepUntil(schedule.timeOf(n + 1)));
      const next = schedule.after(n, clock.now);
      if (schedule.tickOf(next) > index) break;
      this.#tally.missedCommands += next - n - 1;
      n = next;
    }

    const reward = this.#outcome?.reward ?? 0;
    this.#tally.step(reward);
    const sent = this.#commander.takeTick();
    const observation = this.#watcher.takeNewest();
    const reactionMs = this.#tally.reactionMs.slice(reactions).at(-1);
    const arrival = this.#arrival;
    this.#arrival = undefined;
    tap?.onTick({
      index,
      time: schedule.timeOf(index * schedule.perTick),
      ...(observation && { observation }),
      ...arrival,
      ...(reactionMs !== undefined && { reactionMs }),
      ...sent,
      ...this.#tally.takeNews(),
      reward,
    });
    this.#tally.overheadMs.push(this.#clockwork() - clockwork);
    if (clock.lockstep) await tap?.settled?.();

    // What took longer than its period leaves out those it ran over; the grid stays.
    const next = schedule.after(n, clock.now);
    this.#tally.missedCommands += next - n - 1;
    this.#tally.missedTicks += schedule.tickOf(next) - index - 1;
    return { next, stop: this.#verdict(reward) };
  }

  /** Wall time (ms) that the loop has worked so far: not what it has slept, nor what inferences took. */
  #clockwork(): number {
    const waitedMs = this.#options.robot.clock.lockstep ? this.#inferences.totalRunMs : 0;
    return performance.now() - this.#idleMs - waitedMs + this.#watcher.busyMs;
  }

  /** Awaits what is no work of the loop. */
  async #idle(event: () => Promise<void>): Promise<void> {
    const began = performance.now();
    await event();
    this.#idleMs += performance.now() - began;
  }

  /** Has the policy see what there is to see at a tick. */
  async #look(): Promise<void> {
    const { clock } = this.#options.robot;
    if (!clock.lockstep) {
      this.#watcher.look();
      return;
    }
    // A policy that has become free since then looked at what waited for it.
    await this.#inferences.reach(clock.now - TIE_S);
    this.#watcher.look();
    await this.#inferences.idle();
    await this.#inferences.reach(clock.now);
  }

  #offer(observation: Observation): void {
    if (this.#options.strategy.wantsInference(observation.time, this.#inferences.latencyS))
      this.#inferences.offer(observation);
  }

  #take(arrival: Arrival, now: number): void {
    const { strategy, speedScale } = this.#options;
    const chunk = played(arrival.inference.chunk, speedScale?.() ?? 1);
    const ahead = strategy.add(chunk, now);
    this.#arrival = arrival;
    if (!ahead) this.#tally.spentChunks++;
    else this.#unused = arrival;
  }

  async #command(n: number): Promise<void> {
    const { clock } = this.#options.robot;
    if (!clock.lockstep) await this.#waitForChunk(this.#schedule.timeOf(n));
    const acts = this.#commander.send(n, this.#watcher.trouble() === undefined);
    if (!acts || !this.#unused) return;
    const { chunk, runMs } = this.#unused.inference;
    if (!clock.lockstep) this.#tally.reactionMs.push(1000 * (clock.now - chunk.time) - runMs);
    this.#unused = undefined;
  }

  /** Waits, for a little while, for a chunk that says what to do at `time`, if there is none. */
  async #waitForChunk(time: number): Promise<void> {
    const { strategy, lateWaitS } = this.#options;
    if (strategy.foresees(time)) {
      this.#waited = false;
      return;
    }
    const waitS = lateWaitS?.() ?? 0;
    if (waitS <= 0 || this.#waited || !this.#inferences.busy) return;
    this.#waited = true;
    await this.#idle(() => this.#inferences.arrival(waitS));
  }

  /** What the tick that has just been executed, and had this reward, means for the episode. */
  #verdict(reward: number): Stop | undefined {
    const { failure } = this.#inferences;
    if (failure !== undefined) return { stop: 'aborted', reason: failure };
    const { fault } = this.#commander;
    if (fault !== undefined) return { stop: 'aborted', reason: fault };
    if (reward >= this.#options.robot.maxReward) return { stop: 'success' };
    return this.#failure();
  }

  /** An arm that moves when its episode ends is braked within its limits, not left to stop dead. */
  async #comeToRest(): Promise<void> {
    const { clock, contract } = this.#options.robot;
    const periodS = 1 / contract.commandRateHz;
    this.#watcher.close();
    while (!this.#commander.atRest) {
      const time = clock.now;
      this.#commander.settle(time);
      try {
        if (!this.#clockStands) {
          await clock.sleepUntil(time + periodS);
          continue;
        }
      } catch (error) {
        this.#givenUp(error);
      }
      // A clock that was set back, or stands still, is of no use to an arm that must still be stopped.
      await setTimeout(1000 * periodS);
    }
  }

  /** @throws what is not about this episode alone */
  #givenUp(error: unknown): Stop {
    if (!(error instanceof EpisodeAborted)) throw error;
    this.#clockStands ||= error.clockStands;
    return { stop: 'aborted', reason: error.message };
  }

  /** The measured pose in bundle joint order. */
  #measured(): Float32Array {
    const positions = this.#watcher.joints?.positions as Float32Array;
    return Float32Array.from(this.#match.joints, (index) => positions[index]);
  }
}

/** A chunk whose rows come `speed` times as fast one after the other. */
function played(chunk: ActionChunk, speed: number): ActionChunk {
  return speed === 1 ? chunk : { ...chunk, dt: chunk.dt / speed };
}
