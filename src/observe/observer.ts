/**
 * Turns a robot's streams into observations: keeps the newest frame of each camera and the newest joint
 * state, and on demand pairs each frame with the one of the observation before.
 *
 * Only what a policy will see is resized: once a tick, not once a frame.
 */
import { Subscription } from 'rxjs';
import type { Frame, JointState, Robot } from '../robots/robot.js';
import type { CameraPair, Observation } from './observation.js';
import { Resizer, type Size } from './resize.js';

/** What the policy wants to see, and how old it may be. */
export interface ObserverOptions {
  /** In the bundle's order, at the bundle's sizes. */
  readonly cameras: readonly (Size & { readonly name: string; readonly maxAgeS: number })[];
  /** For each joint of the bundle's state its index in the contract. */
  readonly joints: readonly number[];
  readonly jointsMaxAgeS: number;
}

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
  | { readonly kind: 'waiting'; readonly for: readonly string[] };

export type Sighting =
  /** `skewS`: latest less earliest capture time among the cameras, s. */
  { readonly kind: 'ok'; readonly observation: Observation; readonly skewS: number } | Trouble;

/** One clause for a person: what has not come, or is how old. */
export function describe(trouble: Trouble): string {
  if (trouble.kind === 'waiting') return `nothing has come from ${trouble.for.join(', ')}`;
  const ages = trouble.what.map(({ source, ageS }) =>
    ageS < 0
      ? `${source} is stamped ${(-ageS).toFixed(3)} s in the future`
      : `${source} is ${ageS.toFixed(3)} s old`,
  );
  return ages.join(', ');
}

interface CameraState {
  readonly name: string;
  readonly size: Size;
  readonly maxAgeS: number;
  newest: Frame | undefined;
  /** The frame shown in the last observation, as the robot sent it and as the policy saw it. */
  shown: { readonly source: Frame; readonly frame: Frame } | undefined;
  resizer: Resizer | undefined;
}

export class Observer {
  readonly #cameras: readonly CameraState[];
  readonly #options: ObserverOptions;
  readonly #subscription = new Subscription();
  #joints: JointState | undefined;
  #first = true;
  #failure: { readonly error: unknown } | undefined;

  constructor(robot: Pick<Robot, 'frames' | 'joints'>, options: ObserverOptions) {
    this.#options = options;
    this.#cameras = options.cameras.map(({ name, width, height, maxAgeS }) => ({
      name,
      size: { width, height },
      maxAgeS,
      newest: undefined,
      shown: undefined,
      resizer: undefined,
    }));
    const byName = new Map(this.#cameras.map((camera) => [camera.name, camera]));
    const error = (reason: unknown) => {
      this.#failure = { error: reason };
    };
    const sawFrame = (frame: Frame) => {
      const camera = byName.get(frame.camera);
      // A frame that was overtaken on its way is old news.
      if (camera && !(camera.newest && camera.newest.time > frame.time)) camera.newest = frame;
    };
    const sawJoints = (state: JointState) => {
      if (!(this.#joints && this.#joints.time > state.time)) this.#joints = state;
    };
    this.#subscription.add(robot.frames.subscribe({ next: sawFrame, error }));
    this.#subscription.add(robot.joints.subscribe({ next: sawJoints, error }));
  }

  /** Starts an episode: everything seen so far is forgotten, and the next observation is a first one. */
  reset(): void {
    this.#joints = undefined;
    this.#first = true;
    for (const camera of this.#cameras) {
      camera.newest = undefined;
      camera.shown = undefined;
    }
  }

  /** The newest joint state, contract order; undefined until one has come. */
  get joints(): JointState | undefined {
    return this.#joints;
  }

  /**
   * What keeps an observation from being made at `now` (s, robot clock), if anything.
   * @throws the robot's error when a stream has failed
   */
  trouble(now: number): Trouble | undefined {
    if (this.#failure) throw this.#failure.error;
    const missing = this.#cameras.filter((camera) => !camera.newest).map((camera) => `camera ${camera.name}`);
    if (!this.#joints) missing.push('joints');
    if (missing.length > 0) return { kind: 'waiting', for: missing };

    const what: StaleSource[] = [];
    for (const camera of this.#cameras) {
      const ageS = now - (camera.newest as Frame).time;
      if (Math.abs(ageS) > camera.maxAgeS) what.push({ source: `camera ${camera.name}`, ageS });
      // A clock that was set back must not make every later frame look overtaken.
      if (ageS < -camera.maxAgeS) camera.newest = undefined;
    }
    const { jointsMaxAgeS } = this.#options;
    const ageS = now - (this.#joints as JointState).time;
    if (Math.abs(ageS) > jointsMaxAgeS) what.push({ source: 'joints', ageS });
    if (ageS < -jointsMaxAgeS) this.#joints = undefined;
    return what.length > 0 ? { kind: 'stale', what } : undefined;
  }

  /**
   * What the policy sees at `now` (s, robot clock). Each call that yields an observation is one step of the
   * policy: its frames are the next one's `previous`.
   *
   * @throws UserError when a frame's data does not fit its size; the robot's error when a stream has failed
   */
  observe(now: number): Sighting {
    const trouble = this.trouble(now);
    if (trouble) return trouble;
    const cameras = this.#cameras.map(pair);
    let earliest = Number.POSITIVE_INFINITY;
    let latest = Number.NEGATIVE_INFINITY;
    for (const { current } of cameras) {
      earliest = Math.min(earliest, current.time);
      latest = Math.max(latest, current.time);
    }
    const { positions } = this.#joints as JointState;
    const state = Float32Array.from(this.#options.joints, (index) => positions[index]);
    const observation: Observation = { time: latest, cameras, state, first: this.#first };
    this.#first = false;
    return { kind: 'ok', observation, skewS: latest - earliest };
  }

  /** Stops listening. Safe twice. */
  close(): void {
    this.#subscription.unsubscribe();
  }
}

function pair(camera: CameraState): CameraPair {
  const source = camera.newest as Frame;
  const before = camera.shown;
  // A camera slower than the policy shows one frame twice: it is resized once.
  const current = before?.source === source ? before.frame : resized(camera, source);
  camera.shown = { source, frame: current };
  return { current, previous: before?.frame ?? current };
}

function resized(camera: CameraState, frame: Frame): Frame {
  const { size } = camera;
  let { resizer } = camera;
  if (resizer?.from.width !== frame.width || resizer.from.height !== frame.height) {
    resizer = new Resizer({ width: frame.width, height: frame.height }, size);
    camera.resizer = resizer;
  }
  const data = resizer.resize(frame.data);
  return data === frame.data ? frame : { ...frame, ...size, data };
}
