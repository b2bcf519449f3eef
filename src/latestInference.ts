/** Keeps a policy busy with the newest observation, without a queue and without the loop waiting. */
import type { ActionChunk } from './act/chunk.js';
import type { PolicyBundle } from './infer/bundle.js';
import type { Inference, InferOptions } from './infer/policy.js';
import type { View } from './infer/protocol.js';
import type { Observation } from './observe/observation.js';

export type { Inference, View };

/** What the loop sees of a `Policy`, so that something else can stand in for one. `infer` has taken what it needs of the frames when it returns. */
export interface Inferrer {
  readonly bundle: PolicyBundle;
  infer(observation: Observation, options?: InferOptions): Promise<Inference>;
}

/** An inference, and the wall time from the observation handed over to the chunk received, ms. */
export interface Arrival {
  readonly inference: Inference;
  readonly latencyMs: number;
}

/** Where chunks go, and who says whether another is wanted: a `Strategy`. */
export interface ChunkSink {
  wantsInference(time: number): boolean;
  add(chunk: ActionChunk): void;
}

/**
 * At most one inference is under way, and only the newest observation waits for it: a policy slower than
 * the loop sees the present, not a growing past. Chunks go to the sink as they arrive.
 */
export class LatestInference {
  /** Observation handed over → chunk received, ms, one an inference. */
  readonly latencyMs: number[] = [];
  /** `session.run`, ms, one an inference. */
  readonly runMs: number[] = [];
  totalRunMs = 0;
  /** Observations that a newer one replaced before their turn. */
  dropped = 0;
  /** Why there will be no more chunks, once set. */
  failure: string | undefined;
  #running: Promise<void> | undefined;
  #waiting: Observation | undefined;
  #newest: Arrival | undefined;

  /** @param views fetched with every inference */
  constructor(
    private readonly policy: Inferrer,
    private readonly sink: ChunkSink,
    private readonly views: readonly string[] | undefined,
  ) {}

  offer(observation: Observation): void {
    if (this.#running) {
      if (this.#waiting) this.dropped++;
      this.#waiting = observation;
    } else {
      this.#running = this.#run(observation);
    }
  }

  /** Resolves when nothing is under way and nothing waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Lets the inference under way end, and starts no other. */
  async close(): Promise<void> {
    this.#waiting = undefined;
    await this.#running;
  }

  /** The newest inference that has arrived since the last call. */
  takeNewest(): Arrival | undefined {
    const newest = this.#newest;
    this.#newest = undefined;
    return newest;
  }

  async #run(observation: Observation): Promise<void> {
    let next: Observation | undefined = observation;
    while (next && this.failure === undefined) {
      await this.#infer(next);
      next = this.#waiting;
      this.#waiting = undefined;
      // The chunk that has just come may have made the observation that waited unnecessary.
      if (next && !this.sink.wantsInference(next.time)) next = undefined;
    }
    this.#running = undefined;
  }

  async #infer(observation: Observation): Promise<void> {
    const began = performance.now();
    try {
      const inference = await this.policy.infer(observation, this.views && { views: this.views });
      const latencyMs = performance.now() - began;
      this.latencyMs.push(latencyMs);
      this.runMs.push(inference.runMs);
      this.totalRunMs += inference.runMs;
      this.sink.add(inference.chunk);
      this.#newest = { inference, latencyMs };
    } catch (error) {
      this.failure = `inference failed: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}
