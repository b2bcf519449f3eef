/** Bags that the real rosbag2 recorded (test/fixtures/bags), against what its own reader gives of them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../src/messages/image.js';
import type { EpisodeEvent } from '../src/record/episode.js';
import { openEpisode } from '../src/record/openEpisode.js';
import { openBag } from '../src/record/reader.js';
import { FAKE_CONTRACT } from './support/fakeRobot.js';

const path = (name: string) => new URL(`fixtures/bags/${name}`, import.meta.url).pathname;
const expected: Record<string, [topic: string, ns: string, sha256: string][]> = JSON.parse(
  readFileSync(path('rosbag2.json'), 'utf8'),
);

async function events(name: string): Promise<{ events: EpisodeEvent[]; damage: string | undefined }> {
  const bag = await openEpisode(path(name), { contract: FAKE_CONTRACT });
  try {
    const list: EpisodeEvent[] = [];
    for await (const event of bag.events()) list.push(event);
    expect(bag).toMatchObject({ info: undefined, result: undefined, start: undefined });
    return { events: list, damage: bag.damage };
  } finally {
    await bag.close();
  }
}

describe('a bag by ros2 bag record', () => {
  for (const [name, messages] of Object.entries(expected))
    it(`is read message for message as rosbag2 reads it: ${name}`, async () => {
      const bag = await openBag(path(name));
      const found: unknown[] = [];
      for await (const { topic, logTime, data } of bag.messages())
        found.push([topic, String(logTime), createHash('sha256').update(data).digest('hex')]);
      expect(found).toEqual(messages);
      expect(bag.damage).toBeUndefined();
      expect(bag.topics.map(({ messages }) => messages)).toEqual([6, 6, 6, 6, 6]);
      expect(bag.definitions.get('sensor_msgs/msg/Image')).toContain('uint32 step');
      await bag.close();
    });

  it.each(['mcap_zstd', 'sqlite3_message'])('is an episode of the robot: %s', async (name) => {
    const { events: list, damage } = await events(name);
    expect(damage).toBeUndefined();
    const of = <K extends EpisodeEvent['kind']>(kind: K) => list.filter((event) => event.kind === kind);
    expect(of('reward').map((event) => event.kind === 'reward' && event.reward)).toEqual([0, 0, 0, 1, 1, 1]);
    const positions = (kind: 'joints' | 'command') =>
      list.flatMap((event) => (event.kind === kind && 'positions' in event ? [[...event.positions]] : []));
    const row = (...values: number[]) => [...Float32Array.from(values)];
    expect(positions('joints')).toEqual(
      Array.from({ length: 6 }, (_, k) => row(0.5 + k * 0.01, -0.25, 0.01)),
    );
    expect(positions('command')).toEqual(
      Array.from({ length: 6 }, (_, k) => row(0.51 + k * 0.01, -0.2, 0.02)),
    );
    for (const [k, frame] of list
      .filter((event) => event.kind === 'frame' && event.camera === 'head')
      .entries()) {
      if (frame.kind !== 'frame') continue;
      const image = await decodeImage(frame.image.type, frame.image.data);
      const bgr = Uint8Array.from({ length: 288 }, (_, i) => (i * 7 + k) % 256);
      const rgb = bgr.map((_, i) => bgr[3 * Math.floor(i / 3) + 2 - (i % 3)] as number);
      expect(image).toEqual({ width: 12, height: 8, data: rgb, time: frame.time });
      // Received within the second that it was sent.
      expect(frame.at - frame.time).toBeGreaterThan(0);
      expect(frame.at - frame.time).toBeLessThan(1);
    }
    const wrist = list.find((event) => event.kind === 'frame' && event.camera === 'wrist');
    if (wrist?.kind !== 'frame') throw new Error('no wrist image');
    expect(await decodeImage(wrist.image.type, wrist.image.data)).toMatchObject({ width: 8, height: 6 });
  });

  it('that was killed gives all that reached the disk', async () => {
    const { events: list, damage } = await events('mcap_killed');
    expect(damage).toContain('has no metadata.yaml: the recording was cut short');
    expect(list.length).toBeGreaterThan(20);
    expect(list.map(({ at }) => at)).toEqual(list.map(({ at }) => at).sort((a, b) => a - b));
  });
});
