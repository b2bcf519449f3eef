/** What a stretch of time came to: which command rested on which images, and where the time between them went. */
import { readFileSync } from 'node:fs';
import { decode } from '../../src/messages/cdr.js';
import { CAMERAS, LEVELS } from './setup.js';

/** Times are ms since 1970, of the clock that all share. */
export interface Command {
  /** When DDS sent it, and when the measuring subscriber had it. */
  readonly sent: number;
  readonly received: number;
  /** By camera, what the policy read in the painted corner. */
  readonly levels: readonly number[];
}

/** What the robot published. */
export interface Images {
  /** By camera, by set. */
  readonly stamps: readonly (readonly number[])[];
  /** What publishing each took, ms. */
  readonly costsMs: readonly number[];
}

/** What happened inside a node; see trace.mjs. Ascending times. */
export interface Trace {
  readonly images: readonly TracedImage[];
  readonly asks: readonly number[];
  readonly runs: readonly TracedRun[];
  readonly replies: readonly number[];
  readonly publishes: readonly number[];
}

interface TracedImage {
  readonly camera: number;
  readonly level: number;
  readonly began: number;
  /** In its callback. */
  readonly ms: number;
}

interface TracedRun {
  readonly levels: readonly number[];
  readonly began: number;
  readonly ended: number;
}

/** The way of a set of images to the first command that rests on it. */
export const STAGES = [
  'stamp → callback of the last image',
  'callback → handed to inference',
  'handed over → session.run',
  'session.run',
  'session.run → back in the loop',
  'back in the loop → publish',
  'publish → sent by DDS',
  'sent → at the subscriber',
] as const;

export interface Reaction {
  /** From the stamp of the set's newest image to the command sent, and received, ms. */
  readonly toSent: number;
  readonly toReceived: number;
  /** From that of its oldest. */
  readonly fromOldest: number;
  readonly runMs: number;
  /** ms, by `STAGES`. */
  readonly stages: readonly number[];
}

export interface Slice {
  readonly reactions: readonly Reaction[];
  /** Between one command and the next, ms. */
  readonly intervals: readonly number[];
  /** Images published, and those that never reached the node's callbacks. */
  readonly images: number;
  readonly lost: number;
  /** Sets published, those that no command rests on, and those that commands rest on in parts. */
  readonly sets: number;
  readonly unused: number;
  readonly mixed: number;
  /** In the callbacks of images, ms. */
  readonly callbackMs: readonly number[];
}

/** Around both ends (ms) images are not counted: what is published then may be on its way. */
const EDGE_MS = 300;
/** What the older predictions of the ensemble may add to a number. */
const READABLE = 0.2;

/** What meter.py wrote: commands, and how the monotonic clock (ns) translates. */
export function readCommands(file: string) {
  const HEADER = 28;
  const data = readFileSync(file);
  const commands: Command[] = [];
  const monotonic: number[] = [];
  for (let at = 0; at + HEADER <= data.length; ) {
    const length = data.readUInt32LE(at + 24);
    const cdr = data.subarray(at + HEADER, at + HEADER + length);
    if (cdr.length < length) break;
    const { position } = decode('sensor_msgs/msg/JointState', cdr);
    const [sent, received] = [ms(data.readBigInt64LE(at)), ms(data.readBigInt64LE(at + 8))];
    commands.push({ sent, received, levels: [...position.subarray(0, CAMERAS.length)] });
    monotonic.push(ms(data.readBigInt64LE(at + 16)));
    at += HEADER + length;
  }
  // Clocks are set right now and then: the pair of readings nearest in time counts.
  const translate = (ns: string): number => {
    const at = ms(BigInt(ns));
    const pair = Math.max(0, upTo(monotonic, at) - 1);
    return at + (commands[pair] as Command).received - (monotonic[pair] as number);
  };
  return { commands, translate };
}

/** What robot.ts wrote. */
export function readImages(file: string): Images {
  const stamps: number[][] = CAMERAS.map(() => []);
  const lines = readLines(file);
  for (const [, camera, stamp = ''] of lines) stamps[Number(camera)]?.push(ms(BigInt(stamp)));
  return { stamps, costsMs: lines.map(([, , , cost]) => Number(cost)) };
}

/** What trace.mjs or rclpy_node.py wrote. @param translate ns of the monotonic clock */
export function readTrace(file: string, translate: (ns: string) => number): Trace {
  const lines = readLines(file);
  const of = (kind: string) => lines.flatMap(([first, ...fields]) => (first === kind ? [fields] : []));
  const times = (kind: string) => of(kind).map(([began = '']) => translate(began));
  return {
    images: of('image').map(([camera, level, began = '', ended = '']) => ({
      camera: Number(camera),
      level: Number(level),
      began: translate(began),
      ms: ms(BigInt(ended) - BigInt(began)),
    })),
    asks: times('ask'),
    runs: of('run').map((fields) => ({
      levels: fields.slice(0, CAMERAS.length).map(Number),
      began: translate(fields.at(-2) ?? ''),
      ended: translate(fields.at(-1) ?? ''),
    })),
    replies: times('reply'),
    publishes: times('publish'),
  };
}

/** What happened from `from` to `to`. @throws Error when what a command or a node says of itself cannot be */
export function analyse(
  images: Images,
  all: readonly Command[],
  trace: Trace,
  from: number,
  to: number,
): Slice {
  const within = (time: number) => time >= from && time < to;
  const reacted = reader(images, trace);
  const commands = all.filter(({ sent }) => within(sent));
  const reactions: Reaction[] = [];
  const used = new Set<number>();
  let mixed = 0;
  let before = all.findLast(({ sent }) => sent < from)?.levels.map(Math.round);
  for (const command of commands) {
    const levels = command.levels.map(Math.round);
    if (command.levels.some((level, camera) => !(Math.abs(level - (levels[camera] as number)) < READABLE)))
      throw new Error(`a command rests on images ${command.levels.join(', ')}, which are none`);
    if (before?.join() === levels.join()) continue;
    before = levels;
    const { sets, reaction } = reacted(command, levels);
    reactions.push(reaction);
    for (const set of sets) used.add(set);
    if (new Set(sets).size > 1) mixed++;
  }
  const arrived = new Set(trace.images.map((image) => `${image.camera} ${setOf(images, image)}`));
  const sets = [...(images.stamps[0] as number[]).keys()].filter((set) =>
    images.stamps.every((stamps) => {
      const stamp = stamps[set] as number;
      return stamp >= from + EDGE_MS && stamp < to - EDGE_MS;
    }),
  );
  return {
    reactions,
    intervals: commands.slice(1).map(({ sent }, i) => sent - (commands[i] as Command).sent),
    images: sets.length * CAMERAS.length,
    lost: sets.flatMap((set) => CAMERAS.filter((_, camera) => !arrived.has(`${camera} ${set}`))).length,
    sets: sets.length,
    unused: sets.filter((set) => !used.has(set)).length,
    mixed,
    callbackMs: trace.images.filter(({ began }) => within(began)).map(({ ms }) => ms),
  };
}

/** Finds the images that a command rests on, by their levels, and the way that they took. */
function reader(images: Images, { images: callbacks, asks, runs, replies, publishes }: Trace) {
  const arrivals = new Map(
    callbacks.map((image) => [`${image.camera} ${setOf(images, image)}`, image.began]),
  );
  const ends = runs.map(({ ended }) => ended);
  return ({ sent, received }: Command, levels: readonly number[]) => {
    const sets = levels.map((level, camera) => setOf(images, { camera, level, began: sent }));
    const stamps = sets.map((set, camera) => images.stamps[camera]?.[set] as number);
    const newest = Math.max(...stamps);
    let r = upTo(ends, sent) - 1;
    while (r >= 0 && runs[r]?.levels.join() !== levels.join()) r--;
    const run = runs[r];
    if (!run || run.began < newest)
      throw new Error(`no session.run was traced for images ${sets.join(', ')}`);
    const last = Math.max(...sets.map((set, camera) => arrivals.get(`${camera} ${set}`) as number));
    // A node that has no such stage has done with it at once.
    const asked = Math.max(last, asks[upTo(asks, run.began) - 1] ?? last);
    const back = replies[upTo(replies, run.ended)] ?? run.ended;
    const published = publishes[upTo(publishes, sent) - 1] as number;
    const way = [newest, last, asked, run.began, run.ended, back, published, sent, received];
    const reaction: Reaction = {
      toSent: sent - newest,
      toReceived: received - newest,
      fromOldest: sent - Math.min(...stamps),
      runMs: run.ended - run.began,
      stages: STAGES.map((_, s) => (way[s + 1] as number) - (way[s] as number)),
    };
    return { sets, reaction };
  };
}

/** The newest set with this level that was there at that time. */
function setOf(
  { stamps }: Images,
  { camera, level, began }: { readonly camera: number; readonly level: number; readonly began: number },
): number {
  const newest = upTo(stamps[camera] as number[], began) - 1;
  return newest - ((((newest - level) % LEVELS) + LEVELS) % LEVELS);
}

/** How many of ascending times are not after `time`. */
function upTo(times: readonly number[], time: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function readLines(file: string): string[][] {
  const text = readFileSync(file, 'utf8').trim();
  return text === '' ? [] : text.split('\n').map((line) => line.split(','));
}

const ms = (ns: bigint) => Number(ns) / 1e6;
