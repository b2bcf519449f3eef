/** A loaded policy: observation in, action chunk out, computed on a thread of its own. */
import { Worker } from 'node:worker_threads';
import type { ActionChunk } from '../act/chunk.js';
import { UserError } from '../errors.js';
import type { Observation } from '../observe/observation.js';
import type { Frame } from '../robots/robot.js';
import { workerUrl } from '../workers.js';
import type { PolicyBundle } from './bundle.js';
import { FrameSender } from './frames.js';
import type { RunReply, View, WorkerSetup } from './protocol.js';
import { type Provider, type ProviderOptions, providerSettings } from './providers.js';
import { InferenceThread } from './thread.js';

export interface InferOptions {
  /** What to fetch beside the action: `output` names of the bundle's views, cameras' `inputs.current` for the images they are of. */
  readonly views?: readonly string[];
}

export interface Inference {
  readonly chunk: ActionChunk;
  /** Wall time of bringing frames to the graph's size, ms. */
  readonly resizeMs: number;
  /** Wall time of the session's run, ms. */
  readonly runMs: number;
  /** By name. */
  readonly views: ReadonlyMap<string, View>;
}

type Start = () => ReturnType<typeof InferenceThread.start>;

export class Policy {
  readonly bundle: PolicyBundle;
  /** What runs it. */
  readonly provider: Provider;
  /** Why others named before it are not used, and what of the graph it leaves to the CPU; a clause each. */
  readonly providerNotes: readonly string[];
  /** Opening the session, ms, and its first run. */
  readonly startup: { readonly loadMs: number; readonly firstRunMs: number };
  readonly #start: Start;
  #thread: InferenceThread;
  /** To that thread. */
  #frames: FrameSender;
  #restarting: Promise<InferenceThread> | undefined;
  #restarts = 0;
  /** The thread knows nothing of the episode under way. */
  #memoryLost = false;
  #closed = false;
  readonly #viewNames: ReadonlySet<string>;
  readonly #fetchable: ReadonlySet<string>;

  private constructor(bundle: PolicyBundle, { thread, started }: Awaited<ReturnType<Start>>, start: Start) {
    this.bundle = bundle;
    this.provider = started.provider;
    this.providerNotes = started.providerNotes;
    this.startup = { loadMs: started.loadMs, firstRunMs: started.firstRunMs };
    this.#thread = thread;
    this.#start = start;
    this.#frames = new FrameSender(bundle.cameras);
    this.#viewNames = new Set(bundle.views.map(({ output }) => output));
    this.#fetchable = new Set([...this.#viewNames, ...bundle.cameras.map(({ inputs }) => inputs.current)]);
  }

  /**
   * Starts the inference thread, checks the graph against the manifest and warms it up.
   * @throws UserError when the graph cannot be read, does not fit, or the provider cannot be had
   */
  static async load(bundle: PolicyBundle, options: ProviderOptions = {}): Promise<Policy> {
    const setup: WorkerSetup = { bundle, providers: providerSettings(options) };
    const start = async () => {
      const worker = new Worker(workerUrl('./worker.js', import.meta.url), { workerData: setup });
      return await InferenceThread.start(worker);
    };
    return new Policy(bundle, await start(), start);
  }

  /** How often the inference thread died and was started anew. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Runs the policy. Runs are computed in the order asked for; the caller decides how many may wait. Frames may be
   * of any size: their pixels are copied before this returns or, of movable ones, soon moved, and resized on the
   * inference thread. Movable ones are not to be older than those that runs before have shown.
   *
   * A thread that dies takes what it carried of the episode with it: this run fails and so do further ones of the
   * episode, while a new thread is started, which the next episode's first run waits for.
   *
   * @throws UserError for an unknown view and for a frame that is not of its size; Error when the run fails, or
   * the thread is gone
   */
  async infer(observation: Observation, { views = [] }: InferOptions = {}): Promise<Inference> {
    const unknown = views.find((name) => !this.#fetchable.has(name));
    if (unknown !== undefined) {
      throw new UserError(
        `policy ${this.bundle.name} has no view '${unknown}'; it has ${[...this.#viewNames].join(', ') || 'none'}`,
      );
    }
    this.#check(observation);
    const reply = await this.#run(observation, views);
    if (reply.type === 'failed') throw new Error(`policy ${this.bundle.name} failed: ${reply.message}`);
    const { actions, resizeMs, runMs } = reply;
    return { chunk: this.#chunk(actions, observation.time), resizeMs, runMs, views: reply.views };
  }

  /**
   * Has `frame` resized already, which is likely to be what that camera shows next; its pixels are copied before this
   * returns, or soon moved. What `infer` is then told decides all the same.
   *
   * @param camera index in the bundle's order
   */
  foresee(camera: number, frame: Frame): void {
    const thread = this.#thread;
    // The next run says so.
    if (thread.lost) return;
    const sent = this.#frames.foresee(camera, frame);
    if (sent) queueMicrotask(() => thread.show(camera, sent));
  }

  /** Rejects what is still waited for and ends the thread. Safe twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#restarting?.catch(() => {});
    await this.#thread.close();
  }

  async #run({ cameras, state, first }: Observation, views: readonly string[]): Promise<RunReply> {
    const restart = this.#thread.lost ? this.#restarted() : undefined;
    if (first) this.#memoryLost = false;
    if (this.#memoryLost) {
      restart?.catch(() => {});
      throw new Error('the inference thread died in this episode; it is started anew for the next one');
    }
    if (restart) await restart;
    const thread = this.#thread;
    const run = { cameras: this.#frames.send(cameras), state: state.slice(), first, views };
    // Everybody who listens to a camera is told of a frame before its pixels are moved.
    await Promise.resolve();
    return await thread.run(run).catch((error: unknown) => {
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
    this.#frames = new FrameSender(this.bundle.cameras);
    return thread;
  }

  #check({ cameras, state }: Observation): void {
    const { bundle } = this;
    if (cameras.length === bundle.cameras.length && state.length === bundle.joints.length) return;
    throw new Error(
      `an observation of ${bundle.name} has ${bundle.cameras.length} cameras and ${bundle.joints.length} joints, not ${cameras.length} and ${state.length}`,
    );
  }

  #chunk(actions: Float32Array, time: number): ActionChunk {
    const { action, joints, rateHz } = this.bundle;
    return { time, dt: 1 / rateHz, length: action.chunk, width: joints.length, actions };
  }
}
