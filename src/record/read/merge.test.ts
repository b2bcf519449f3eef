import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { message } from '../../../test/support/bags.js';
import type { BagMessage } from '../bag.js';
import { MAX_OPEN_BYTES } from './limits.js';
import { merge } from './merge.js';
import type { Source } from './source.js';

/** Sources that know how many of them are open. */
class Shelf {
  open = 0;
  most = 0;

  source(times: readonly number[], { start = times[0] ?? 0, bytes = 1, topic = '/a' } = {}): Source {
    const self = this;
    return {
      start: BigInt(start),
      bytes,
      async *messages() {
        self.most = Math.max(self.most, ++self.open);
        try {
          for (const time of times) yield message(topic, BigInt(time), 0);
        } finally {
          self.open--;
        }
      },
    };
  }
}

async function run(sources: readonly Source[]): Promise<{ messages: BagMessage[]; late: number }> {
  let late = 0;
  const messages: BagMessage[] = [];
  for await (const next of merge(sources, () => late++)) messages.push(next);
  return { messages, late };
}
const times = (messages: readonly BagMessage[]) => messages.map(({ logTime }) => Number(logTime));

describe('merge', () => {
  it('is a sort of everything, equal times in the order of the sources', async () => {
    const anySource = fc
      .array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 })
      .map((list) => list.toSorted((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(fc.array(anySource, { maxLength: 8 }), async (lists) => {
        const shelf = new Shelf();
        const sources = lists.map((list, i) => shelf.source(list, { start: list[0] ?? i, topic: `/${i}` }));
        const { messages, late } = await run(sources);
        expect(late).toBe(0);
        expect(shelf.open).toBe(0);
        const starts = lists.map((list, i) => ({ i, start: list[0] ?? i })).sort((a, b) => a.start - b.start);
        const wanted = starts
          .flatMap(({ i }) => (lists[i] as number[]).map((time) => [time, `/${i}`] as const))
          .sort((a, b) => a[0] - b[0]);
        expect(messages.map(({ logTime, topic }) => [Number(logTime), topic])).toEqual(wanted);
      }),
    );
  });

  it('opens one at a time of sources that follow each other', async () => {
    const shelf = new Shelf();
    const { messages } = await run([shelf.source([5, 6]), shelf.source([1, 2]), shelf.source([3, 4])]);
    expect(times(messages)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(shelf.most).toBe(1);
  });

  it('says so when a source began before it said', async () => {
    const shelf = new Shelf();
    const { messages, late } = await run([shelf.source([1, 5, 9]), shelf.source([2, 6], { start: 6 })]);
    expect(times(messages)).toEqual([1, 5, 2, 6, 9]);
    expect(late).toBe(1);
  });

  it('opens no more than fits, gives everything all the same, and says that the order suffered', async () => {
    const shelf = new Shelf();
    const half = { bytes: MAX_OPEN_BYTES / 2 };
    const sources = [0, 1, 2, 3].map((i) => shelf.source([i, 10 + i], half));
    const { messages, late } = await run(sources);
    expect(shelf.most).toBe(2);
    expect(times(messages).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 10, 11, 12, 13]);
    expect(late).toBeGreaterThan(0);
  });

  it('closes what it opened when it is left off', async () => {
    const shelf = new Shelf();
    for await (const _ of merge([shelf.source([1, 3]), shelf.source([1, 4])], () => {})) break;
    expect(shelf.open).toBe(0);
  });
});
