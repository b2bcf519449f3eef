/** Which of the robot's sensors have said what they see at an instant: what a clock in lockstep waits for. */

/** Of one sensor. */
interface Latest {
  /** The newest stamp, s. */
  newest: number;
  /** The first one after the last `mark`, s. */
  first: number | undefined;
}

export class Arrivals {
  readonly #latest: ReadonlyMap<string, Latest>;
  #since = Number.NEGATIVE_INFINITY;
  #waiting: (() => void) | undefined;

  /** @param sources names, as people know them: `camera head` */
  constructor(sources: readonly string[]) {
    this.#latest = new Map(
      sources.map((source) => [source, { newest: Number.NEGATIVE_INFINITY, first: undefined }]),
    );
  }

  /** @param stamp s; a clock that was set back counts anew */
  note(source: string, stamp: number): void {
    const latest = this.#latest.get(source);
    if (!latest) return;
    latest.newest = stamp;
    if (stamp > this.#since) latest.first ??= stamp;
    this.wake();
  }

  /** From now on `firsts` are those stamped after `time`, s. */
  mark(time: number): void {
    this.#since = time;
    for (const latest of this.#latest.values()) latest.first = undefined;
  }

  /** Each source's first stamp since the mark, s; undefined where there is none yet. */
  firsts(sources: readonly string[]): (number | undefined)[] {
    return sources.map((source) => this.#latest.get(source)?.first);
  }

  /** Those that have said nothing of `time` (s) or later. */
  missing(sources: readonly string[], time: number): string[] {
    return sources.filter((source) => !((this.#latest.get(source)?.newest as number) >= time));
  }

  /** Something has come that is no sensor's. */
  wake(): void {
    this.#waiting?.();
  }

  /**
   * Waits until nothing is missing.
   * @param missing what still is, in words
   * @returns what is missing when `seconds` of wall time are over
   */
  async complete(missing: () => readonly string[], seconds: number): Promise<readonly string[]> {
    const until = performance.now() + 1000 * seconds;
    for (let lacks = missing(); ; lacks = missing()) {
      const left = until - performance.now();
      if (lacks.length === 0 || left <= 0) return lacks;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#waiting = undefined;
    }
  }
}
