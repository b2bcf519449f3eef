/** Compares bags with what was published. */
import { expect } from 'vitest';
import type { BagMessage } from '../../src/record/bag.js';
import { openBag } from '../../src/record/reader.js';
import { isMessage, type Published } from './robot.js';

/** Every message of a bag, by topic. */
export async function messagesOf(path: string): Promise<Map<string, BagMessage[]>> {
  const bag = await openBag(path);
  const messages = new Map<string, BagMessage[]>();
  for await (const message of bag.messages())
    messages.set(message.topic, [...(messages.get(message.topic) ?? []), message]);
  expect(bag.damage).toBeUndefined();
  await bag.close();
  return messages;
}

/** That `kept` is an unbroken run of what was published on `topic`, in its order. */
export function expectRunOf(
  kept: readonly BagMessage[],
  topic: string,
  published: readonly Published[],
): void {
  const sent = published.filter((message) => message.topic === topic);
  const first = sent.findIndex((message) => isMessage((kept[0] as BagMessage).data, message));
  expect(first, `${topic}: its first message was published`).toBeGreaterThanOrEqual(0);
  kept.forEach((message, i) => {
    const original = sent[first + i] as Published;
    expect(isMessage(message.data, original), `${topic}: message ${i} is the next that was published`).toBe(
      true,
    );
    expect(message.logTime).toBeGreaterThanOrEqual(original.stamp);
  });
}
