/** What the storages have in common: a file of a recording as streams of messages that `merge` puts in order. */
import type { BagMessage, BagTopic } from '../bag.js';

/** Part of a file whose messages come out in the order of their `logTime`. */
export interface Source {
  /** No message is earlier, ns. */
  readonly start: bigint;
  /** Of memory while it is read. */
  readonly bytes: number;
  messages(): AsyncIterator<BagMessage>;
}

export interface BagFile {
  readonly path: string;
  readonly storage: 'mcap' | 'sqlite3';
  readonly topics: readonly BagTopic[];
  readonly metadata: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Message definitions (`ros2msg`) by type, as far as the file has them. */
  readonly definitions: ReadonlyMap<string, string>;
  /** `logTime` of the first and the last message, ns; undefined when there is none. */
  readonly span: TimeSpan | undefined;
  /** All topics when `topics` is absent. */
  sources(topics?: ReadonlySet<string>): readonly Source[];
  close(): Promise<void>;
}

export interface TimeSpan {
  readonly start: bigint;
  readonly end: bigint;
}

export const joinSpans = (a: TimeSpan | undefined, b: TimeSpan | undefined): TimeSpan | undefined =>
  a && b ? { start: a.start < b.start ? a.start : b.start, end: a.end > b.end ? a.end : b.end } : (a ?? b);
