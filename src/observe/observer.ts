/**
 * Turns a robot's streams into observations: keeps the newest frame of each camera and the newest joint
 * state, and on demand pairs each frame with the one of the observation before.
 *
 * Frames are passed on as the robot sent them: who needs another size resizes them, away from the loop's thread.
 */
import { Subscription } from 'rxjs';
import type { SyncSpec } from '../contract/contract.js';
import { free } from '../heap.js';
import type { Frame, JointState, Robot } from '../robots/robot.js';
import type { CameraPair, Observation } from './observation.js';

/** What the policy wants to see, and how old it may be. */
export interface ObserverOptions {
  /** In the bundle's order. */
  readonly cameras: readonly { readonly name: string; readonly maxAgeS: number }[];
  /** For each joint of the bundle's state its index in the contract. */
  readonly joints: readonly number[];
  readonly jointsMaxAgeS: number;
  readonly sync: SyncSpec;
  /**
   * Told of every image.
   * @param camera index in `cameras`
   * @param news whether every one of them has sent something since the last observation
   */
  readonly onFrame?: (camera: number, frame: Frame, news: boolean) => void;
}

/** What would be observed. */
export interface Prospect {
  /** Capture time of its newest frame, s. */
  readonly time: number;
  /**
   * Every camera has seen something since the last observation, and it would not do to wait for any of them: all
   * are within the tolerance, and what each sends next will not be closer to the newest than what it has sent.
   */
  readonly complete: boolean;
}

/** Of one source kept for being aligned with others: more than any camera sends in the time they may be apart. */
const KEPT_FRAMES = 16;
const KEPT_JOINTS = 64;
/** Of a camera, to tell its period by. */
const KEPT_TIMES = 16;
/** Times are good to a microsecond. */
const SLACK_S = 1e-6;

/** A sensor whose newest sample is too far from now. */
export interface StaleSource {
  /** `camera head`, `joints`. */
  readonly source: string;
  /** s; negative when the sample claims to be from the future: a clock is wrong. */
  readonly ageS: number;
}

export type Trouble =
  /** Something stopped sending; the robot holds. */
  | { readonly kind: 'stale'; readonly what: readonly StaleSource[] }
  /** Something has not sent anything in this episode. */
  | { readonly kind: 'waiting'; readonly for: readonly string[] }
  /** The cameras' newest images are from instants too far apart. */
  | { readonly kind: 'skewed'; readonly skewS: number; readonly cameras: readonly [string, string] };

export type Sighting =
  /** `skewS`: latest less earliest capture time among the cameras, s. */
  { readonly kind: 'ok'; readonly observation: Observation; readonly skewS: number } | Trouble;

/** One clause for a person: what has not come, or is how old. */
export function describe(trouble: Trouble): string {
  if (trouble.kind === 'waiting') return `nothing has come from ${trouble.for.join(', ')}`;
  if (trouble.kind === 'skewed') {
    const [earliest, latest] = trouble.cameras;
    return `camera ${earliest} saw what camera ${latest} saw ${trouble.skewS.toFixed(3)} s later`;
  }
  const ages = trouble.what.map(({ source, ageS }) =>
    ageS < 0
      ? `${source} is stamped ${(-ageS).toFixed(3)} s in the future`
      : `${source} is ${ageS.toFixed(3)} s old`,
  );
  return ages.join(', ');
}

interface CameraState {
  readonly name: string;
  readonly maxAgeS: number;
  /** Those that may yet be shown, the newest last. */
  recent: Frame[];
  /** Capture times of the newest, whether they are kept or not. */
  times: { readonly time: number }[];
  /** The frame of the last observation. */
  shown: Frame | undefined;
}

export class Observer {
  readonly #cameras: readonly CameraState[];
  readonly #options: ObserverOptions;
  readonly #subscription = new Subscription();
  /** Frames that an observation has shown. */
  readonly #shown = new WeakSet<Frame>();
  /** The newest last. */
  #joints: JointState[] = [];
  #first = true;
  #failure: { readonly error: unknown } | undefined;

  constructor(robot: Pick<Robot, 'frames' | 'joints'>, options: ObserverOptions) {
    this.#options = options;
    this.#cameras = options.cameras.map(({ name, maxAgeS }) => ({
      name,
      maxAgeS,
      recent: [],
      times: [],
      shown: undefined,
    }));
    const indices = new Map(this.#cameras.map(({ name }, index) => [name, index]));
    const error = (reason: unknown) => {
      this.#failure = { error: reason };
    };
    const sawFrame = (frame: Frame) => {
      const index = indices.get(frame.camera);
      if (index === undefined) return;
      const camera = this.#cameras[index];
      keep(camera.recent, frame, KEPT_FRAMES);
      keep(camera.times, { time: frame.time }, KEPT_TIMES);
      this.#forget();
      if (!this.#failure) options.onFrame?.(index, frame, this.#cameras.every(hasNews));
    };
    const sawJoints = (state: JointState) => keep(this.#joints, state, KEPT_JOINTS);
    this.#subscription.add(robot.frames.subscribe({ next: sawFrame, error }));
    this.#subscription.add(robot.joints.subscribe({ next: sawJoints, error }));
  }

  /** Starts an episode: everything seen so far is forgotten, and the next observation is a first one. */
  reset(): void {
    this.#joints = [];
    this.#first = true;
    for (const camera of this.#cameras) clear(camera);
  }

  /** The newest joint state, contract order; undefined until one has come. */
  get joints(): JointState | undefined {
    return this.#joints.at(-1);
  }

  /**
   * What keeps an observation from being made at `now` (s, robot clock), if anything.
   * @throws the robot's error when a stream has failed
   */
  trouble(now: number): Trouble | undefined {
    const selection = this.#select(now);
    return 'frames' in selection ? undefined : selection;
  }

  /**
   * What the policy sees at `now` (s, robot clock). Each call that yields an observation is one step of the
   * policy: its frames are the next one's `previous`.
   *
   * @param accepts says whether it is to be made at all
   * @returns undefined when it is not
   * @throws the robot's error when a stream has failed
   */
  observe(now: number): Sighting;
  observe(now: number, accepts: (prospect: Prospect) => boolean): Sighting | undefined;
  observe(now: number, accepts?: (prospect: Prospect) => boolean): Sighting | undefined {
    const selection = this.#select(now);
    if (!('frames' in selection)) return selection;
    const { frames, skewS } = selection;
    const time = latestOf(frames);
    if (accepts && !accepts({ time, complete: this.#isComplete(frames, time) })) return undefined;
    for (const frame of frames) this.#shown.add(frame);
    const cameras = this.#cameras.map((camera, c) => pair(camera, frames[c]));
    const { positions } = this.#jointsAt(time);
    const state = Float32Array.from(this.#options.joints, (index) => positions[index]);
    const observation: Observation = { time, cameras, state, first: this.#first };
    this.#first = false;
    return { kind: 'ok', observation, skewS };
  }

  #isComplete(frames: readonly Frame[], time: number): boolean {
    const { toleranceS } = this.#options.sync;
    return this.#cameras.every(({ times, shown }, c) => {
      const seen = frames[c].time;
      const apart = Math.min(toleranceS, periodOf(times) / 2);
      return (!shown || seen > shown.time) && time - seen <= apart + SLACK_S;
    });
  }

  /**
   * Lets go of frames that will not be shown: what comes is compared with the newest of the slowest camera, or
   * something newer. Images that are held for long are costly: collecting them stops the loop for milliseconds. Those
   * that no observation has shown are nobody else's, where they may be moved.
   */
  #forget(): void {
    const reference = Math.min(
      ...this.#cameras.map(({ recent }) => recent.at(-1)?.time ?? Number.NEGATIVE_INFINITY),
    );
    for (const { recent } of this.#cameras)
      while (recent.length > 1 && recent[1].time <= reference) {
        const frame = recent.shift() as Frame;
        if (!this.#shown.has(frame)) freePixels(frame);
      }
  }

  /** The newest joints or, where these are further from the images than the tolerance, those measured with them. */
  #jointsAt(time: number): JointState {
    const newest = this.joints as JointState;
    const apart = Math.abs(newest.time - time);
    return apart <= this.#options.sync.toleranceS + SLACK_S ? newest : nearest(this.#joints, time);
  }

  /** The frame of each camera to show, or why there is none. */
  #select(now: number): { readonly frames: readonly Frame[]; readonly skewS: number } | Trouble {
    if (this.#failure) throw this.#failure.error;
    const joints = this.joints;
    if (!joints || this.#cameras.some(({ recent }) => recent.length === 0)) {
      const missing = this.#cameras.filter(({ recent }) => recent.length === 0);
      const cameras = missing.map(({ name }) => `camera ${name}`);
      return { kind: 'waiting', for: joints ? cameras : [...cameras, 'joints'] };
    }

    const what: StaleSource[] = [];
    for (const camera of this.#cameras) {
      const ageS = now - (camera.recent.at(-1) as Frame).time;
      if (Math.abs(ageS) > camera.maxAgeS) what.push({ source: `camera ${camera.name}`, ageS });
      // A clock that was set back must not make every later frame look overtaken.
      if (ageS < -camera.maxAgeS) clear(camera);
    }
    const { jointsMaxAgeS } = this.#options;
    const ageS = now - joints.time;
    if (Math.abs(ageS) > jointsMaxAgeS) what.push({ source: 'joints', ageS });
    if (ageS < -jointsMaxAgeS) this.#joints = [];
    return what.length > 0 ? { kind: 'stale', what } : this.#aligned();
  }

  /**
   * The newest frames. Where they are further apart than the tolerance, what the others saw when the slowest
   * camera saw its newest; what a camera has shown before is never followed by something older.
   */
  #aligned(): { readonly frames: readonly Frame[]; readonly skewS: number } | Trouble {
    const { toleranceS, maxSkewS } = this.#options.sync;
    let frames = this.#cameras.map(({ recent }) => recent.at(-1) as Frame);
    if (skewOf(frames) > toleranceS + SLACK_S) {
      const reference = Math.min(...frames.map((frame) => frame.time));
      const matched = this.#cameras.map(({ recent, shown }) => {
        const earliest = shown?.time ?? Number.NEGATIVE_INFINITY;
        return nearest(
          recent.filter((frame) => frame.time >= earliest),
          reference,
        );
      });
      if (skewOf(matched) < skewOf(frames)) frames = matched;
    }
    const skewS = skewOf(frames);
    if (skewS <= maxSkewS + SLACK_S) return { frames, skewS };
    const byTime = [...frames].sort((a, b) => a.time - b.time);
    const [earliest, latest] = [byTime[0] as Frame, byTime.at(-1) as Frame];
    return { kind: 'skewed', skewS, cameras: [earliest.camera, latest.camera] };
  }

  /** Stops listening. Safe twice. */
  close(): void {
    this.#subscription.unsubscribe();
  }
}

function freePixels(frame: Frame): void {
  if (!frame.movable) return;
  const { buffer } = frame.raw ? frame.raw.bytes : frame.data;
  if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) free(buffer);
}

/** Adds the newest, or one that came twice; one that was overtaken on its way is old news. */
function keep<T extends { readonly time: number }>(recent: T[], sample: T, most: number): void {
  const newest = recent.at(-1);
  if (newest && newest.time > sample.time) return;
  if (newest?.time === sample.time) recent.pop();
  recent.push(sample);
  if (recent.length > most) recent.shift();
}

/** Of samples in the order of their times, at least one; of two as near the later. */
function nearest<T extends { readonly time: number }>(samples: readonly T[], time: number): T {
  let best = samples[samples.length - 1];
  for (let i = samples.length - 2; i >= 0; i--) {
    if (Math.abs(samples[i].time - time) >= Math.abs(best.time - time)) break;
    best = samples[i];
  }
  return best;
}

/** Of the samples' times, s; Infinity of one. */
function periodOf(samples: readonly { readonly time: number }[]): number {
  const [oldest, newest] = [samples[0], samples[samples.length - 1]];
  return samples.length > 1 ? (newest.time - oldest.time) / (samples.length - 1) : Number.POSITIVE_INFINITY;
}

function latestOf(frames: readonly Frame[]): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (const { time } of frames) latest = Math.max(latest, time);
  return latest;
}

function skewOf(frames: readonly Frame[]): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (const { time } of frames) earliest = Math.min(earliest, time);
  return latestOf(frames) - earliest;
}

function clear(camera: CameraState): void {
  camera.recent = [];
  camera.times = [];
  camera.shown = undefined;
}

function hasNews({ recent, shown }: CameraState): boolean {
  const newest = recent.at(-1);
  return newest !== undefined && (!shown || newest.time > shown.time);
}

function pair(camera: CameraState, current: Frame): CameraPair {
  const previous = camera.shown ?? current;
  camera.shown = current;
  return { current, previous };
}
