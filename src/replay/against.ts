/**
 * Whether a replay is worse than an earlier one of the same bags.
 *
 * The rule: in every bag, and in all bags together, each joint's mean chunk error and mean action error may
 * have risen by at most the tolerance (rad, or m), and no bag may have been replayed for fewer ticks.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../errors.js';
import type { JointFigures, ReplayFigures, ReplaySummary } from './results.js';

const errors = z.record(z.string(), z.looseObject({ mean: z.number().nullable() }));
const figures = z.looseObject({ ticks: z.number(), chunk_error: errors, action_error: errors });
const earlier = z.looseObject({
  replay: z.looseObject({ chunk: z.number() }),
  ...figures.shape,
  results: z.array(z.looseObject({ bag: z.string(), ...figures.shape })),
});

/** What is compared of an earlier replay's summary. */
export type Earlier = z.infer<typeof earlier>;
type Comparable = Pick<z.infer<typeof figures>, 'ticks' | 'chunk_error' | 'action_error'>;

/** One figure that got worse. */
export interface Regression {
  /** A bag's name; `all bags` for all together. */
  readonly bag: string;
  /** `chunk_error.shoulder_pan`, `ticks`. */
  readonly figure: string;
  readonly before: number | null;
  readonly now: number | null;
}

/**
 * Reads `summary.json` of an earlier replay, or what `--json` printed.
 * @param bags names of those to be replayed now
 * @param partly they are a share of the earlier ones
 * @throws UserError when the file is something else, or of other bags
 */
export async function readEarlier(file: string, bags: readonly string[], partly: boolean): Promise<Earlier> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UserError(`${file} (--against) cannot be read as JSON: ${(cause as Error).message}`, 2, {
      cause,
    });
  }
  const parsed = earlier.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError(
      `${file} (--against) is not the summary of a replay: ${issue?.path.join('.') || 'it'} ${issue?.message.toLowerCase()}`,
    );
  }
  const before = parsed.data.results.map(({ bag }) => bag);
  const only = (these: readonly string[], those: readonly string[]) =>
    these.filter((name) => !those.includes(name)).slice(0, 3);
  const fresh = only(bags, before);
  if (fresh.length > 0)
    throw new UserError(`${file} (--against) has no ${fresh.join(', ')}: replay the same bags as then`);
  const gone = partly ? [] : only(before, bags);
  if (gone.length > 0)
    throw new UserError(
      `${file} (--against) has ${gone.join(', ')}, which would not be replayed: replay the same bags as then`,
    );
  return parsed.data;
}

/** What got worse; empty when nothing did. A figure that has become no number is worse than any number. */
export function regressions(before: Earlier, now: ReplaySummary, tolerance: number): Regression[] {
  const chunksToo = before.replay.chunk === now.replay.chunk;
  const found: Regression[] = [];
  for (const result of now.results) {
    const then = before.results.find(({ bag }) => bag === result.bag);
    if (then) found.push(...worse(result.bag, then, result, chunksToo, tolerance));
  }
  // Of a share of the bags the mean is another one.
  if (now.results.length === before.results.length)
    found.push(...worse('all bags', before, now, chunksToo, tolerance));
  return found;
}

function worse(
  bag: string,
  before: Comparable,
  now: Pick<ReplayFigures, 'ticks' | 'chunk_error' | 'action_error'>,
  chunksToo: boolean,
  tolerance: number,
): Regression[] {
  const found: Regression[] = [];
  if (now.ticks < before.ticks) found.push({ bag, figure: 'ticks', before: before.ticks, now: now.ticks });
  for (const kind of chunksToo ? (['chunk_error', 'action_error'] as const) : (['action_error'] as const)) {
    for (const [joint, { mean }] of Object.entries(before[kind])) {
      const then = mean;
      const today = (now[kind] as JointFigures)[joint]?.mean ?? null;
      if (then !== null && !(today !== null && today - then <= tolerance))
        found.push({ bag, figure: `${kind}.${joint}`, before: then, now: today });
    }
  }
  return found;
}
