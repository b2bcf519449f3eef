/** The statistics of one episode, gathered as its rows pass. */
import { ACTION, type CameraSize, DONE, imageKey, REWARD, STATE, SUCCESS } from './format.js';
import { ImageStats, sampledFrames } from './imageStats.js';
import type { Row } from './rows.js';
import { type FeatureStats, featureStats } from './stats.js';

/** What the columns that count are counted from. */
export interface EpisodePlace {
  readonly fps: number;
  /** Index of its first frame in the dataset. */
  readonly from: number;
  readonly episode: number;
  readonly task: number;
}

export class EpisodeStats {
  readonly #length: number;
  readonly #sampled: ReadonlySet<number>;
  readonly #images: readonly { readonly key: string; readonly stats: ImageStats }[];
  readonly #state: readonly Float64Array[];
  readonly #action: readonly Float64Array[];
  readonly #reward: Float64Array;
  readonly #success: Float64Array;
  #rows = 0;

  constructor(cameras: readonly CameraSize[], joints: number, length: number) {
    const vector = () => Array.from({ length: joints }, () => new Float64Array(length));
    this.#length = length;
    this.#sampled = sampledFrames(length);
    this.#images = cameras.map((camera) => ({ key: imageKey(camera.name), stats: new ImageStats(camera) }));
    this.#state = vector();
    this.#action = vector();
    this.#reward = new Float64Array(length);
    this.#success = new Float64Array(length);
  }

  add({ images, state, action, reward, success }: Row): void {
    const n = this.#rows++;
    if (this.#sampled.has(n))
      for (const [c, { stats }] of this.#images.entries()) stats.add(images[c] as Uint8Array);
    for (const [j, column] of this.#state.entries()) column[n] = state[j] as number;
    for (const [j, column] of this.#action.entries()) column[n] = action[j] as number;
    this.#reward[n] = reward;
    this.#success[n] = success ? 1 : 0;
  }

  /** By feature, in the order of the columns. */
  finish({ fps, from, episode, task }: EpisodePlace): Map<string, FeatureStats> {
    const each = (value: (n: number) => number) => [
      Float64Array.from({ length: this.#length }, (_, n) => value(n)),
    ];
    return new Map([
      ...this.#images.map(({ key, stats }) => [key, stats.stats()] as const),
      [STATE, featureStats(this.#state)],
      [ACTION, featureStats(this.#action)],
      [REWARD, featureStats([this.#reward])],
      [SUCCESS, featureStats([this.#success])],
      [DONE, featureStats(each((n) => (n === this.#length - 1 ? 1 : 0)))],
      ['timestamp', featureStats(each((n) => Math.fround(n / fps)))],
      ['frame_index', featureStats(each((n) => n))],
      ['episode_index', featureStats(each(() => episode))],
      ['index', featureStats(each((n) => from + n))],
      ['task_index', featureStats(each(() => task))],
    ]);
  }
}
