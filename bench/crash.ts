/**
 * `kill -9` at random moments of a recording, raw and JPEG in turn: is every bag readable, and what is lost?
 *
 *     npm run bench:crash [-- --kills N] [--seed S]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { percentiles } from '../src/episode/statistics.js';
import { Random } from '../src/random.js';
import { IMAGE_FORMATS, type ImageFormat } from '../src/record/episode.js';
import { type KillReport, recordAndKill } from '../test/support/kill.js';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
});
const kills = Number(values.kills);
const random = new Random(Number(values.seed), 'crash');
const dir = mkdtempSync(join(tmpdir(), 'saccade-crash-'));
const reports: Record<ImageFormat, KillReport[]> = { raw: [], jpeg: [] };
const unreadable: string[] = [];

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, seed ${values.seed}`);
console.log('three 320×240 cameras at 30 Hz, joints at 100 Hz; killed 0 to 4 s after the first message\n');
try {
  for (let n = 0; n < kills; n++) {
    const images = IMAGE_FORMATS[n % 2] as ImageFormat;
    const bag = join(dir, `kill_${n}`);
    const afterMs = random.uniform(0, 4000);
    try {
      reports[images].push(await recordAndKill({ dir: bag, images, afterMs, width: 320, height: 240 }));
    } catch (error) {
      unreadable.push(`kill ${n}, ${images}, after ${afterMs.toFixed(0)} ms: ${(error as Error).message}`);
    }
    rmSync(bag, { recursive: true, force: true });
    if (process.stderr.isTTY) process.stderr.write(`\r${n + 1}/${kills}`);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

console.log(
  '\n| images | kills | messages sent | in the bags | lost p50 / p99 / most | more than 1 s lost |',
);
console.log('|:--|--:|--:|--:|--:|--:|');
for (const images of ['raw', 'jpeg'] as const) {
  const all = reports[images];
  const lost = Float32Array.from(all, ({ lostS }) => lostS);
  const sum = (key: 'sent' | 'kept') => all.reduce((total, report) => total + report[key], 0);
  const share = percentiles(lost);
  const late = all.filter(({ lostS }) => lostS > 1).length;
  console.log(
    `| ${images} | ${all.length} | ${sum('sent')} | ${sum('kept')} | ${share?.p50.toFixed(2)} / ${share?.p99.toFixed(2)} / ${Math.max(...lost).toFixed(2)} s | ${late} |`,
  );
}
console.log(`\n${unreadable.length} of ${kills} bags could not be read`);
for (const line of unreadable) console.log(`  ${line}`);
const late = Object.values(reports)
  .flat()
  .some(({ lostS }) => lostS > 1);
if (late || unreadable.length > 0) process.exitCode = 1;
