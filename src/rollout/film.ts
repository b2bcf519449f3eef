/** An episode as an animation: camera views and a flow view, as the policy sees them, tick by tick. */
import type { PolicyBundle } from '../infer/bundle.js';
import type { View } from '../latestInference.js';
import { Resizer } from '../observe/resize.js';
import { Animation, type Panel } from '../report/animation.js';
import type { Tap, Tick } from '../tap.js';

export class Film implements Tap {
  readonly views: readonly string[];
  readonly #cameras: readonly { readonly label: string; readonly resizer: Resizer }[];
  readonly #flow: { readonly output: string; readonly camera: string; readonly rangePx: number } | undefined;
  readonly #animation: Animation;
  readonly #seed: number;
  /** Not every strategy infers on every tick: in between the last flow stays. */
  #lastFlow: View | undefined;

  constructor({ cameras, views, rateHz }: PolicyBundle, seed: number) {
    this.#cameras = cameras.map((camera) => ({ label: camera.name, resizer: new Resizer(camera) }));
    const flows = views.filter((view) => view.kind === 'flow');
    // Before a camera that stands still, what moves is what the picture shows.
    const still = cameras.find(({ role }) => role === 'global_overview')?.name;
    this.#flow = flows.find(({ camera }) => camera === still) ?? flows[0];
    this.views = this.#flow ? [this.#flow.output] : [];
    this.#animation = new Animation({ rateHz });
    this.#seed = seed;
  }

  onTick({ time, observation, inference, reward }: Tick): void {
    if (!observation) return;
    const panels: Panel[] = this.#cameras.map(({ label, resizer }, c) => {
      const { width, height } = resizer.to;
      return { label, view: { width, height, data: resizer.resize(observation.cameras[c].current) } };
    });
    if (this.#flow) {
      this.#lastFlow = inference?.views.get(this.#flow.output) ?? this.#lastFlow;
      const [, , height, width] = this.#lastFlow?.shape ?? [];
      if (this.#lastFlow && height && width)
        panels.push({
          label: `flow ${this.#flow.camera}`,
          view: { data: this.#lastFlow.data, height, width, pxPerUnit: this.#flow.rangePx },
        });
    }
    this.#animation.add(panels, `seed ${this.#seed}   ${time.toFixed(2)} s   reward ${reward}`);
  }

  /** The animated WebP; undefined when the episode ended before its first tick. */
  async encode(): Promise<Uint8Array | undefined> {
    return this.#animation.length > 0 ? this.#animation.encode() : undefined;
  }
}
