/**
 * A simulator's time, stepped: it passes only inside `sleepUntil`, which has the paused world take so many steps and
 * waits until everything that the sensors see then has arrived. However fast or slow the machine is, the loop acts on
 * the same observations at the same instants.
 *
 * Cameras run at whole multiples of the control rate, all at once; control ticks are put on their grid.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LockstepSpec } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { type Clock, EpisodeAborted } from '../robot.js';
import type { Arrivals } from './arrivals.js';
import { CLOCK_TOPIC, type RosClock } from './clock.js';
import type { ServiceClient } from './rosNode.js';

export const CONTROL_WORLD = 'ros_gz_interfaces/srv/ControlWorld';
/** Wall time (s) that a world may take over one call, and what it shows then to arrive. */
const PATIENCE_S = 15;
/** A clock that says nothing new for so long (s of wall time) has said all there is. */
const STILL_S = 0.1;

export interface LockstepClockOptions {
  readonly clock: RosClock;
  readonly spec: LockstepSpec;
  readonly rateHz: number;
  readonly control: ServiceClient;
  readonly arrivals: Arrivals;
  /** Names of sources that say something at every control tick, and of those that do at every instant. */
  readonly cameras: readonly string[];
  readonly joints: readonly string[];
  /** Rewards that have come so far; undefined where nobody publishes any. */
  readonly rewards: () => number | undefined;
}

export class LockstepClock implements Clock {
  readonly lockstep = true;
  readonly #options: LockstepClockOptions;
  readonly #periodS: number;
  /** Where control ticks lie in their period, s; undefined until the world has been aligned with its cameras. */
  #phaseS: number | undefined;
  #rewards = 0;

  constructor(options: LockstepClockOptions) {
    this.#options = options;
    this.#periodS = 1 / options.rateHz;
  }

  get running(): boolean {
    return this.#options.clock.running;
  }

  get now(): number {
    return this.#options.clock.now;
  }

  get stillS(): number {
    return this.#options.clock.stillS;
  }

  begin(): void {
    this.#options.clock.begin();
  }

  /**
   * Goes on to an instant at which the cameras see something: where control ticks are from now on.
   * @throws UserError when they never see anything at one time
   */
  async align(): Promise<void> {
    const { arrivals, cameras, spec } = this.#options;
    this.#phaseS = undefined;
    await this.#pause();
    arrivals.mark(this.now);
    this.#forgetRewards();
    await this.#step(this.#periodS);
    const seen = () => arrivals.firsts(cameras);
    const blind = await arrivals.complete(
      () => cameras.filter((_, c) => seen()[c] === undefined),
      PATIENCE_S,
    );
    if (blind.length > 0)
      throw new UserError(
        `in a control period of ${this.#periodS} s nothing came from ${blind.join(', ')}: in lockstep cameras see something at every control tick, at a whole multiple of rate_hz`,
      );
    const [first, ...others] = seen() as number[];
    const phase = first % this.#periodS;
    if (others.some((time) => !this.#isWhole((time - first) / this.#periodS)))
      throw new UserError(
        `the cameras see things at different times (${cameras.map((camera, c) => `${camera} at ${seen()[c]?.toFixed(4)} s`).join(', ')}): in lockstep they run at a whole multiple of rate_hz, and all at once`,
      );
    await this.#rewarded(this.now);
    const left = this.#periodS - ((this.now - phase) % this.#periodS);
    this.#phaseS = phase;
    if (left < this.#periodS - spec.stepS / 2 && left > spec.stepS / 2)
      await this.sleepUntil(this.now + left);
    else await this.#sensed(this.now);
  }

  /** @throws EpisodeAborted naming what did not come, within PATIENCE_S of wall time */
  async sleepUntil(time: number): Promise<void> {
    if (Math.round((time - this.now) / this.#options.spec.stepS) < 1) return;
    await this.#step(time - this.now);
    await this.#sensed(this.now);
    if (this.#isTick(this.now)) await this.#rewarded(this.now);
  }

  close(): void {
    this.#options.control.close();
    this.#options.clock.close();
  }

  /** Has the world stand still, and waits until its clock has said so. */
  async #pause(): Promise<void> {
    await this.#control(0);
    const until = performance.now() + 1000 * PATIENCE_S;
    while (this.stillS < STILL_S) {
      if (performance.now() >= until)
        throw new EpisodeAborted(
          `time goes on although the world was paused by ${this.#options.spec.service}`,
        );
      await sleep(1000 * STILL_S);
    }
  }

  /** Has the world go on for `seconds`, and waits until it has. */
  async #step(seconds: number): Promise<void> {
    const { clock, spec } = this.#options;
    const steps = Math.round(seconds / spec.stepS);
    const target = this.now + steps * spec.stepS;
    await this.#control(steps);
    try {
      // Times are sums of steps; half a one is nearer than any other instant.
      await clock.sleepUntil(target - spec.stepS / 2, PATIENCE_S);
    } catch (error) {
      if (!(error instanceof EpisodeAborted)) throw error;
      throw new EpisodeAborted(
        `the world was to go on to ${target.toFixed(3)} s and is at ${this.now.toFixed(3)} s: ${error.message}`,
        error.clockStands,
      );
    }
  }

  /** Has the world take so many steps, and pause. */
  async #control(steps: number): Promise<void> {
    const { control, spec } = this.#options;
    let reply: { readonly success?: boolean };
    try {
      reply = await control.call(steppedBy(steps), { timeoutS: PATIENCE_S });
    } catch (cause) {
      if (!(cause instanceof UserError)) throw cause;
      throw new EpisodeAborted(`the world cannot be stepped: ${cause.message}`, true);
    }
    if (!reply.success)
      throw new EpisodeAborted(`the world cannot be stepped: ${spec.service} refuses`, true);
  }

  /** Waits for what the sensors see at `time`, s. */
  async #sensed(time: number): Promise<void> {
    const { arrivals, cameras, joints, spec } = this.#options;
    const due = this.#isTick(time) ? [...cameras, ...joints] : joints;
    await this.#complete(time, () => arrivals.missing(due, time - spec.stepS / 2));
  }

  /** Waits for the reward of the control period that is over at `time`, s. */
  async #rewarded(time: number): Promise<void> {
    const { rewards, spec } = this.#options;
    if (!spec.reward) return;
    await this.#complete(time, () => (this.#came(rewards()) ? [] : ['reward']));
    this.#rewards++;
  }

  #came(rewards: number | undefined): boolean {
    return rewards !== undefined && rewards > this.#rewards;
  }

  #forgetRewards(): void {
    this.#rewards = this.#options.rewards() ?? 0;
  }

  async #complete(time: number, missing: () => readonly string[]): Promise<void> {
    const lacks = await this.#options.arrivals.complete(missing, PATIENCE_S);
    if (lacks.length > 0)
      throw new EpisodeAborted(
        `${CLOCK_TOPIC} is at ${time.toFixed(3)} s, and of that time nothing has come from ${lacks.join(', ')} for ${PATIENCE_S} s`,
      );
  }

  #isTick(time: number): boolean {
    return this.#phaseS !== undefined && this.#isWhole((time - this.#phaseS) / this.#periodS);
  }

  /** Up to half a step of the physics. */
  #isWhole(periods: number): boolean {
    return Math.abs(periods - Math.round(periods)) * this.#periodS < this.#options.spec.stepS / 2;
  }
}

/** ros_gz_interfaces/msg/WorldControl: paused again after so many steps. */
function steppedBy(steps: number): object {
  return {
    world_control: {
      pause: true,
      step: false,
      multi_step: steps,
      reset: { all: false, time_only: false, model_only: false },
      seed: 0,
      run_to_sim_time: { sec: 0, nanosec: 0 },
    },
  };
}
