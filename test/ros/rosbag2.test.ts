/** Bags between Saccade and a real ROS 2: `ros2 bag` reads ours, Saccade reads its. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/load.js';
import type { BagMessage } from '../../src/record/bag.js';
import { openEpisode } from '../../src/record/openEpisode.js';
import { openBag } from '../../src/record/reader.js';
import { ROOT, saccade, temporaryFolder } from '../support/cli.js';
import { expectRunOf, messagesOf } from './bags.js';
import { AbsentRobot } from './robot.js';
import { finished, printed, ros, run, start } from './ros.js';

const tmp = temporaryFolder();

/** A `ros2 bag record` that is subscribed to `topics`; call the result to end it. */
async function ros2Record(out: string, topics: readonly string[], options: readonly string[]) {
  const child = start('ros2', ['bag', 'record', '-a', '-o', out, '--disable-keyboard-controls', ...options]);
  const ended = finished(child);
  await Promise.all(topics.map((topic) => printed(child, `Subscribed to topic '${topic}'`)));
  return async () => {
    child.kill('SIGINT');
    await ended;
  };
}

if ('missing' in ros) console.warn(`bags are not tested on ROS 2: ${ros.missing}`);

describe.skipIf('missing' in ros)('ros2 bag', () => {
  const ZSTD = ['--compression-format', 'zstd', '--compression-queue-size', '1000'];
  const STREAMS = ['/wrist/image_raw', '/head/image_raw/compressed', '/joint_states', '/leader/joint_states'];

  it('records bags, of either storage and any compression, that Saccade reads message for message', async () => {
    const robot = await AbsentRobot.start(mkdtempSync(join(tmp, 'robot-')));
    try {
      const recordings = await Promise.all(
        [
          ['mcap'],
          ['mcap', '--storage-preset-profile', 'zstd_fast'],
          ['mcap', '--compression-mode', 'message', ...ZSTD],
          ['mcap', '--compression-mode', 'file', ...ZSTD],
          ['sqlite3'],
          ['sqlite3', '--compression-mode', 'message', ...ZSTD],
          ['sqlite3', '--compression-mode', 'file', ...ZSTD],
        ].map(async ([storage = '', ...options], i) => {
          const dir = join(tmp, `recorded-${i}`);
          const stop = await ros2Record(dir, STREAMS, ['-s', storage, ...options]);
          return { dir, storage, stop };
        }),
      );
      await robot.ticks(40);
      await Promise.all(recordings.map(({ stop }) => stop()));
      const published = await robot.published();
      const contract = await loadContract(robot.contract);
      for (const { dir, storage } of recordings) {
        const bag = await openBag(dir);
        expect(bag.storage).toBe(storage);
        await bag.close();
        const messages = await messagesOf(dir);
        for (const topic of STREAMS) {
          const kept = messages.get(topic) ?? [];
          expect(kept.length, `${topic} in ${dir}`).toBeGreaterThanOrEqual(39);
          expectRunOf(kept, topic, published);
        }
        expectRunOf(messages.get('/tf_static') ?? [], '/tf_static', published);

        const episode = await openEpisode(dir, { contract });
        const kinds = new Map<string, number>();
        for await (const { kind } of episode.events()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        await episode.close();
        expect(kinds.get('frame')).toBeGreaterThanOrEqual(2 * 39);
        expect(kinds.get('command')).toBeGreaterThanOrEqual(39);
      }
      const dataset = join(tmp, 'dataset');
      const bags = recordings.map(({ dir }) => dir);
      const { code, stdout, stderr } = await saccade(
        ['dataset', 'export', ...bags, '--out', dataset, '--robot', robot.contract].concat([
          '--task',
          'put it there',
          '--all',
          '--json',
        ]),
      );
      expect(stderr).not.toMatch(/error/);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ episodes: recordings.length });
    } finally {
      await robot.stop();
    }
  });

  it('shows and plays a bag of the simulator, message for message', async () => {
    const out = join(tmp, 'demos');
    expect((await saccade(['demos', '--episodes', '1', '--seed', '300000', '--out', out])).code).toBe(0);
    const [name = ''] = readdirSync(join(out, 'bags'));
    await shownAndPlayed(join(out, 'bags', name));
  });

  it('shows and plays a recording of a robot, message for message', async () => {
    const robot = await AbsentRobot.start(mkdtempSync(join(tmp, 'robot-')));
    const out = join(tmp, 'recorded');
    const main = join(ROOT, 'dist/cli/main.js');
    const recorder = finished(
      start(process.execPath, [main, 'record', '--robot', robot.contract, '--out', out, '--episodes', '1']),
    );
    await robot.call('start');
    await robot.ticks(20);
    await robot.call('success');
    expect((await recorder).code).toBe(0);
    await robot.stop();
    await shownAndPlayed(join(out, 'bags/episode_000000'));
  });

  async function shownAndPlayed(path: string): Promise<void> {
    const original = await messagesOf(path);
    const info = await run('ros2', ['bag', 'info', path]);
    expect(info.code).toBe(0);
    for (const [topic, messages] of original) {
      const [{ type }] = messages as [BagMessage];
      expect(info.stdout).toContain(`Topic: ${topic} | Type: ${type} | Count: ${messages.length} |`);
    }

    const player = start(
      'ros2',
      ['bag', 'play', path, '--start-paused', '--disable-keyboard-controls'].concat([
        '--wait-for-all-acked',
        '10000',
      ]),
    );
    const played = finished(player);
    const copy = mkdtempSync(join(tmp, 'copy-'));
    const stop = await ros2Record(join(copy, 'bag'), [...original.keys()], ['-s', 'mcap']);
    const resume = ['service', 'call', '/rosbag2_player/resume', 'rosbag2_interfaces/srv/Resume'];
    expect((await run('ros2', resume)).code).toBe(0);
    expect((await played).code).toBe(0);
    await sleep(1000); // What the recorder's middleware has acknowledged, its program has yet to take.
    await stop();

    const copied = await messagesOf(join(copy, 'bag'));
    for (const [topic, messages] of original) {
      const again = copied.get(topic) ?? [];
      expect(again.length, topic).toBe(messages.length);
      messages.forEach(({ data }, i) => {
        const { data: other } = again[i] as BagMessage;
        expect(Buffer.compare(other.subarray(0, data.length), data), `${topic}: message ${i}`).toBe(0);
        expect(other.subarray(data.length).every((byte) => byte === 0)).toBe(true);
      });
    }
  }
});
