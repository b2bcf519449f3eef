/** A share of a run: shard `index` of `count`, the first is 1. Machines that run all shards run everything once. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Every `count`-th item from the `index`-th on, so that shards are of one size and cover a range evenly. */
export function takeShard<T>(items: readonly T[], { index, count }: Shard): T[] {
  return items.filter((_, i) => i % count === index - 1);
}
