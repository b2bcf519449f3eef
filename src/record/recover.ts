/** Makes a whole recording of whatever can still be read of another. */
import { rm } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { openBag } from './reader.js';
import { BagWriter } from './writer.js';

export interface Recovery {
  /** The new bag's folder. */
  readonly out: string;
  readonly messages: number;
  /** `logTime` of the last message that could be read, ns; undefined when there is none. */
  readonly end: bigint | undefined;
  /** What was wrong, a sentence each; empty when nothing was. */
  readonly problems: readonly string[];
}

/** What rosbag2 keeps of itself in its MCAP files: counts and times of what the recording was. */
const ROSBAG2_RECORD = 'rosbag2';

/**
 * Copies every message that can be read of `from` into a new bag `out`: MCAP, indexed, with its metadata.yaml,
 * in the order of `logTime`. `from` is only read; a failure leaves no `out`.
 * @throws UserError when there is nothing to recover, or `out` exists or cannot be written
 */
export async function recover(from: string, out: string, signal?: AbortSignal): Promise<Recovery> {
  const bag = await openBag(from);
  try {
    const metadata = new Map([...bag.metadata].filter(([name]) => name !== ROSBAG2_RECORD));
    const definitions = Object.fromEntries(bag.definitions);
    const writer = await BagWriter.create(out, { metadata, definitions });
    let messages = 0;
    let end: bigint | undefined;
    try {
      for await (const message of bag.messages()) {
        signal?.throwIfAborted();
        await writer.write(message);
        messages++;
        end = message.logTime;
      }
      if (messages === 0)
        throw new UserError(`${from} has no message that can be read${bag.damage ? `: ${bag.damage}` : ''}`);
      await writer.close();
    } catch (error) {
      await writer.close().catch(() => {});
      await rm(out, { recursive: true, force: true });
      throw error;
    }
    return { out, messages, end, problems: bag.problems };
  } finally {
    await bag.close();
  }
}
