/**
 * One thing that the robot sends: its messages are taken in without ever letting an exception out, counted,
 * and what is wrong with them is said once, and once more when all is well again.
 */
import { StreamMonitor, type StreamStatus } from './streamMonitor.js';

/** A source that is well and unwell by turns is complained of at most so often in so long (ms). */
const MOST_COMPLAINTS = 3;
const COMPLAINTS_MS = 10_000;

export interface Notice {
  readonly level: 'info' | 'warn' | 'error';
  /** `camera head`, `joint states`, … */
  readonly source: string;
  /** One sentence. */
  readonly message: string;
}

export interface SourceStatus extends StreamStatus {
  readonly source: string;
  readonly topic: string;
}

export interface SourceOptions {
  readonly name: string;
  readonly topic: string;
  readonly maxAgeS: number;
  /** See `StreamMonitor`. */
  readonly earlyS: number;
  /** s, the robot's clock */
  readonly now: () => number;
  readonly notify: (notice: Notice) => void;
}

export class Source {
  readonly name: string;
  readonly monitor: StreamMonitor;
  readonly #options: SourceOptions;
  #topic: string;
  /** What was said of it last; undefined while it is well. */
  #said: string | undefined;
  /** `performance.now()` of the latest complaints. */
  #complaints: number[] = [];
  /** Nothing is wrong with a source that has yet to start. */
  #started = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.name = options.name;
    this.#topic = options.topic;
    this.monitor = new StreamMonitor(options.maxAgeS, options.earlyS);
  }

  /** Where its messages really come from. */
  set topic(topic: string) {
    this.#topic = topic;
  }

  get topic(): string {
    return this.#topic;
  }

  /** Runs `use` on a message; what it throws is the message's fault, and is counted. */
  take(use: () => void): void {
    try {
      use();
      this.#started = true;
    } catch (error) {
      this.fail(error);
    }
    this.look();
  }

  fail(error: unknown): void {
    this.monitor.faulty(error instanceof Error ? error.message : String(error));
    this.#started = true;
  }

  /** Says what has become of the source since it was looked at last. */
  look(): void {
    const { state, problem } = this.monitor.status(this.#options.now());
    if (state === 'ok') {
      if (this.#said !== undefined) this.#notify('info', 'is back');
      this.#said = undefined;
    } else if (this.#started && this.#said !== state && this.#mayComplain()) {
      this.#notify('warn', problem ?? state);
      this.#said = state;
    }
  }

  #mayComplain(): boolean {
    const now = performance.now();
    this.#complaints = this.#complaints.filter((at) => now - at < COMPLAINTS_MS);
    if (this.#complaints.length >= MOST_COMPLAINTS) return false;
    this.#complaints.push(now);
    return true;
  }

  status(): SourceStatus {
    return { source: this.name, topic: this.#topic, ...this.monitor.status(this.#options.now()) };
  }

  #notify(level: Notice['level'], what: string): void {
    this.#options.notify({ level, source: this.name, message: `${this.name} (${this.#topic}): ${what}` });
  }
}
