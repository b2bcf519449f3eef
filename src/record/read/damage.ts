/** Collects what was wrong with a recording that could still be read in part, each thing once. */
const KEPT = 100;

export class Damage {
  readonly #sentences = new Set<string>();
  #more = false;

  /** @param sentence what is wrong and where, without the full stop */
  note(sentence: string): void {
    if (this.#sentences.size < KEPT) this.#sentences.add(sentence);
    else this.#more ||= !this.#sentences.has(sentence);
  }

  /** Each thing, the first hundred of them. */
  get all(): readonly string[] {
    return [...this.#sentences];
  }

  /** The first thing, and how many there are; undefined when nothing is wrong. */
  get sentence(): string | undefined {
    const [first] = this.#sentences;
    if (first === undefined) return undefined;
    const others = this.#sentences.size - 1;
    if (others === 0) return first;
    return `${first} (and ${this.#more ? 'more than ' : ''}${others} other ${others === 1 ? 'problem' : 'problems'})`;
  }
}
