/**
 * Makes observations when there is something new to see.
 *
 * Where time stands still between ticks, that is at every tick. On any other robot it is as soon as every camera
 * has seen something new, about once a period of the policy (`Cadence`): waiting for the tick would make what is
 * seen up to a period older. Where that does not come about, because a camera is slow, lost an image or saw things
 * at another time than the others, a tick makes do with what there is.
 */
import type { RobotContract } from '../contract/contract.js';
import type { PolicyBundle } from '../infer/bundle.js';
import type { ContractMatch } from '../infer/match.js';
import { Cadence } from '../observe/cadence.js';
import type { Observation } from '../observe/observation.js';
import { Observer, type Prospect, type Sighting, type Trouble } from '../observe/observer.js';
import type { Frame, JointState, Robot } from '../robots/robot.js';

/** A tick makes do when nothing has been observed for so many periods: what is but late on its way has come then. */
const OVERDUE = 1.25;

export interface WatcherOptions {
  readonly robot: Pick<Robot, 'contract' | 'clock' | 'frames' | 'joints'>;
  readonly bundle: PolicyBundle;
  readonly match: ContractMatch;
  /** Told of every image that is likely to be in the next observation, before that is made. */
  readonly onProspect: (camera: number, frame: Frame) => void;
  /** Told of every observation as it is made. */
  readonly onObservation: (observation: Observation) => void;
}

export class Watcher {
  readonly #options: WatcherOptions;
  readonly #observer: Observer;
  readonly #cadence: Cadence;
  /** Between the cameras of one observation, at most, s. */
  maxSkewS = 0;
  /** Spent on observations that no tick asked for, ms. */
  busyMs = 0;
  #watching = false;
  /** When the newest observation was made, s. */
  #lastAt = Number.NEGATIVE_INFINITY;
  #newest: Observation | undefined;

  constructor(options: WatcherOptions) {
    const { robot, bundle, match } = options;
    this.#options = options;
    this.#cadence = new Cadence(robot.contract.rateHz);
    this.#observer = new Observer(robot, {
      ...observed(robot.contract, bundle, match),
      onFrame: (camera, frame, news) => this.#onFrame(camera, frame, news),
    });
  }

  /** A new episode: what was seen before is forgotten, and nothing is observed until `begin`. */
  reset(): void {
    this.#watching = false;
    this.#lastAt = Number.NEGATIVE_INFINITY;
    this.#observer.reset();
    this.#cadence.reset();
  }

  begin(): void {
    this.#watching = true;
  }

  /** The newest joint state, contract order; undefined until one has come. */
  get joints(): JointState | undefined {
    return this.#observer.joints;
  }

  /** What keeps an observation from being made now, if anything. @throws the robot's error */
  trouble(): Trouble | undefined {
    return this.#observer.trouble(this.#options.robot.clock.now);
  }

  /** To be called at every tick. @throws the robot's error */
  look(): void {
    const { clock, contract } = this.#options.robot;
    const { now } = clock;
    if (clock.lockstep) this.#take(this.#observer.observe(now));
    else if (Math.abs(now - this.#lastAt) >= OVERDUE / contract.rateHz)
      this.#take(this.#observer.observe(now, ({ time }) => this.#cadence.isDue(time)));
  }

  /** The newest observation since the last call, if there was any. */
  takeNewest(): Observation | undefined {
    const newest = this.#newest;
    this.#newest = undefined;
    return newest;
  }

  /** Stops listening. Safe twice. */
  close(): void {
    this.#observer.close();
  }

  #onFrame(camera: number, frame: Frame, news: boolean): void {
    const { robot, onProspect } = this.#options;
    const { clock } = robot;
    if (!this.#watching || clock.lockstep) return;
    const began = performance.now();
    if (this.#cadence.isDue(frame.time)) onProspect(camera, frame);
    const isDue = ({ time, complete }: Prospect) => complete && this.#cadence.isDue(time);
    if (news) this.#take(this.#observer.observe(clock.now, isDue));
    this.busyMs += performance.now() - began;
  }

  #take(sighting: Sighting | undefined): void {
    if (sighting?.kind !== 'ok') return;
    const { observation, skewS } = sighting;
    this.#cadence.observed(observation.time);
    this.#lastAt = this.#options.robot.clock.now;
    this.maxSkewS = Math.max(this.maxSkewS, skewS);
    this.#newest = observation;
    this.#options.onObservation(observation);
  }
}

function observed(contract: RobotContract, bundle: PolicyBundle, match: ContractMatch) {
  return {
    cameras: bundle.cameras.map(({ name }, index) => {
      const { maxAgeS } = contract.cameras[match.cameras[index]];
      return { name, maxAgeS };
    }),
    joints: match.joints,
    jointsMaxAgeS: contract.safety.jointsMaxAgeS,
    sync: contract.sync,
  };
}
