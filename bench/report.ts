/**
 * How large a report becomes, and what it takes to make: `vite-node bench/report.ts RUN [RUN…]`, RUN being folders that
 * `saccade rollout --out` wrote with bags. Longer runs are made of each by repeating its episodes under new seeds.
 */
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { decodeImage } from '../src/messages/image.js';
import { openEpisode } from '../src/record/openEpisode.js';
import { makeReport, writeHtml } from '../src/report/report.js';
import { readPart } from '../src/report/runs.js';
import { table } from '../src/report/table.js';

const EPISODES = [20, 200, 1000];

async function repeated(run: string, episodes: number, dir: string): Promise<void> {
  const { results } = await readPart(run);
  await symlink(resolve(run, 'bags'), join(dir, 'bags'));
  await writeFile(join(dir, 'summary.json'), await readFile(join(run, 'summary.json')));
  const lines = Array.from({ length: episodes }, (_, i) =>
    JSON.stringify({ ...results[i % results.length], seed: i + 1 }),
  );
  await writeFile(join(dir, 'results.jsonl'), `${lines.join('\n')}\n`);
}

const rows: string[][] = [];
for (const run of process.argv.slice(2).filter((word) => word !== '--'))
  for (const episodes of EPISODES) {
    const dir = await mkdtemp(join(tmpdir(), 'saccade-bench-'));
    try {
      await repeated(run, episodes, dir);
      const began = performance.now();
      const report = await makeReport({
        paths: [dir],
        compare: false,
        open: (path) => openEpisode(path),
        decode: ({ type, data }) => decodeImage(type, data),
      });
      const file = join(dir, 'report.html');
      await writeHtml(file, report);
      const seconds = (performance.now() - began) / 1000;
      const { size } = await stat(file);
      // Of the process so far: sizes grow from row to row.
      const peak = process.resourceUsage().maxRSS / 1024;
      rows.push([run, String(episodes), (size / 1e6).toFixed(1), seconds.toFixed(0), peak.toFixed(0)]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
const right = (title: string) => ({ title, align: 'right' as const });
process.stdout.write(
  `${table([{ title: 'run' }, right('episodes'), right('file MB'), right('seconds'), right('peak MiB')], rows)}\n`,
);
