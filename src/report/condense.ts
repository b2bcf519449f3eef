/** One episode's recording, boiled down to what the report shows of it. The bag streams by once. */
import type { Intervention } from '../act/interventions.js';
import type { EpisodeResult } from '../episode/episode.js';
import type { EpisodeBag, EpisodeEvent, RecordedImage } from '../record/episode.js';
import {
  animate,
  type Instant,
  resize,
  shrink,
  strip,
  thumbnail,
  VIEW_HEIGHT,
  type Webp,
} from './filmstrip.js';
import { type Series, thin } from './series.js';
import type { Picture } from './text.js';

/** How much of an episode is shown: later levels include the earlier ones. */
export type Detail = 'thumbnail' | 'curves' | 'film';

export interface JointCurves {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly measured: Series;
  readonly commanded: Series;
}

export interface EpisodeView {
  /** The last image of the camera that sees the most. */
  readonly thumbnail?: Webp;
  /** A few instants, one row a camera; `times` are those of the columns, s. */
  readonly strip?: Webp & { readonly times: readonly number[] };
  readonly film?: Webp & { readonly seconds: number };
  /** Cameras in the order of film (left to right) and strip (top to bottom). */
  readonly cameras: readonly string[];
  readonly rateHz: number;
  /** After each tick. */
  readonly reward: Series;
  /** Sum of the reward up to each tick. */
  readonly return: Series;
  readonly joints: readonly JointCurves[];
  /** One an inference, ms. */
  readonly latencies: Float32Array;
  readonly interventions: readonly { readonly time: number; readonly kind: Intervention }[];
  /** The recording is cut short or partly unreadable: how. */
  readonly damage: string | undefined;
}

/** An image of a bag as rgb8. */
export type Decode = (image: RecordedImage) => Promise<Picture>;

/** Pictures a second of robot time, as far as they are no more than `MAX_PICTURES`. */
const PICTURE_RATE_HZ = 5;
const MAX_PICTURES = 120;
const STRIP_PICTURES = 8;

/** Reads the whole bag; it stays open. @throws what reading it throws */
export async function condense(
  bag: EpisodeBag,
  result: EpisodeResult,
  detail: Detail,
  decode: Decode,
): Promise<EpisodeView> {
  const { contract } = bag;
  const camera = new Camera(bag, result, detail, decode);
  const traces = new Traces(contract.joints.length);
  let start = bag.start;
  for await (const event of bag.events(kindsFor(detail))) {
    start ??= event.at;
    if (event.kind === 'frame') await camera.frame(event, start);
    else traces.add(event, start);
  }
  const rewards = traces.rewards(1 / contract.rateHz, result.duration_s);
  return {
    ...(await camera.pictures()),
    cameras: camera.names,
    rateHz: contract.rateHz,
    reward: thin(rewards.reward),
    return: thin(rewards.return),
    joints:
      detail === 'thumbnail'
        ? []
        : contract.joints.map(({ name, min, max }, j) => ({
            name,
            min,
            max,
            measured: thin(traces.joint('joints', j)),
            commanded: thin(traces.joint('command', j)),
          })),
    latencies: Float32Array.from(traces.latencies),
    interventions: traces.interventions,
    damage: bag.damage,
  };
}

function kindsFor(detail: Detail): ReadonlySet<EpisodeEvent['kind']> {
  const always = ['frame', 'command', 'reward', 'latency', 'interventions'] as const;
  return new Set<EpisodeEvent['kind']>(detail === 'thumbnail' ? always : [...always, 'joints']);
}

/** Takes pictures of the newest images at even distances, and decodes no others. */
class Camera {
  readonly names: readonly string[];
  readonly #decode: Decode;
  readonly #detail: Detail;
  /** Which view the thumbnail is of. */
  readonly #widest: number;
  readonly #periodS: number;
  readonly #durationS: number;
  readonly #newest = new Map<string, RecordedImage>();
  readonly #instants: Instant[] = [];
  /** Time of the next picture, s since the first tick. */
  #due = 0;

  constructor({ contract }: EpisodeBag, { duration_s }: EpisodeResult, detail: Detail, decode: Decode) {
    this.names = contract.cameras.map(({ name }) => name);
    this.#widest = Math.max(
      0,
      contract.cameras.findIndex(({ role }) => role === 'global_overview'),
    );
    this.#decode = decode;
    this.#detail = detail;
    this.#durationS = duration_s;
    const wanted = detail === 'film' ? MAX_PICTURES : STRIP_PICTURES;
    this.#periodS = Math.max(1 / PICTURE_RATE_HZ, duration_s / (wanted - 1));
  }

  async frame(event: EpisodeEvent & { kind: 'frame' }, start: number): Promise<void> {
    const time = event.at - start;
    // An image from after the instant that is due: what was newest until now is the picture of that instant.
    if (this.#detail !== 'thumbnail')
      for (; this.#due < time - 1e-6 && this.#due < this.#durationS; this.#due += this.#periodS)
        await this.#take(this.#due);
    if (time <= this.#durationS + 1e-6) this.#newest.set(event.camera, event.image);
  }

  async pictures(): Promise<Pick<EpisodeView, 'thumbnail' | 'strip' | 'film'>> {
    if (this.#newest.size === 0) return {};
    await this.#take(this.#durationS);
    const last = this.#instants.at(-1);
    if (last === undefined) return {};
    const view = last.views[this.#widest] as Picture;
    return {
      thumbnail: await thumbnail(view),
      ...(this.#detail !== 'thumbnail' && { strip: await this.#strip() }),
      ...(this.#detail === 'film' && {
        film: { ...(await animate(this.#instants, 1 / this.#periodS)), seconds: this.#durationS },
      }),
    };
  }

  async #strip(): Promise<Webp & { times: readonly number[] }> {
    const n = Math.min(STRIP_PICTURES, this.#instants.length);
    const even = Array.from(
      { length: n },
      (_, i) => this.#instants[Math.round((i * (this.#instants.length - 1)) / Math.max(1, n - 1))] as Instant,
    );
    return { ...(await strip(even)), times: even.map(({ time }) => time) };
  }

  /** Before every camera has sent an image there is no picture. */
  async #take(time: number): Promise<void> {
    const images = this.names.map((name) => this.#newest.get(name));
    if (images.some((image) => image === undefined)) return;
    const sizes = this.#instants[0]?.views;
    const views = await Promise.all(
      images.map(async (image, i) => {
        const view = await shrink(await this.#decode(image as RecordedImage), VIEW_HEIGHT);
        // A camera may change its resolution; a film does not.
        return sizes ? resize(view, sizes[i] as Picture) : view;
      }),
    );
    this.#instants.push({ time, views });
  }
}

/** Everything that is a number. */
class Traces {
  readonly latencies: number[] = [];
  readonly interventions: { time: number; kind: Intervention }[] = [];
  readonly #joints: number;
  readonly #samples = { joints: new Samples(), command: new Samples() };
  readonly #rewards: { time: number; reward: number }[] = [];

  constructor(joints: number) {
    this.#joints = joints;
  }

  add(event: EpisodeEvent, start: number): void {
    switch (event.kind) {
      case 'joints':
      case 'command':
        this.#samples[event.kind].add(event.time - start, event.positions);
        break;
      case 'reward':
        this.#rewards.push({ time: event.at - start, reward: event.reward });
        break;
      case 'latency':
        this.latencies.push(event.ms);
        break;
      case 'interventions':
        for (const kind of event.kinds) this.interventions.push({ time: event.at - start, kind });
        break;
      case 'frame':
      case 'action':
      case 'chunk':
        break;
    }
  }

  joint(kind: 'joints' | 'command', index: number): Series {
    const { times, values } = this.#samples[kind];
    return {
      times: Float32Array.from(times),
      values: Float32Array.from(times, (_, i) => values[i * this.#joints + index] as number),
    };
  }

  /** As the loop counts: a tick's reward is the newest one before the next tick begins. */
  rewards(periodS: number, durationS: number): { reward: Series; return: Series } {
    // What is sent to bring the arm to rest belongs to no tick.
    const commands = this.#samples.command.times.filter((time) => time < durationS - 1e-6);
    const ticks = new Set(commands.map((time) => Math.floor(time / periodS + 1e-3)));
    const times =
      ticks.size > 0 ? [...ticks].map((n) => (n + 1) * periodS) : this.#rewards.map(({ time }) => time);
    const reward = new Float32Array(times.length);
    const sum = new Float32Array(times.length);
    let [next, newest, total] = [0, 0, 0];
    times.forEach((time, i) => {
      for (; next < this.#rewards.length && (this.#rewards[next]?.time ?? 0) <= time + 1e-6; next++)
        newest = this.#rewards[next]?.reward ?? 0;
      reward[i] = newest;
      total += newest;
      sum[i] = total;
    });
    const at = Float32Array.from(times);
    return { reward: { times: at, values: reward }, return: { times: at, values: sum } };
  }
}

class Samples {
  readonly times: number[] = [];
  /** Row after row. */
  readonly values: number[] = [];

  add(time: number, row: Float32Array): void {
    this.times.push(time);
    for (const value of row) this.values.push(value);
  }
}
