/**
 * When a recorded episode began and ended, and what was wanted and sent on each of its ticks. Read once,
 * before the bag is played: positions are small, and nothing else of the bag is kept.
 *
 * Tick n is at `start + n / rate`, as in the loop.
 */
import { UserError } from '../../errors.js';
import type { EpisodeBag, EpisodeEvent } from '../../record/episode.js';

export interface Timeline {
  /** Time of tick 0, s. */
  readonly start: number;
  /** Number of ticks, at least 1. */
  readonly ticks: number;
  /** `start + ticks / rate`: when the last tick had been executed, s. */
  readonly end: number;
  /**
   * What the actor wanted on tick n, contract joint order: what it says itself (`/saccade/action`) where it
   * does, else the command.
   */
  actionAt(n: number): Float32Array | undefined;
  /** What the robot was sent on tick n, first where it was sent several commands; contract joint order. */
  commandAt(n: number): Float32Array | undefined;
}

type Positions = Extract<EpisodeEvent, { positions: Float32Array }>;

/** In Saccade's own bags a stamp further ahead (s) of those before it is damage, not time that passed. */
const LONGEST_GAP_S = 60;
/** A message stamped this close (s) to a multiple of the control period is at it: nanoseconds cannot hold 1/30 s. */
const SNAP_S = 1e-6;

/** `time` on the control grid, when it is there but for rounding. */
export function snap(time: number, rateHz: number): number {
  const onGrid = Math.round(time * rateHz) / rateHz;
  return Math.abs(time - onGrid) <= SNAP_S ? onGrid : time;
}

/**
 * Reads the bag through once, images left as they are.
 * @throws UserError when the bag holds no episode
 */
export async function readTimeline(bag: EpisodeBag): Promise<Timeline> {
  // A human's commands are on no grid of ticks, whoever recorded them.
  if (!bag.info || bag.info.source === 'record') return foreign(bag);
  if (bag.start === undefined)
    throw new UserError(`bag ${bag.path} has no command: the attempt ended before its first tick`);
  return ours(bag, bag.start);
}

/** Saccade stamps an action with the time of its tick, and a command with its own, of which a tick may have several. */
async function ours(bag: EpisodeBag, recordedStart: number): Promise<Timeline> {
  const { rateHz, commandRateHz } = bag.contract;
  const perTick = Math.round(commandRateHz / rateHz);
  const start = bag.info?.lockstep ? snap(recordedStart, rateHz) : recordedStart;
  const rows: Record<'action' | 'command', (Float32Array | undefined)[]> = { action: [], command: [] };
  let ticks = 0;
  for await (const event of bag.events(new Set(['action', 'command']))) {
    if (event.kind !== 'action' && event.kind !== 'command') continue;
    const n = Math.floor(Math.round((event.time - start) * commandRateHz) / perTick);
    if (!(n >= 0 && n <= ticks + LONGEST_GAP_S * rateHz)) continue;
    rows[event.kind][n] ??= event.positions;
    ticks = Math.max(ticks, n + 1);
  }
  const commandAt = (n: number) => rows.command[n];
  return {
    start,
    ticks,
    end: start + ticks / rateHz,
    actionAt: (n) => rows.action[n] ?? commandAt(n),
    commandAt,
  };
}

/**
 * A bag of another recorder starts when every sensor has sent something and ends when the first of them has
 * sent its last. Its commands come when they come: a robot follows the newest, so that is a tick's.
 */
async function foreign(bag: EpisodeBag): Promise<Timeline> {
  const { rateHz, cameras } = bag.contract;
  const sensors = ['joints', ...cameras.map(({ name }) => `camera ${name}`)];
  const [first, last] = [new Map<string, number>(), new Map<string, number>()];
  const commands: Positions[] = [];
  for await (const event of bag.events(new Set(['frame', 'joints', 'command']))) {
    if (event.kind === 'command') commands.push(event);
    if (event.kind !== 'frame' && event.kind !== 'joints') continue;
    const sensor = event.kind === 'frame' ? `camera ${event.camera}` : 'joints';
    if (!first.has(sensor)) first.set(sensor, event.at);
    last.set(sensor, event.at);
  }
  const missing = sensors.filter((sensor) => !first.has(sensor));
  if (missing.length > 0)
    throw new UserError(`bag ${bag.path} has no message of ${missing.join(', ')}: there is no episode in it`);
  const start = Math.max(...first.values());
  const seconds = Math.min(...last.values()) - start;
  if (seconds < 0)
    throw new UserError(`bag ${bag.path} has no instant at which all of ${sensors.join(', ')} were recorded`);
  // A sample at the very end is still seen by a tick at its time.
  const ticks = Math.floor((seconds + SNAP_S) * rateHz) + 1;

  const ats = commands.map(({ at }) => at);
  const commandAt = (n: number) => commands[countUpTo(ats, start + n / rateHz + SNAP_S) - 1]?.positions;
  return { start, ticks, end: start + ticks / rateHz, actionAt: commandAt, commandAt };
}

/** How many of ascending `values` are at most `limit`. */
function countUpTo(values: readonly number[], limit: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
