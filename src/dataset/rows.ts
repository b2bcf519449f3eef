/**
 * An episode's bag as the rows of a dataset: at each control tick what a policy would have seen, through the
 * very code that shows it live (BagRobot, Observer), what was wanted next, and what came of it.
 */
import { Subject } from 'rxjs';
import { UserError } from '../errors.js';
import { describe, Observer, type ObserverOptions } from '../observe/observer.js';
import { Resizer } from '../observe/resize.js';
import type { EpisodeBag, EpisodeEvent } from '../record/episode.js';
import { BagRobot } from '../robots/bag/bagRobot.js';
import type { Frame, JointState, Outcome } from '../robots/robot.js';
import type { CameraSize } from './format.js';

export interface Row {
  /** By camera, at the dataset's sizes: rgb8, [height, width, 3]. */
  readonly images: readonly Uint8Array[];
  /** Contract joint order. */
  readonly state: Float32Array;
  readonly action: Float32Array;
  /** After the action; 0 where the bag has no rewards. */
  readonly reward: number;
  /** The task was solved after the action. */
  readonly success: boolean;
}

/** What was received this much (s) after an instant counts as received at it: times are rounded on their way. */
const TOLERANCE_S = 1e-6;

export class EpisodeRows {
  readonly #robot: BagRobot;
  readonly #observing: ObserverOptions;
  /** Of the rows, by camera. */
  readonly #sizes: readonly CameraSize[];
  /** The first tick at which anything was wanted: a recording by hand may start earlier. */
  readonly #firstTick: number;

  private constructor(
    robot: BagRobot,
    sizes: readonly CameraSize[],
    observing: ObserverOptions,
    firstTick: number,
  ) {
    this.#robot = robot;
    this.#sizes = sizes;
    this.#observing = observing;
    this.#firstTick = firstTick;
  }

  /**
   * The bag is closed with the rows.
   * @param cameras of the contract, in their order, at the sizes that the rows shall have
   * @throws UserError when the bag holds no episode
   */
  static async open(bag: EpisodeBag, cameras: readonly CameraSize[]): Promise<EpisodeRows> {
    const robot = await BagRobot.open(bag);
    const { contract, timeline } = robot;
    const observing: ObserverOptions = {
      cameras: cameras.map(({ name }, i) => ({ name, maxAgeS: contract.cameras[i]?.maxAgeS as number })),
      joints: contract.joints.map((_, j) => j),
      jointsMaxAgeS: contract.safety.jointsMaxAgeS,
      sync: contract.sync,
    };
    let firstTick = 0;
    while (firstTick < timeline.ticks && !timeline.actionAt(firstTick)) firstTick++;
    return new EpisodeRows(robot, cameras, observing, firstTick);
  }

  get length(): number {
    return this.#robot.timeline.ticks - this.#firstTick;
  }

  /**
   * Why the rows would have a hole, if they would: a row that cannot be made can be neither left out, for rows
   * are one control period apart, nor made up. Reads the bag through once, images left as they are.
   */
  async hole(): Promise<string | undefined> {
    if (this.length === 0) return 'nothing was commanded';
    const { bag } = this.#robot;
    const [frames, joints] = [new Subject<Frame>(), new Subject<JointState>()];
    const observer = new Observer({ frames, joints }, this.#observing);
    let tick = this.#firstTick;
    const troubleBefore = (at: number): string | undefined => {
      for (; tick < this.#robot.timeline.ticks && this.#timeOf(tick) + TOLERANCE_S < at; tick++) {
        const trouble = observer.trouble(this.#timeOf(tick));
        if (trouble) return `at ${this.#timeOf(tick).toFixed(3)} s ${describe(trouble)}`;
      }
      return undefined;
    };
    const kinds = new Set<EpisodeEvent['kind']>(['frame', 'joints']);
    for await (const event of bag.events(kinds)) {
      const trouble = troubleBefore(event.at);
      if (trouble !== undefined) return trouble;
      if (event.kind === 'joints') joints.next(event);
      else if (event.kind === 'frame') frames.next({ ...event, width: 0, height: 0, data: NO_PIXELS });
    }
    return troubleBefore(Number.POSITIVE_INFINITY);
  }

  /** The rows of an episode without a hole, one after the other. */
  async *rows(): AsyncGenerator<Row> {
    const robot = this.#robot;
    const { bag, timeline, clock } = robot;
    const observer = new Observer(robot, this.#observing);
    const resizers = this.#sizes.map((size) => new Resizer(size));
    let outcome: Outcome | undefined;
    const outcomes = robot.outcomes.subscribe((newest) => {
      outcome = newest;
    });
    try {
      await robot.reset();
      let action: Float32Array | undefined;
      for (let n = this.#firstTick; n < timeline.ticks; n++) {
        await clock.sleepUntil(this.#timeOf(n));
        const sighting = observer.observe(clock.now);
        if (sighting.kind !== 'ok')
          throw new UserError(`bag ${bag.path} changed while it was read: ${describe(sighting)}`);
        await clock.sleepUntil(this.#timeOf(n + 1));
        // On a tick that was missed the robot went on to its last target.
        action = timeline.actionAt(n) ?? action;
        const reward = outcome?.reward ?? 0;
        const last = n === timeline.ticks - 1;
        yield {
          images: sighting.observation.cameras.map(({ current }, c) => resizers[c].resize(current)),
          state: sighting.observation.state,
          action: action as Float32Array,
          reward,
          success: reward >= this.#maxReward || (last && bag.result?.success === true),
        };
      }
    } finally {
      outcomes.unsubscribe();
      observer.close();
    }
  }

  async close(): Promise<void> {
    await this.#robot.close();
  }

  get #maxReward(): number {
    const { info, contract } = this.#robot.bag;
    return info?.maxReward ?? contract.reward.max;
  }

  #timeOf(tick: number): number {
    return this.#robot.timeline.start + tick / this.#robot.contract.rateHz;
  }
}

const NO_PIXELS = new Uint8Array();
