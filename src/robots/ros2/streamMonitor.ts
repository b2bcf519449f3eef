/**
 * Keeps count of what arrives from one source. Pure: arrivals go in with the time they came at, and the state
 * at any time comes out; nothing is kept but counts.
 */

export interface StreamCounts {
  /** Messages that were of use. */
  readonly received: number;
  /** Stamped longer before their arrival than their age may be: they are stale when they come. */
  readonly late: number;
  /** Stamped after their arrival: a clock is wrong. */
  readonly early: number;
  /** With the newest stamp once more. */
  readonly duplicates: number;
  /** Stamped before one that came earlier. */
  readonly outOfOrder: number;
  /** Overtaken by a newer one before they were decoded, or not decoded as the robot was not looking. */
  readonly dropped: number;
  /** Not what the contract says, or damaged. */
  readonly faulty: number;
}

export type StreamState =
  /** Nothing has come yet. */
  | 'waiting'
  | 'ok'
  /** The newest message is older than it may be. */
  | 'stale'
  /** The newest message could not be used. */
  | 'faulty';

export interface StreamStatus extends StreamCounts {
  readonly state: StreamState;
  /** Since the newest message that was of use arrived, s. */
  readonly silentS: number | undefined;
  /** Arrivals a second over the last seconds. */
  readonly rateHz: number;
  /** Stamp to arrival of the newest message, s. */
  readonly lagS: number | undefined;
  /** One clause for a person, where the state is not `ok`. */
  readonly problem: string | undefined;
}

/** Over which the rate is measured, s. */
const RATE_WINDOW_S = 2;

export class StreamMonitor {
  readonly #maxAgeS: number;
  readonly #earlyS: number;
  readonly #counts = {
    received: 0,
    late: 0,
    early: 0,
    duplicates: 0,
    outOfOrder: 0,
    dropped: 0,
    faulty: 0,
  };
  #newestStamp: number | undefined;
  #lastAt: number | undefined;
  #lagS: number | undefined;
  #fault: string | undefined;
  /** The window of arrivals under way, and the rate of the one before. */
  #window: { readonly start: number; arrivals: number } | undefined;
  #rateHz: number | undefined;

  /**
   * @param maxAgeS how old (s) a message may be
   * @param earlyS how far (s) stamps may be ahead of their arrival: clocks are read one after the other
   */
  constructor(maxAgeS: number, earlyS: number) {
    this.#maxAgeS = maxAgeS;
    this.#earlyS = earlyS;
  }

  /**
   * A message that can be used, unless it is old news.
   * @param at when it arrived, s
   * @param stamp what its header says, s; absent where it has none
   * @param ordered false where several publishers share the topic: their stamps say nothing of one another
   * @returns false for a duplicate, and for one that was overtaken on its way
   */
  received(at: number, stamp?: number, ordered = true): boolean {
    this.#setBack(at);
    this.#counts.received++;
    this.#fault = undefined;
    this.#lastAt = at;
    this.#count(at);
    if (stamp === undefined) return true;
    this.#lagS = at - stamp;
    if (this.#lagS > this.#maxAgeS) this.#counts.late++;
    if (this.#lagS < -this.#earlyS) this.#counts.early++;
    if (!ordered) return true;
    const newest = this.#newestStamp;
    // A stamp from far in the future must not make all that follow old news.
    if (newest !== undefined && newest - at <= this.#maxAgeS) {
      if (stamp === newest) this.#counts.duplicates++;
      if (stamp < newest) this.#counts.outOfOrder++;
      if (stamp <= newest) return false;
    }
    this.#newestStamp = stamp;
    return true;
  }

  /** A message that cannot be used. @param why one clause for a person */
  faulty(why: string): void {
    this.#counts.faulty++;
    this.#fault = why;
  }

  dropped(): void {
    this.#counts.dropped++;
  }

  /** @param now s */
  status(now: number): StreamStatus {
    const silentS = this.#lastAt === undefined ? undefined : Math.max(0, now - this.#lastAt);
    const state = this.#state(silentS);
    return {
      ...this.#counts,
      state,
      silentS,
      rateHz: this.#rate(now),
      lagS: this.#lagS,
      problem: this.#problem(state, silentS),
    };
  }

  #state(silentS: number | undefined): StreamState {
    if (this.#fault !== undefined) return 'faulty';
    if (silentS === undefined) return 'waiting';
    return silentS > this.#maxAgeS || (this.#lagS ?? 0) > this.#maxAgeS ? 'stale' : 'ok';
  }

  #problem(state: StreamState, silentS: number | undefined): string | undefined {
    switch (state) {
      case 'ok':
        return undefined;
      case 'faulty':
        return this.#fault;
      case 'waiting':
        return 'nothing has come';
      case 'stale':
        return (silentS as number) > this.#maxAgeS
          ? `nothing for ${(silentS as number).toFixed(1)} s`
          : `stamped ${(this.#lagS as number).toFixed(1)} s before it arrives`;
    }
  }

  /** A clock that was set back starts the count of time anew. */
  #setBack(at: number): void {
    if (this.#lastAt === undefined || at >= this.#lastAt) return;
    this.#newestStamp = undefined;
    this.#window = undefined;
  }

  #count(at: number): void {
    if (this.#window && at - this.#window.start >= RATE_WINDOW_S) {
      this.#rateHz = this.#window.arrivals / (at - this.#window.start);
      this.#window = undefined;
    }
    this.#window ??= { start: at, arrivals: 0 };
    this.#window.arrivals++;
  }

  /** Of the last full window; of the one under way where there is none yet, or arrivals have become fewer. */
  #rate(now: number): number {
    if (!this.#window) return 0;
    const passed = now - this.#window.start;
    const running = passed > 0 ? this.#window.arrivals / passed : 0;
    if (this.#rateHz === undefined) return passed > 0 ? running : 0;
    return passed > RATE_WINDOW_S ? Math.min(running, this.#rateHz) : this.#rateHz;
  }
}
