/** Runs a session on slabs, and carries its memory from run to run. */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { EdgeDtype, MemoryPair, PolicyBundle } from './bundle.js';
import type { View } from './protocol.js';
import { type Region, type SlabLayout, slabLayout } from './slab.js';

export interface RunResult {
  /** Wall time of session.run, ms. */
  readonly runMs: number;
  readonly views: ReadonlyMap<string, View>;
}

export class SessionRunner {
  readonly #session: InferenceSession;
  readonly #bundle: PolicyBundle;
  readonly #layout: SlabLayout;
  /** By graph input; never written to, so one serves every episode. */
  readonly #initial: ReadonlyMap<string, Tensor>;
  #memory: ReadonlyMap<string, Tensor>;

  constructor(session: InferenceSession, bundle: PolicyBundle) {
    this.#session = session;
    this.#bundle = bundle;
    this.#layout = slabLayout(bundle);
    this.#initial = new Map(bundle.memory.pairs.map((pair) => [pair.input, initialTensor(pair)]));
    this.#memory = this.#initial;
  }

  /**
   * Reads the inputs from `slab` and writes the action into it. A run that fails leaves memory as it was.
   *
   * @param first starts memory anew
   * @param views outputs to fetch beside the action
   */
  async run(slab: ArrayBuffer, first: boolean, views: readonly string[]): Promise<RunResult> {
    const { memory, action } = this.#bundle;
    const feeds: Record<string, Tensor> = Object.fromEntries(first ? this.#initial : this.#memory);
    for (const { current, previous } of this.#layout.cameras) {
      feeds[current.name] = image(slab, current);
      if (previous) feeds[previous.name] = image(slab, previous);
    }
    feeds[this.#layout.state.name] = floats(slab, this.#layout.state);
    if (memory.first) feeds[memory.first] = new Tensor('bool', Uint8Array.of(first ? 1 : 0), [1]);

    // The action is computed into the slab; null lets the session allocate.
    const fetches: Record<string, Tensor | null> = { [action.output]: floats(slab, this.#layout.action) };
    for (const { output } of memory.pairs) fetches[output] = null;
    for (const output of views) fetches[output] = null;

    const start = performance.now();
    const results = await this.#session.run(feeds, fetches);
    const runMs = performance.now() - start;

    const fetched = new Map(views.map((output) => [output, view(results[output] as Tensor)]));
    this.#memory = new Map(memory.pairs.map(({ input, output }) => [input, results[output] as Tensor]));
    return { runMs, views: fetched };
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

const image = (slab: ArrayBuffer, { shape, offset, length }: Region): Tensor =>
  new Tensor('uint8', new Uint8Array(slab, offset, length), shape);

const floats = (slab: ArrayBuffer, { shape, offset, length }: Region): Tensor =>
  new Tensor('float32', new Float32Array(slab, offset, length), shape);

const view = (tensor: Tensor): View => ({ data: tensor.data as Float32Array, shape: tensor.dims });

const ARRAYS = {
  float32: Float32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<Exclude<EdgeDtype, 'int64'>, unknown>;

function initialTensor({ dtype, shape, initial }: MemoryPair): Tensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return dtype === 'int64'
    ? new Tensor('int64', new BigInt64Array(length).fill(BigInt(initial)), shape)
    : new Tensor(dtype, new ARRAYS[dtype](length).fill(initial), shape);
}
