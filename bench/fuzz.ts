/**
 * Damaged recordings by the thousand: what the reader makes of them, how long it takes at most, and how much
 * memory. `npm run bench:fuzz -- --count 20000 --seed 1`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/random.js';
import { table } from '../src/report/table.js';
import { mutate, type Outcome, plant, readInChild, seedlings } from '../test/support/fuzz.js';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '4000' }, seed: { type: 'string', default: '1' } },
});
const root = mkdtempSync(join(tmpdir(), 'saccade-fuzz-'));
try {
  const kinds = await seedlings(join(root, 'whole'));
  const whole = kinds[0] as (typeof kinds)[0];
  const count = Math.ceil(Number(values.count) / kinds.length);
  const rows: string[][] = [];
  let unclear = 0;
  let peakMb = 0;
  for (const kind of kinds) {
    const random = new Random(Number(values.seed), kind.name);
    const folder = join(root, kind.name);
    // Made as they are asked for: a child that dies leaves the one it died of.
    const paths = (function* () {
      for (let i = 0; i < count; i++) yield plant(folder, kind, mutate(kind.bytes, random), whole.bytes);
    })();
    const outcomes: Outcome[] = [];
    for await (const outcome of readInChild(paths)) {
      outcomes.push(outcome);
      if (outcome.error !== undefined && !outcome.clear) {
        unclear++;
        process.stderr.write(`${kind.name}: ${outcome.error}\n`);
      }
    }
    const share = (test: (outcome: Outcome) => boolean) => String(outcomes.filter(test).length);
    const peak = Math.max(...outcomes.map((outcome) => outcome.peakMb));
    peakMb = Math.max(peakMb, peak);
    rows.push([
      kind.name,
      String(outcomes.length),
      share(({ error, damage }) => error === undefined && damage === null),
      share(({ error, damage }) => error === undefined && damage !== null),
      share(({ error, clear }) => error !== undefined && clear === true),
      Math.max(...outcomes.map(({ ms }) => ms)).toFixed(0),
      peak.toFixed(0),
    ]);
  }
  const titles = ['recording', 'damaged', 'read whole', 'read in part', 'refused', 'ms at most', 'peak MB'];
  const columns = titles.map((title, i) => ({
    title,
    align: i === 0 ? ('left' as const) : ('right' as const),
  }));
  process.stdout.write(`${table(columns, rows)}\n\nerrors that are not clear: ${unclear}\n`);
  if (unclear > 0 || peakMb > 512) process.exitCode = 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}
