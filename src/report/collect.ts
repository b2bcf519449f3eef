/** Reads the recordings of a report's runs, one bag at a time, and keeps what the page shows of them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { EpisodeResult } from '../episode/episode.js';
import { percentiles } from '../episode/statistics.js';
import { UserError } from '../errors.js';
import type { EpisodeBag } from '../record/episode.js';
import { condense, type Decode, type Detail, type EpisodeView } from './condense.js';
import { failuresFirst, type ReportRun } from './reported.js';
import type { Part, Run } from './runs.js';

/**
 * Bytes of animation in one report, and episodes with pictures and curves: with thumbnails of the rest, a report
 * of 200 episodes stays below 20 MB (docs/report.md). Base64 adds a third.
 */
const FILM_BYTES = 6_000_000;
const DETAILED_EPISODES = 200;
const TOLD_PROBLEMS = 4;

export interface Collecting {
  readonly open: (path: string) => Promise<EpisodeBag>;
  readonly decode: Decode;
  /** After each episode of those there are. */
  readonly onEpisode?: (done: number, of: number) => void;
}

interface Wanted {
  readonly run: Run;
  readonly result: EpisodeResult;
  readonly bag: string;
}

/** Failures of all runs are read before successes: what there is room for goes to them first. */
export async function collect(
  runs: readonly Run[],
  { open, decode, onEpisode }: Collecting,
): Promise<ReportRun[]> {
  const views = new Map(runs.map((run) => [run, new Map<number, EpisodeView>()]));
  const problems = new Map(runs.map((run) => [run, [] as string[]]));
  const wanted = inOrder(runs);
  let filmBytes = 0;
  for (const [i, { run, result, bag }] of wanted.entries()) {
    const detail: Detail = i >= DETAILED_EPISODES ? 'thumbnail' : filmBytes < FILM_BYTES ? 'film' : 'curves';
    try {
      const view = await readEpisode(bag, result, detail, open, decode);
      filmBytes += view.film?.bytes.length ?? 0;
      views.get(run)?.set(result.seed, view);
    } catch (error) {
      // A recording that cannot be read is a gap in the report, not the end of it.
      if (!(error instanceof UserError)) throw error;
      problems.get(run)?.push(error.message);
    }
    onEpisode?.(i + 1, wanted.length);
  }
  return runs.map((run) => {
    const own = views.get(run) as ReadonlyMap<number, EpisodeView>;
    return { run, views: own, problems: told(problems.get(run) ?? []), latency: latency(run, own) };
  });
}

/** A thousand bags tend to be broken in the same way. */
function told(problems: readonly string[]): string[] {
  const left = problems.length - TOLD_PROBLEMS;
  const rest = left > 0 ? [`${left} more ${left === 1 ? 'recording' : 'recordings'} could not be read.`] : [];
  return [...problems.slice(0, TOLD_PROBLEMS), ...rest];
}

async function readEpisode(
  path: string,
  result: EpisodeResult,
  detail: Detail,
  open: Collecting['open'],
  decode: Decode,
): Promise<EpisodeView> {
  const bag = await open(path);
  try {
    return await condense(bag, result, detail, decode);
  } finally {
    await bag.close();
  }
}

function inOrder(runs: readonly Run[]): Wanted[] {
  const all = runs.flatMap((run) =>
    run.parts.flatMap((part) =>
      part.results.flatMap((result) => {
        const bag = bagOf(part, result);
        return bag === undefined ? [] : [{ run, result, bag }];
      }),
    ),
  );
  const order = new Map(failuresFirst(all.map(({ result }) => result)).map((result, i) => [result, i]));
  return all.sort((a, b) => (order.get(a.result) ?? 0) - (order.get(b.result) ?? 0));
}

/** Bags are large, and may have been left behind: undefined when there is none. */
function bagOf(part: Part, { bag }: EpisodeResult): string | undefined {
  const path = bag === undefined ? undefined : join(part.path, bag);
  return path !== undefined && existsSync(path) ? path : undefined;
}

function latency(run: Run, views: ReadonlyMap<number, EpisodeView>): ReportRun['latency'] {
  const { results, latency_ms } = run.summary;
  if (run.parts.length === 1) return latency_ms;
  const inferring = results.filter(({ wall }) => wall.latency_ms !== null);
  const samples = inferring.map(({ seed }) => views.get(seed)?.latencies ?? new Float32Array());
  return samples.every(({ length }) => length > 0) ? percentiles(...samples) : null;
}
