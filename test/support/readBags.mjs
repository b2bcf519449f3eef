/**
 * Reads every recording named on stdin, one path a line, with the built reader, and prints what came of each as
 * one line of JSON. In a process of its own, so that its memory can be watched and its end does no harm.
 */
import { createInterface } from 'node:readline';
import { UserError } from '../../dist/errors.js';
import { openBag } from '../../dist/record/reader.js';

async function read(path) {
  let messages = 0;
  let bytes = 0;
  let bag;
  try {
    bag = await openBag(path);
    for await (const { data } of bag.messages()) {
      messages++;
      bytes += data.length;
    }
    return { messages, bytes, damage: bag.damage ?? null };
  } catch (error) {
    return { messages, bytes, error: error.message, clear: error instanceof UserError };
  } finally {
    await bag?.close();
  }
}

for await (const path of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const result = await read(path);
  const ms = performance.now() - began;
  // The largest it ever was, kilobytes.
  const peakMb = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ path, ...result, ms, peakMb }));
}
