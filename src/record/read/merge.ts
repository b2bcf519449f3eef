/** Messages of many sources in the order of their `logTime`. */
import type { BagMessage } from '../bag.js';
import { MAX_OPEN_BYTES, MAX_OPEN_PIECES } from './limits.js';
import type { Source } from './source.js';

interface Open {
  readonly iterator: AsyncIterator<BagMessage>;
  readonly bytes: number;
  head: BagMessage;
}

/**
 * A source is opened when its time has come, so that of sources one after the other one is open at a time.
 * Equal times keep the order of the sources.
 *
 * @param onDisorder called for a message that comes too late: a source's `start` was wrong, or so many overlap
 *   that they cannot all be open (see limits.ts)
 */
export async function* merge(
  sources: readonly Source[],
  onDisorder: () => void,
): AsyncGenerator<BagMessage, void, void> {
  const waiting = sources.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const open: Open[] = [];
  let next = 0;
  let bytes = 0;
  let last: bigint | undefined;

  const due = (): Source | undefined => {
    const source = waiting[next];
    if (!source || open.length === 0) return source;
    if (open.length >= MAX_OPEN_PIECES || bytes + source.bytes > MAX_OPEN_BYTES) return undefined;
    return source.start <= earliest(open).head.logTime ? source : undefined;
  };

  try {
    for (;;) {
      for (let source = due(); source; source = due()) {
        next++;
        const iterator = source.messages();
        const { done, value: head } = await iterator.next();
        if (done) continue;
        open.push({ iterator, bytes: source.bytes, head });
        bytes += source.bytes;
      }
      if (open.length === 0) return;
      const current = earliest(open);
      const { head } = current;
      if (last !== undefined && head.logTime < last) onDisorder();
      else last = head.logTime;
      yield head;
      const following = await current.iterator.next();
      if (!following.done) {
        current.head = following.value;
        continue;
      }
      open.splice(open.indexOf(current), 1);
      bytes -= current.bytes;
    }
  } finally {
    for (const { iterator } of open) await iterator.return?.();
  }
}

function earliest(open: readonly Open[]): Open {
  let first = open[0] as Open;
  for (const candidate of open) if (candidate.head.logTime < first.head.logTime) first = candidate;
  return first;
}
