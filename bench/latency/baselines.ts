/**
 * The common practice, behind Saccade's interface: what is compared in `npm run bench:latency`. Each is
 * asked once a control tick, in order, by a loop that has nothing but the tick's command to plan; so they may keep
 * state in `actionAt`, which Saccade's own do not.
 *
 * Where such a program has nothing to send, the robot's servos keep the last command: so do these, and say that
 * nobody foresaw it, which counts as holding.
 */
import type { ActionChunk, ChunkShape } from '../../src/act/chunk.js';
import { ChunkHistory } from '../../src/act/ensemble.js';
import type { Strategy } from '../../src/act/strategy.js';
import type { StrategySpec } from '../../src/contract/strategy.js';

/** Instants closer than this (s) are one: times are rounded. */
const SLACK_S = 1e-6;

/** No strategy of Saccade's: nothing looks at it. */
const NO_SPEC: StrategySpec = { name: 'latest' };

/**
 * Synchronous chunk execution: observe, wait for the chunk, execute `rows` of its rows one a tick from the
 * first on, however old it is by then, and again. ACT's evaluation without ensembling (imitate_episodes.py:
 * query_frequency = num_queries) and LeRobot's `select_action` with its queue of n_action_steps
 * (policies/act/modeling_act.py), both of which run every row of a chunk by default.
 */
export class SyncChunks implements Strategy {
  readonly spec = NO_SPEC;
  readonly #shape: ChunkShape;
  readonly #rows: number;
  #chunk: ActionChunk | undefined;
  /** Rows of it that were executed. */
  #executed = 0;

  constructor(shape: ChunkShape, rows: number) {
    this.#shape = shape;
    this.#rows = rows;
  }

  reset(): void {
    this.#chunk = undefined;
    this.#executed = 0;
  }

  wantsInference(): boolean {
    return !this.#chunk || this.#executed >= this.#rows;
  }

  add(chunk: ActionChunk): boolean {
    this.#chunk = { ...chunk, actions: chunk.actions.slice() };
    this.#executed = 0;
    return true;
  }

  foresees(): boolean {
    // Asked after `actionAt`: a row beyond those to execute is the last one, again.
    return this.#executed <= this.#rows;
  }

  actionAt(_time: number, out: Float32Array): boolean {
    if (!this.#chunk) return false;
    const { width } = this.#shape;
    const row = Math.min(this.#executed++, this.#rows - 1);
    out.set(this.#chunk.actions.subarray(row * width, (row + 1) * width));
    return true;
  }
}

/**
 * LeRobot's asynchronous inference with its defaults: huggingface/lerobot@7427f31 (0.6.2),
 * src/lerobot/async_inference/robot_client.py and policy_server.py. Actions queue up by timestep, which counts
 * actions performed; those of a new chunk that are queued already are aggregated by `weighted_average`,
 * 0.3·old + 0.7·new; an observation goes out while at most `chunk_size_threshold` (0.5) of a chunk is left.
 *
 * One thing is left out in its favour: the server's similarity filter drops observations whose joints are
 * within 1 of the last one's, which in radians is nearly every one, and would infer on an empty queue alone
 * (huggingface/lerobot#1557, #3204).
 */
export class LeRobotAsync implements Strategy {
  readonly spec = NO_SPEC;
  readonly #shape: ChunkShape;
  readonly #threshold: number;
  readonly #queue = new Map<number, Float32Array>();
  /** Timestep of the action performed last. */
  #latest = -1;
  #last: Float32Array | undefined;
  #performed = false;
  #mustGo = true;
  /** Timesteps of the observations that were sent, by time, and those that the server has inferred on. */
  readonly #timesteps = new Map<number, number>();
  readonly #predicted = new Set<number>();
  /** The server infers. */
  #busy = false;

  constructor(shape: ChunkShape, threshold = 0.5) {
    this.#shape = shape;
    this.#threshold = threshold;
  }

  reset(): void {
    this.#queue.clear();
    this.#timesteps.clear();
    this.#predicted.clear();
    this.#latest = -1;
    this.#last = undefined;
    this.#mustGo = true;
    this.#busy = false;
  }

  /** Asked before the tick's action is performed; the client observes after it. The arm has not moved between. */
  wantsInference(time: number): boolean {
    // Asked again of an observation that has waited: the server takes it, whatever has come meanwhile.
    const waited = this.#timesteps.get(time);
    if (waited !== undefined) return this.#infer(waited);
    const next = this.#next();
    const left = this.#queue.size - (next === undefined ? 0 : 1);
    if (left / this.#shape.length > this.#threshold) return false;
    const timestep = Math.max(0, next ?? this.#latest);
    const mustGo = this.#mustGo && left === 0;
    if (mustGo) this.#mustGo = false;
    if (!mustGo && this.#predicted.has(timestep)) return false;
    this.#timesteps.set(time, timestep);
    return this.#busy || this.#infer(timestep);
  }

  #infer(timestep: number): true {
    this.#busy = true;
    this.#predicted.add(timestep);
    return true;
  }

  add({ time, actions }: ActionChunk): boolean {
    const { length, width } = this.#shape;
    const from = this.#timesteps.get(time) as number;
    const queued = new Map(this.#queue);
    // What is queued beyond the new chunk's end is dropped, as there.
    this.#queue.clear();
    for (let k = 0; k < length; k++) {
      const timestep = from + k;
      if (timestep <= this.#latest) continue;
      const fresh = actions.slice(k * width, (k + 1) * width);
      const old = queued.get(timestep);
      this.#queue.set(
        timestep,
        old ? fresh.map((value, j) => 0.3 * (old[j] as number) + 0.7 * value) : fresh,
      );
    }
    this.#mustGo = true;
    this.#busy = false;
    return this.#queue.size > 0;
  }

  foresees(): boolean {
    return this.#performed;
  }

  actionAt(_time: number, out: Float32Array): boolean {
    const next = this.#next();
    this.#performed = next !== undefined;
    if (next !== undefined) {
      this.#last = this.#queue.get(next);
      this.#queue.delete(next);
      this.#latest = next;
    }
    if (!this.#last) return false;
    out.set(this.#last);
    return true;
  }

  /** Timestep of the action at the head of the queue: `add` puts them in in order. */
  #next(): number | undefined {
    return this.#queue.keys().next().value;
  }
}

/**
 * ACT's temporal ensembling as in its evaluation (imitate_episodes.py, `all_time_actions`): every step
 * observes, waits for its chunk, and executes the average of all predictions for that step by count, weighted
 * exp(−0.01·i). The arm stands while the policy runs.
 */
export class SyncEnsemble implements Strategy {
  readonly spec = NO_SPEC;
  readonly #history: ChunkHistory;
  readonly #action: Float64Array;
  #step = -1;
  #arrival = Number.NEGATIVE_INFINITY;
  #executed = true;
  #acted = false;

  constructor(shape: ChunkShape, m = 0.01) {
    this.#history = new ChunkHistory(shape, {
      capacity: shape.length + 1,
      m,
      taperS: 0,
      interpolation: 'linear',
    });
    this.#action = new Float64Array(shape.width);
  }

  reset(): void {
    this.#history.clear();
    this.#step = -1;
    this.#arrival = Number.NEGATIVE_INFINITY;
    this.#executed = true;
  }

  /** The next step's, which begins with what is seen when this one's action goes out, if that is not before. */
  wantsInference(time: number): boolean {
    return this.#executed || time >= this.#arrival - SLACK_S;
  }

  add(chunk: ActionChunk, now: number): boolean {
    this.#step++;
    this.#history.add({ ...chunk, time: this.#step, dt: 1 }, now);
    this.#arrival = now;
    this.#executed = false;
    return true;
  }

  foresees(): boolean {
    return this.#acted;
  }

  actionAt(_time: number, out: Float32Array): boolean {
    this.#acted = !this.#executed;
    this.#executed = true;
    if (!this.#history.positionAt(this.#step, this.#action)) return false;
    out.set(this.#action);
    return true;
  }
}
