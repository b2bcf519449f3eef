/** Whether something has been true without a break for so long. */
export class Lasting {
  readonly #seconds: number;
  #since: number | undefined;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  reset(): void {
    this.#since = undefined;
  }

  /** @param time s, never less than before; call it at every tick */
  lasts(condition: boolean, time: number): boolean {
    if (!condition) this.#since = undefined;
    else this.#since ??= time;
    return this.#since !== undefined && time - this.#since >= this.#seconds - 1e-9;
  }
}
