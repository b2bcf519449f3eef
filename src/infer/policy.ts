/** A loaded policy: observation in, action chunk out, computed on a thread of its own. */
import { Worker } from 'node:worker_threads';
import type { ActionChunk } from '../act/chunk.js';
import { UserError } from '../errors.js';
import type { Observation } from '../observe/observation.js';
import type { Frame } from '../robots/robot.js';
import { workerUrl } from '../workers.js';
import type { PolicyBundle } from './bundle.js';
import type { RunReply, View, WorkerSetup } from './protocol.js';
import { type Provider, parseProvider } from './providers.js';
import { type Region, type SlabLayout, slabLayout } from './slab.js';
import { InferenceThread } from './thread.js';

export interface PolicyOptions {
  /** One of `PROVIDER_CHOICES`; `auto` by default. */
  readonly provider?: string;
  /**
   * CPU threads of one run. 1 by default: floating-point sums depend on how the work is split, so results are
   * the same on every machine and whatever the number of rollout workers, which are the better use of cores.
   */
  readonly threads?: number;
}

export interface InferOptions {
  /** Outputs to fetch beside the action: `output` names of the bundle's views. */
  readonly views?: readonly string[];
}

export interface Inference {
  readonly chunk: ActionChunk;
  /** Wall time of the session's run, ms. */
  readonly runMs: number;
  /** By output name. */
  readonly views: ReadonlyMap<string, View>;
}

type Start = () => ReturnType<typeof InferenceThread.start>;

export class Policy {
  readonly bundle: PolicyBundle;
  /** What `auto` chose. */
  readonly provider: Provider;
  readonly #start: Start;
  #thread: InferenceThread;
  #restarting: Promise<InferenceThread> | undefined;
  #restarts = 0;
  /** The thread knows nothing of the episode under way. */
  #memoryLost = false;
  #closed = false;
  readonly #layout: SlabLayout;
  readonly #viewNames: ReadonlySet<string>;
  /** Slabs at rest; as many exist as runs were ever under way at once. */
  readonly #slabs: ArrayBuffer[] = [];

  private constructor(bundle: PolicyBundle, provider: Provider, thread: InferenceThread, start: Start) {
    this.bundle = bundle;
    this.provider = provider;
    this.#thread = thread;
    this.#start = start;
    this.#layout = slabLayout(bundle);
    this.#viewNames = new Set(bundle.views.map(({ output }) => output));
  }

  /**
   * Starts the inference thread, checks the graph against the manifest and warms it up.
   * @throws UserError when the graph cannot be read, does not fit, or the provider cannot be had
   */
  static async load(bundle: PolicyBundle, options: PolicyOptions = {}): Promise<Policy> {
    const { provider = 'auto', threads = 1 } = options;
    const setup: WorkerSetup = { bundle, provider: parseProvider(provider), threads };
    const start = async () => {
      const worker = new Worker(workerUrl('./worker.js', import.meta.url), { workerData: setup });
      return await InferenceThread.start(worker);
    };
    const { thread, started } = await start();
    return new Policy(bundle, started.provider, thread, start);
  }

  /** How often the inference thread died and was started anew. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Runs the policy. Runs are computed in the order asked for; the caller decides how many may wait. The observation's pixels are copied before this returns.
   *
   * A thread that dies takes what it carried of the episode with it: this run fails and so do further ones of the
   * episode, while a new thread is started, which the next episode's first run waits for.
   *
   * @throws UserError for an unknown view; Error when the run fails, or the thread is gone
   */
  async infer(observation: Observation, { views = [] }: InferOptions = {}): Promise<Inference> {
    const unknown = views.find((name) => !this.#viewNames.has(name));
    if (unknown !== undefined) {
      throw new UserError(
        `policy ${this.bundle.name} has no view '${unknown}'; it has ${[...this.#viewNames].join(', ') || 'none'}`,
      );
    }
    const slab = this.#slabs.pop() ?? new ArrayBuffer(this.#layout.byteLength);
    this.#fill(slab, observation);
    const reply = await this.#run(slab, observation.first, views);
    this.#slabs.push(reply.slab);
    if (reply.type === 'failed') throw new Error(`policy ${this.bundle.name} failed: ${reply.message}`);
    return { chunk: this.#chunk(reply.slab, observation.time), runMs: reply.runMs, views: reply.views };
  }

  /** Rejects what is still waited for and ends the thread. Safe twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#restarting?.catch(() => {});
    await this.#thread.close();
  }

  async #run(slab: ArrayBuffer, first: boolean, views: readonly string[]): Promise<RunReply> {
    const restart = this.#thread.lost ? this.#restarted() : undefined;
    if (first) this.#memoryLost = false;
    if (this.#memoryLost) {
      restart?.catch(() => {});
      this.#slabs.push(slab);
      throw new Error('the inference thread died in this episode; it is started anew for the next one');
    }
    const thread = (await restart) ?? this.#thread;
    return await thread.run(slab, first, views).catch((error: unknown) => {
      // It goes on in the background; who needs it next is told when it fails.
      if (thread.lost) this.#restarted().catch(() => {});
      throw error;
    });
  }

  /** The thread after the one that died. */
  #restarted(): Promise<InferenceThread> {
    if (this.#closed) return Promise.reject(new Error('the policy is closed'));
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async #restart(): Promise<InferenceThread> {
    this.#restarts++;
    this.#memoryLost = true;
    const { thread } = await this.#start();
    this.#thread = thread;
    return thread;
  }

  #fill(slab: ArrayBuffer, { cameras, state }: Observation): void {
    const { joints } = this.bundle;
    if (cameras.length !== this.#layout.cameras.length || state.length !== joints.length) {
      throw new Error(
        `an observation of ${this.bundle.name} has ${this.#layout.cameras.length} cameras and ${joints.length} joints, not ${cameras.length} and ${state.length}`,
      );
    }
    this.#layout.cameras.forEach((regions, i) => {
      const pair = cameras[i] as Observation['cameras'][number];
      copyFrame(slab, regions.current, pair.current);
      if (regions.previous) copyFrame(slab, regions.previous, pair.previous);
    });
    new Float32Array(slab, this.#layout.state.offset, joints.length).set(state);
  }

  #chunk(slab: ArrayBuffer, time: number): ActionChunk {
    const { action, joints, rateHz } = this.bundle;
    const { offset, length } = this.#layout.action;
    return {
      time,
      dt: 1 / rateHz,
      length: action.chunk,
      width: joints.length,
      actions: new Float32Array(slab, offset, length).slice(),
    };
  }
}

function copyFrame(
  slab: ArrayBuffer,
  { name, shape, offset, length }: Region,
  { data, ...frame }: Frame,
): void {
  if (data.length !== length || frame.height !== shape[1] || frame.width !== shape[2]) {
    throw new Error(
      `input ${name} takes frames of ${shape[2]}×${shape[1]}, camera ${frame.camera} gave ${frame.width}×${frame.height} in ${data.length} bytes`,
    );
  }
  new Uint8Array(slab, offset, length).set(data);
}
