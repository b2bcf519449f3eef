/** Kills a recording process at a moment of one's choice and says what its bag is worth. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { decode } from '../../src/messages/cdr.js';
import { fromStamp } from '../../src/messages/time.js';
import type { ImageFormat } from '../../src/record/episode.js';
import { openBag } from '../../src/record/reader.js';

const root = join(import.meta.dirname, '../..');

export interface KillOptions {
  /** The bag. */
  readonly dir: string;
  readonly images: ImageFormat;
  readonly width: number;
  readonly height: number;
  /** After the first message was recorded, ms. */
  readonly afterMs: number;
}

export interface KillReport {
  /** How long was recorded, s. */
  readonly recordedS: number;
  /** Joint states and frames that had been handed to the recording, and how many of them the bag holds. */
  readonly sent: number;
  readonly kept: number;
  /** From the oldest message that is missing to the kill, s; 0 when none is. */
  readonly lostS: number;
  /** What the reader says of the bag. */
  readonly damage: string | undefined;
}

export async function recordAndKill({
  dir,
  images,
  width,
  height,
  afterMs,
}: KillOptions): Promise<KillReport> {
  const script = join(root, 'test/support/recordUntilKilled.ts');
  const viteNode = join(root, 'node_modules/vite-node/vite-node.mjs');
  const child = spawn(process.execPath, [viteNode, script, dir, images, String(width), String(height)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(text));
  const closed = once(child, 'close');
  await Promise.race([
    once(child.stdout, 'data'),
    closed.then(() => Promise.reject(new Error('the recording process ended by itself'))),
  ]);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await closed;

  const sent = lines.join('').split('\n').slice(0, -1);
  const { kept, damage } = await contents(dir);
  const time = (message: string) => Number(message.split(' ')[1]);
  const times = sent.map(time);
  const last = Math.max(...times);
  const lost = sent.filter((message) => !kept.has(message));
  return {
    recordedS: last - Math.min(...times),
    sent: sent.length,
    kept: sent.length - lost.length,
    lostS: lost.length > 0 ? last - Math.min(...lost.map(time)) : 0,
    damage,
  };
}

/** What the bag holds, as the process printed it. */
async function contents(dir: string): Promise<{ kept: ReadonlySet<string>; damage: string | undefined }> {
  const bag = await openBag(dir);
  const kept = new Set<string>();
  for await (const { type, data } of bag.messages()) {
    if (type === 'sensor_msgs/msg/JointState')
      kept.add(`joints ${fromStamp(decode(type, data).header.stamp)}`);
    if (type === 'sensor_msgs/msg/Image' || type === 'sensor_msgs/msg/CompressedImage') {
      const { header } = decode(type, data);
      kept.add(`${header.frame_id} ${fromStamp(header.stamp)}`);
    }
  }
  const { damage } = bag;
  await bag.close();
  return { kept, damage };
}
