/**
 * A recorded episode as a robot: it senses again what was sensed, when it was received, and does not move.
 *
 * Its clock stands still but for `sleepUntil`, so that a policy of any speed sees every recorded tick and
 * a replay is a pure function of bag, bundle and provider.
 */
import { Subject } from 'rxjs';
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { decodeImage } from '../../messages/image.js';
import type { EpisodeBag, EpisodeEvent } from '../../record/episode.js';
import type { Clock, Frame, JointState, Outcome, Robot } from '../robot.js';
import { readTimeline, snap, type Timeline } from './timeline.js';

/** What was received this much (s) after an instant was received at it: times are rounded in the bag and on the way. */
const TOLERANCE_S = 1e-6;

export class BagRobot implements Robot {
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly clock: Clock;
  /** A success that was recorded must not end a replay: all recorded ticks count. The bag's own is `bag.info.maxReward`. */
  readonly maxReward = Number.POSITIVE_INFINITY;
  readonly #snap: (time: number) => number;
  #now = 0;
  #events: AsyncIterator<EpisodeEvent> | undefined;
  /** Read, and not yet due. */
  #next: EpisodeEvent | undefined;

  private constructor(
    readonly bag: EpisodeBag,
    readonly timeline: Timeline,
  ) {
    const { rateHz } = bag.contract;
    this.#snap = bag.info?.lockstep ? (time) => snap(time, rateHz) : (time) => time;
    const self = this;
    this.clock = {
      lockstep: true,
      get now() {
        return self.#now;
      },
      sleepUntil: async (time) => {
        await self.#emitUntil(time);
        self.#now = Math.max(self.#now, self.#snap(time));
      },
    };
  }

  /**
   * Reads when the episode was, and leaves the rest of the bag on the disk. The bag is closed with the robot.
   * @throws UserError when the bag holds no episode
   */
  static async open(bag: EpisodeBag): Promise<BagRobot> {
    return new BagRobot(bag, await readTimeline(bag));
  }

  get contract(): RobotContract {
    return this.bag.contract;
  }

  /** Rewinds to `timeline.start` and emits everything received up to then, whatever the seed. */
  async reset(): Promise<void> {
    await this.#stop();
    const kinds = new Set<EpisodeEvent['kind']>(['joints', 'reward']);
    if (this.frames.observed) kinds.add('frame');
    this.#events = this.bag.events(kinds)[Symbol.asyncIterator]();
    await this.#read();
    this.#now = this.timeline.start;
    await this.#emitUntil(this.#now);
  }

  /** What was done was done. */
  command(): void {}

  async close(): Promise<void> {
    await this.#stop();
    await this.bag.close();
    this.frames.complete();
    this.joints.complete();
    this.outcomes.complete();
  }

  async #stop(): Promise<void> {
    this.#next = undefined;
    await this.#events?.return?.();
    this.#events = undefined;
  }

  async #read(): Promise<void> {
    const result = await this.#events?.next();
    this.#next = result?.done ? undefined : result?.value;
  }

  async #emitUntil(time: number): Promise<void> {
    while (this.#next && this.#next.at <= time + TOLERANCE_S) {
      await this.#emit(this.#next);
      await this.#read();
    }
  }

  async #emit(event: EpisodeEvent): Promise<void> {
    if (event.kind === 'joints') {
      this.joints.next({ time: this.#snap(event.time), positions: event.positions });
    } else if (event.kind === 'reward') {
      this.outcomes.next({ time: this.#snap(event.at), reward: event.reward });
    } else if (event.kind === 'frame' && this.frames.observed) {
      const { width, height, data } = await this.#decode(event);
      this.frames.next({ camera: event.camera, time: this.#snap(event.time), width, height, data });
    }
  }

  async #decode({ camera, at, image }: Extract<EpisodeEvent, { kind: 'frame' }>) {
    try {
      return await decodeImage(image.type, image.data);
    } catch (cause) {
      const { message } = cause as Error;
      throw new UserError(`bag ${this.bag.path}, camera ${camera} at ${at.toFixed(3)} s: ${message}`, 2, {
        cause,
      });
    }
  }
}
