/** Keeps a policy busy with the newest observation, without a queue and without the loop waiting. */
import type { PolicyBundle } from './infer/bundle.js';
import type { Inference, InferOptions } from './infer/policy.js';
import type { View } from './infer/protocol.js';
import type { LatencyModel } from './latency.js';
import type { Observation } from './observe/observation.js';
import type { Clock, Frame } from './robots/robot.js';

export type { Inference, View };

/** What the loop sees of a `Policy`, so that something else can stand in for one. `infer` has taken what it needs of the frames when it returns. */
export interface Inferrer {
  readonly bundle: PolicyBundle;
  infer(observation: Observation, options?: InferOptions): Promise<Inference>;
  /** Told of a frame that the next observation is likely to show; gets what can be done with it done. */
  foresee?(camera: number, frame: Frame): void;
}

/** An inference, and the wall time from the observation handed over to the chunk received, ms. */
export interface Arrival {
  readonly inference: Inference;
  readonly latencyMs: number;
}

/** Where chunks go, and who says whether another is wanted. */
export interface ChunkSink {
  /** See `Strategy.wantsInference`. */
  wantsInference(time: number, latencyS: number): boolean;
  /** @param now when it arrived, s on the robot's clock */
  take(arrival: Arrival, now: number): void;
}

export interface LatestInferenceOptions {
  readonly policy: Inferrer;
  readonly sink: ChunkSink;
  /** The robot's. */
  readonly clock: Pick<Clock, 'now'>;
  /** Fetched with every inference. */
  readonly views?: readonly string[] | undefined;
  /** Chunks arrive so much later on the robot's clock, at a call of `reach`. */
  readonly latency?: LatencyModel | undefined;
}

/** Of so many inferences the latency is estimated, by this share of them. */
const LATENCY_SAMPLES = 20;
const LATENCY_QUANTILE = 0.9;
/** An instant this close (s) has come: times are rounded. */
const SLACK_S = 1e-9;

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
  readonly #options: LatestInferenceOptions;
  readonly #latency = new LatencyEstimate();
  #running: Promise<void> | undefined;
  #waiting: Observation | undefined;
  /** A chunk that is there, but not before `due` on the robot's clock. */
  #held: { readonly due: number; readonly release: () => void } | undefined;
  #onHeld: (() => void) | undefined;
  /** Whoever waits for the next chunk. */
  #arrivals: (() => void)[] = [];

  constructor(options: LatestInferenceOptions) {
    this.#options = options;
  }

  /** From an observation's time to the arrival of its chunk, s on the robot's clock: what nine in ten keep to. */
  get latencyS(): number {
    return this.#latency.value;
  }

  offer(observation: Observation): void {
    if (this.#running) {
      if (this.#waiting) this.dropped++;
      this.#waiting = observation;
    } else {
      this.#running = this.#run(observation);
    }
  }

  /** Has a policy at rest prepare for a frame, if an observation of its time is wanted. @param camera index in the bundle's order */
  foresee(camera: number, frame: Frame): void {
    const { policy, sink } = this.#options;
    if (this.#running || !sink.wantsInference(frame.time, this.latencyS)) return;
    policy.foresee?.(camera, frame);
  }

  /** Resolves when nothing is under way and nothing waits, but for the robot's time to go on. */
  async idle(): Promise<void> {
    if (!this.#running || this.#held) return;
    const held = new Promise<void>((resolve) => {
      this.#onHeld = resolve;
    });
    await Promise.race([this.#running, held]);
  }

  /** Whether an inference is under way. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when a chunk arrives, or the policy fails, or after `atMostS` of wall time. */
  arrival(atMostS: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000 * atMostS);
      this.#arrivals.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Lets everything arrive that is due by `time` (robot clock, s) when chunks are late on purpose. */
  async reach(time: number): Promise<void> {
    while (this.#held && this.#held.due <= time + SLACK_S) {
      this.#held.release();
      this.#held = undefined;
      await this.idle();
    }
  }

  /** Lets the inference under way end, and starts no other. */
  async close(): Promise<void> {
    this.#waiting = undefined;
    this.#held?.release();
    await this.#running;
  }

  async #run(observation: Observation): Promise<void> {
    let next: Observation | undefined = observation;
    let handedOver = this.#options.clock.now;
    while (next && this.failure === undefined) {
      handedOver = await this.#infer(next, handedOver);
      next = this.#waiting;
      this.#waiting = undefined;
      // The chunk that has just come may have made the observation that waited unnecessary.
      if (next && !this.#options.sink.wantsInference(next.time, this.latencyS)) next = undefined;
    }
    this.#running = undefined;
  }

  /** @returns when the chunk arrived, s on the robot's clock */
  async #infer(observation: Observation, handedOver: number): Promise<number> {
    const { policy, sink, clock, views } = this.#options;
    const began = performance.now();
    try {
      const inference = await policy.infer(observation, views && { views });
      const latencyMs = performance.now() - began;
      const number = this.latencyMs.push(latencyMs) - 1;
      this.runMs.push(inference.runMs);
      this.totalRunMs += inference.runMs;
      const arrived = await this.#arrival(number, handedOver);
      this.#latency.add(arrived - observation.time);
      sink.take({ inference, latencyMs }, arrived);
      return arrived;
    } catch (error) {
      this.failure = `inference failed: ${error instanceof Error ? error.message : String(error)}`;
      return clock.now;
    } finally {
      for (const tell of this.#arrivals.splice(0)) tell();
    }
  }

  async #arrival(number: number, handedOver: number): Promise<number> {
    const { clock, latency } = this.#options;
    if (!latency) return clock.now;
    const due = handedOver + latency(number);
    await new Promise<void>((release) => {
      this.#held = { due, release };
      this.#onHeld?.();
    });
    return due;
  }
}

/**
 * A high percentile of the last latencies: who asks that early has the chunk in time nine times in ten, and one
 * hiccup does not make it ask early for long. 0 while nothing is known.
 */
class LatencyEstimate {
  readonly #samples: number[] = [];
  #added = 0;
  value = 0;

  add(seconds: number): void {
    this.#samples[this.#added++ % LATENCY_SAMPLES] = seconds;
    const sorted = [...this.#samples].sort((a, b) => a - b);
    this.value = sorted[Math.ceil(LATENCY_QUANTILE * sorted.length) - 1];
  }
}
