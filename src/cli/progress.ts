/** Progress of long work on stderr: a bar where a person looks at a terminal, a line now and then otherwise. */

/** The part of a writable stream that progress needs. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface ProgressOptions {
  readonly total: number;
  /** What is counted, in the plural: `episodes`. */
  readonly unit: string;
  readonly stream?: ProgressStream;
  /** Seconds, only ever going forwards. */
  readonly now?: () => number;
}

const BAR_WIDTH = 24;
/** Without a terminal: a line each tenth of the work, but no more often than this, s. */
const MIN_SECONDS_BETWEEN_LINES = 5;

export class Progress {
  readonly #total: number;
  readonly #unit: string;
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #started: number;
  #done = 0;
  #lastLine: number;

  constructor({
    total,
    unit,
    stream = process.stderr,
    now = () => performance.now() / 1000,
  }: ProgressOptions) {
    this.#total = total;
    this.#unit = unit;
    this.#stream = stream;
    this.#now = now;
    this.#started = now();
    this.#lastLine = this.#started;
    if (stream.isTTY) this.#draw('');
  }

  /** One more is done; `note` says how it goes (`4 successes`). */
  advance(note = ''): void {
    this.#done++;
    if (this.#stream.isTTY) this.#draw(note);
    else this.#line(note);
  }

  /** Takes the bar away, so that what is printed next starts on a clean line. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }

  #draw(note: string): void {
    const filled = Math.round((BAR_WIDTH * this.#done) / this.#total);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
    // A line longer than the terminal would wrap, and the next '\r' would leave it behind.
    const text = `${bar} ${this.#status(note)}`.slice(0, (this.#stream.columns || 80) - 1);
    this.#stream.write(`\r${text}\x1b[K`);
  }

  #line(note: string): void {
    const now = this.#now();
    const last = this.#done === this.#total;
    if (!last && now - this.#lastLine < MIN_SECONDS_BETWEEN_LINES) return;
    if (!last && this.#done % Math.max(1, Math.floor(this.#total / 10)) !== 0) return;
    this.#lastLine = now;
    this.#stream.write(`${this.#status(note)}\n`);
  }

  #status(note: string): string {
    const parts = [`${this.#done}/${this.#total} ${this.#unit}`];
    if (note) parts.push(note);
    if (this.#done > 0 && this.#done < this.#total) {
      const left = ((this.#now() - this.#started) / this.#done) * (this.#total - this.#done);
      parts.push(`${duration(left)} left`);
    }
    return parts.join(' · ');
  }
}

/** 42 s, 3 min 05 s, 2 h 10 min. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
}
