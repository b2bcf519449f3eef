/** From results folders to a report, and the report as HTML, as one JSON object, as CSV. */
import { existsSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { compareRuns, holm } from '../episode/comparison.js';
import { UserError } from '../errors.js';
import { type Collecting, collect } from './collect.js';
import { GENERATOR, renderPage } from './html/page.js';
import type { Report, RunComparison } from './reported.js';
import { groupParts, mergeParts, type Run, readPart } from './runs.js';

export interface ReportOptions extends Collecting {
  /** Results folders; shards of one run merge. */
  readonly paths: readonly string[];
  /** Folders may be of different runs, which are compared with the first. */
  readonly compare: boolean;
}

/**
 * Reads everything.
 * @throws UserError when a folder is not a run, shards do not fit together or there is nothing to compare
 */
export async function makeReport({ paths, compare, ...collecting }: ReportOptions): Promise<Report> {
  const twice = paths.find((path, i) => paths.findIndex((other) => resolve(other) === resolve(path)) < i);
  if (twice !== undefined) throw new UserError(`Run ${twice} is named twice; name each folder once.`);
  const parts = [];
  for (const path of paths) parts.push(await readPart(path));
  const runs = compare ? groupParts(parts) : [mergeParts(parts)];
  if (compare && runs.length === 1)
    throw new UserError(
      `Option --compare needs two runs; ${paths.length === 1 ? `${paths[0]} is one` : 'all of these are shards of one'}.`,
    );
  return { runs: await collect(runs, collecting), comparisons: comparisons(runs) };
}

function comparisons([first, ...others]: readonly Run[]): RunComparison[] {
  if (!first) return [];
  const all = others.map((run) => ({
    second: run.label,
    comparison: compareRuns(first.summary.results, run.summary.results),
  }));
  const adjusted = holm(all.map(({ comparison }) => comparison.rate?.p ?? 1));
  return all.map(({ second, comparison }, i) => ({
    first: first.label,
    second,
    comparison,
    adjustedP: comparison.rate ? (adjusted[i] ?? null) : null,
  }));
}

/**
 * Writes the HTML file, whole or not at all. A report already there is replaced, anything else is not.
 * @throws UserError when it cannot be written; before anything else is done, when called without a report
 */
export async function writeHtml(file: string, report: Report): Promise<void> {
  await refuseOther(file);
  const temporary = join(dirname(resolve(file)), `.${basename(file)}.tmp`);
  try {
    await writeFile(temporary, renderPage(report));
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(`Report ${file} (--out) cannot be written (${code}); name another file.`, 2, {
      cause: error,
    });
  }
}

/** @throws UserError when `file` is there and is not a report */
export async function refuseOther(file: string): Promise<void> {
  if (!existsSync(file)) return;
  let head = '';
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
      head = buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch {
    // A folder, or not ours to read: not a report.
  }
  if (!head.includes(GENERATOR))
    throw new UserError(
      `${file} (--out) is not a report of Saccade's and will not be replaced; name another file.`,
    );
}

/** Everything that is a number. */
export function reportJson({ runs, comparisons }: Report): object {
  return {
    runs: runs.map(({ run, latency, problems }) => ({
      label: run.label,
      run: run.info,
      warnings: [...run.warnings, ...problems],
      summary: { ...run.summary, latency_ms: latency },
      parts: run.parts.map(({ path, info, wall, results }) => ({
        path,
        shard: info.shard,
        episodes: results.length,
        ...wall,
      })),
    })),
    comparisons: comparisons.map(({ first, second, comparison, adjustedP }) => ({
      first,
      second,
      paired: comparison.paired,
      success_rate: comparison.rate && {
        difference: comparison.rate.difference,
        ci95: comparison.rate.ci95,
        interval: comparison.rate.method,
        p: comparison.rate.p,
        test: comparison.rate.test,
        p_adjusted: adjustedP,
      },
      verdict: comparison.verdict,
      episodes_needed: comparison.episodesNeeded,
      average_return: comparison.return,
      pairs: {
        both: comparison.pairs.both,
        only_first: comparison.pairs.onlyFirst,
        only_second: comparison.pairs.onlySecond,
        neither: comparison.pairs.neither,
      },
      differing_seeds: comparison.differing.map(({ seed }) => seed),
    })),
  };
}
