/** Runs a session on what it is sent, and carries its memory from run to run. */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { EdgeDtype, MemoryPair, PolicyBundle } from './bundle.js';
import { GraphImages } from './images.js';
import type { RunRequest, RunResult, SentFrame, View } from './protocol.js';

export class SessionRunner {
  readonly #session: InferenceSession;
  readonly #bundle: PolicyBundle;
  /** In the bundle's order. Inputs and the action are written again and again. */
  readonly #images: readonly GraphImages[];
  readonly #state: Tensor;
  readonly #actions: Tensor;
  /** By graph input; never written to, so one serves every episode. */
  readonly #initial: ReadonlyMap<string, Tensor>;
  #memory: ReadonlyMap<string, Tensor>;
  /** Since the last run, ms. */
  #resizeMs = 0;

  constructor(session: InferenceSession, bundle: PolicyBundle) {
    const { cameras, joints, action, memory } = bundle;
    this.#session = session;
    this.#bundle = bundle;
    this.#images = cameras.map((size) => new GraphImages(size));
    this.#state = floats([1, joints.length]);
    this.#actions = floats([1, action.chunk, joints.length]);
    this.#initial = new Map(memory.pairs.map((pair) => [pair.input, initialTensor(pair)]));
    this.#memory = this.#initial;
  }

  /** Makes one of a camera's two images, which the next run is shown. @param camera index in the bundle's order */
  take(camera: number, frame: SentFrame): void {
    const began = performance.now();
    this.#images[camera].take(frame);
    this.#resizeMs += performance.now() - began;
  }

  /**
   * A run that fails leaves memory as it was. The next run overwrites `actions`.
   *
   * `first` starts memory anew; `views` are outputs to fetch beside the action, or images as they went in.
   */
  async run({ cameras, state, first, views }: Omit<RunRequest, 'type' | 'id'>): Promise<RunResult> {
    const { cameras: specs, state: stateSpec, action, memory } = this.#bundle;
    cameras.forEach(({ frames }, c) => {
      for (const frame of frames) this.take(c, frame);
    });
    const resizeMs = this.#resizeMs;
    this.#resizeMs = 0;

    const feeds: Record<string, Tensor> = Object.fromEntries(first ? this.#initial : this.#memory);
    specs.forEach(({ inputs }, c) => {
      const { current, previous } = cameras[c];
      feeds[inputs.current] = this.#images[c].tensor(current);
      if (inputs.previous !== undefined) feeds[inputs.previous] = this.#images[c].tensor(previous);
    });
    (this.#state.data as Float32Array).set(state);
    feeds[stateSpec.input] = this.#state;
    if (memory.first) feeds[memory.first] = new Tensor('bool', Uint8Array.of(first ? 1 : 0), [1]);

    // The action is computed where it is wanted; null lets the session allocate.
    const fetches: Record<string, Tensor | null> = { [action.output]: this.#actions };
    for (const { output } of memory.pairs) fetches[output] = null;
    for (const name of views) if (!(name in feeds)) fetches[name] = null;

    const start = performance.now();
    const results = await this.#session.run(feeds, fetches);
    const runMs = performance.now() - start;

    const fetched = new Map(views.map((name) => [name, view(results[name] ?? feeds[name])]));
    this.#memory = new Map(memory.pairs.map(({ input, output }) => [input, results[output] as Tensor]));
    return { actions: this.#actions.data as Float32Array, resizeMs, runMs, views: fetched };
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

const floats = (shape: readonly number[]): Tensor =>
  new Tensor('float32', new Float32Array(size(shape)), shape);

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

const view = ({ data, dims }: Tensor): View => ({
  data: data instanceof Float32Array ? data : Float32Array.from(data as Uint8Array),
  shape: dims,
});

const ARRAYS = {
  float32: Float32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<Exclude<EdgeDtype, 'int64'>, unknown>;

function initialTensor({ dtype, shape, initial }: MemoryPair): Tensor {
  return dtype === 'int64'
    ? new Tensor('int64', new BigInt64Array(size(shape)).fill(BigInt(initial)), shape)
    : new Tensor(dtype, new ARRAYS[dtype](size(shape)).fill(initial), shape);
}
