/**
 * What arrived on each topic of an episode, and whether it is enough to learn from. Pure: a topic's messages
 * go in one by one, nothing is kept but counts.
 *
 * Rates and gaps are of arrivals, on the robot's clock; order, repeats and lag are of the stamps in the
 * messages' headers, which is what observations are aligned by.
 */

/** What a topic must deliver. */
export interface Expectation {
  readonly topic: string;
  /** For a person: `camera head`, `joint states`, `extra`. */
  readonly what: string;
  /** An episode without it is of no use. */
  readonly required: boolean;
  /** Messages a second that make every control tick a new one. */
  readonly rateHz?: number;
  /** Without a message for longer (s), a robot under a policy would hold. */
  readonly maxGapS?: number;
}

export interface TopicAudit extends Expectation {
  readonly messages: number;
  /** Of the episodes added up, s. */
  readonly durationS: number;
  /** Longest time without a message, from the episode's start to its end, s. */
  readonly largestGapS: number;
  /** Stamps that are earlier than one before them, and stamps that repeat the newest. */
  readonly outOfOrder: number;
  readonly duplicates: number;
  /** Largest distance between a message's stamp and its arrival, s; null where nothing is stamped. */
  readonly largestLagS: number | null;
}

/** A rate this much below the expected one is jitter at the episode's ends, not a fault. */
const RATE_TOLERANCE = 0.9;

export class TopicAuditor {
  readonly #expectation: Expectation;
  readonly #start: number;
  #last: number;
  #messages = 0;
  #largestGap = 0;
  #newestStamp = Number.NEGATIVE_INFINITY;
  #outOfOrder = 0;
  #duplicates = 0;
  #largestLag: number | null = null;

  /** @param start of the episode, s on the robot's clock */
  constructor(expectation: Expectation, start: number) {
    this.#expectation = expectation;
    this.#start = start;
    this.#last = start;
  }

  /**
   * @param at when it arrived, s
   * @param stamp what its header says, s; absent where it has no header, or one that was never filled in
   */
  received(at: number, stamp?: number): void {
    this.#messages++;
    this.#largestGap = Math.max(this.#largestGap, at - this.#last);
    this.#last = Math.max(this.#last, at);
    if (stamp === undefined) return;
    if (stamp < this.#newestStamp) this.#outOfOrder++;
    else if (stamp === this.#newestStamp) this.#duplicates++;
    else this.#newestStamp = stamp;
    this.#largestLag = Math.max(this.#largestLag ?? 0, Math.abs(at - stamp));
  }

  /** @param end of the episode, s */
  finish(end: number): TopicAudit {
    return {
      ...this.#expectation,
      messages: this.#messages,
      durationS: Math.max(0, end - this.#start),
      largestGapS: Math.max(this.#largestGap, end - this.#last),
      outOfOrder: this.#outOfOrder,
      duplicates: this.#duplicates,
      largestLagS: this.#largestLag,
    };
  }
}

/** One audit a topic over several episodes: counts and times add up, the worst of the rest is kept. */
export function combine(episodes: readonly (readonly TopicAudit[])[]): TopicAudit[] {
  const combined = new Map<string, TopicAudit>();
  for (const audit of episodes.flat()) {
    const sum = combined.get(audit.topic);
    combined.set(audit.topic, sum ? add(sum, audit) : audit);
  }
  return [...combined.values()];
}

function add(a: TopicAudit, b: TopicAudit): TopicAudit {
  return {
    ...a,
    messages: a.messages + b.messages,
    durationS: a.durationS + b.durationS,
    largestGapS: Math.max(a.largestGapS, b.largestGapS),
    outOfOrder: a.outOfOrder + b.outOfOrder,
    duplicates: a.duplicates + b.duplicates,
    largestLagS:
      a.largestLagS === null || b.largestLagS === null
        ? (a.largestLagS ?? b.largestLagS)
        : Math.max(a.largestLagS, b.largestLagS),
  };
}

/** Messages a second; null when no time passed. */
export function rateHz({ messages, durationS }: TopicAudit): number | null {
  return durationS > 0 ? messages / durationS : null;
}

/** True when the episode lacks something a policy needs. */
export function isSilent(audit: TopicAudit): boolean {
  return audit.required && audit.messages === 0;
}

/** What is wrong, one clause each, the worst first; empty when all is well. */
export function problems(audit: TopicAudit): string[] {
  const { messages, largestGapS, maxGapS, largestLagS, outOfOrder, duplicates } = audit;
  if (messages === 0) return ['delivered nothing'];
  const found: string[] = [];
  const rate = rateHz(audit);
  if (audit.rateHz !== undefined && rate !== null && rate < RATE_TOLERANCE * audit.rateHz)
    found.push(`${rate.toFixed(1)} Hz is below the control rate of ${audit.rateHz} Hz`);
  if (maxGapS !== undefined && largestGapS > maxGapS)
    found.push(`silent for ${seconds(largestGapS)}: a policy would hold after ${seconds(maxGapS)}`);
  if (maxGapS !== undefined && largestLagS !== null && largestLagS > maxGapS)
    found.push(`stamped up to ${seconds(largestLagS)} away from its arrival: is it late, or a clock wrong?`);
  if (outOfOrder > 0) found.push(`${outOfOrder} out of order`);
  if (duplicates > 0) found.push(`${duplicates} with the stamp of the one before`);
  return found;
}

function seconds(s: number): string {
  return `${s >= 1 ? s.toFixed(1) : s.toFixed(3)} s`;
}
