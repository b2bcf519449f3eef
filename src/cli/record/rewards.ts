/** The rewards of an episode as they arrived, and what they come to over its control ticks. */

export class Rewards {
  readonly #periodS: number;
  readonly #changes: { readonly time: number; readonly reward: number }[] = [];

  constructor(rateHz: number) {
    this.#periodS = 1 / rateHz;
  }

  /** @param time since the episode's start, s, never less than the one before */
  received(time: number, reward: number): void {
    if (this.#changes.at(-1)?.reward !== reward) this.#changes.push({ time, reward });
  }

  /** 0 where there were none. */
  get highest(): number {
    return this.#changes.reduce((highest, { reward }) => Math.max(highest, reward), 0);
  }

  /** The sum over the first `steps` ticks of the reward that stood at the end of each; 0 before the first. */
  sum(steps: number): number {
    let sum = 0;
    let next = 0;
    let reward = 0;
    for (let step = 1; step <= steps; step++) {
      // A reward that is sent at the tick itself belongs to the step that ends there.
      const end = step * this.#periodS + 1e-9;
      for (let change = this.#changes[next]; change && change.time <= end; change = this.#changes[++next])
        reward = change.reward;
      sum += reward;
    }
    return sum;
  }
}
