/** A recording session: carries out what the operator says, one word after the other, and adds up what is kept. */
import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import type { EpisodeResult } from '../../episode/episode.js';
import type { RosNode, TriggerReply } from '../../robots/ros2/rosNode.js';
import { isSilent, type TopicAudit } from './audit.js';
import { type Action, type Label, type OperatorInput, type Phase, transition } from './operator.js';
import type { Received, Source } from './sources.js';
import { type Bag, Take, type TakeOptions } from './take.js';

/** The messages of a latched topic that every episode starts with: the newest, for one publisher or many. */
const LATCHED = 100;

export interface BagReport {
  readonly bytes: number;
  readonly droppedImages: Readonly<Record<string, number>>;
  /** Why the recording ended before the episode did. */
  readonly error?: string;
}

export interface OpenBag extends Bag {
  readonly dir: string;
  finish(result?: EpisodeResult): Promise<BagReport>;
}

export interface KeptEpisode {
  readonly index: number;
  readonly dir: string;
  readonly result: EpisodeResult;
  readonly report: BagReport;
  readonly audit: readonly TopicAudit[];
}

export interface SessionOptions extends Pick<TakeOptions, 'contract' | 'actions' | 'wanted'> {
  /** Paths are given relative to it. */
  readonly out: string;
  readonly graph: Pick<RosNode, 'now'>;
  /** What is subscribed to now. */
  readonly sources: () => readonly Source[];
  /** Number of the next episode. */
  readonly first: number;
  /** Ends the session after this many kept episodes. */
  readonly episodes?: number;
  readonly open: (index: number, sources: readonly Source[]) => Promise<OpenBag>;
  readonly onKept: (episode: KeptEpisode) => void;
}

interface Running {
  readonly take: Take;
  readonly bag: OpenBag;
  /** `performance.now()`, ms. */
  readonly began: number;
}

/** `toggle` is what one key for start and stop says. */
export type Word = OperatorInput | 'toggle';

export class RecordingSession {
  readonly kept: KeptEpisode[] = [];
  /** Resolves when the session is over and all is on disk; rejects when an episode could not be recorded. */
  readonly done: Promise<void>;
  discarded = 0;
  readonly #options: SessionOptions;
  readonly #latched = new Map<string, Received[]>();
  #finish!: () => void;
  #fail!: (error: unknown) => void;
  #phase: Phase = 'idle';
  #queue: Promise<unknown> = Promise.resolve();
  #next: number;
  #running: Running | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#next = options.first;
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
  }

  /** Every message of every source, episode or not. */
  received(message: Received): void {
    if (message.source.latched) this.#keepLatched(message);
    this.#running?.take.received(message);
  }

  /** What the operator says, once everything said before is carried out; the reply is for the operator. */
  say(word: Word): Promise<TriggerReply> {
    const reply = this.#queue.then(() => this.#obey(word));
    this.#queue = reply.catch(this.#fail);
    return reply;
  }

  async #obey(word: Word): Promise<TriggerReply> {
    const input = word === 'toggle' ? (this.#phase === 'idle' ? 'start' : 'stop') : word;
    const step = transition(this.#phase, input);
    if (!step.accepted) return { success: false, message: step.why };
    let message = 'The recording session has ended.';
    for (const action of step.actions) message = await this.#carryOut(action);
    this.#phase = step.phase;
    const { episodes } = this.#options;
    if (episodes !== undefined && this.kept.length >= episodes) this.#phase = 'done';
    if (this.#phase === 'done') this.#finish();
    return { success: true, message };
  }

  async #carryOut(action: Action): Promise<string> {
    switch (action.kind) {
      case 'begin':
        return await this.#begin();
      case 'stop':
        this.#current().take.stop(this.#options.graph.now());
        return 'The episode has stopped: say success, failure or discard.';
      case 'discard':
        return await this.#discard();
      case 'keep':
        return await this.#keep(action.label);
    }
  }

  async #begin(): Promise<string> {
    const { contract, actions, wanted, graph, open } = this.#options;
    const sources = this.#options.sources();
    const index = this.#next;
    const bag = await open(index, sources);
    const start = graph.now();
    const take = new Take({ contract, index, bag, actions, wanted, sources, start });
    for (const message of [...this.#latched.values()].flat()) take.received({ ...message, at: start });
    this.#running = { take, bag, began: performance.now() };
    return `Recording ${this.#name(bag)}.`;
  }

  async #discard(): Promise<string> {
    const { bag } = this.#current();
    this.#running = undefined;
    await bag.finish();
    await rm(bag.dir, { recursive: true, force: true });
    this.discarded++;
    return `${this.#name(bag)} is discarded.`;
  }

  async #keep(label: Label): Promise<string> {
    const { take, bag, began } = this.#current();
    this.#running = undefined;
    const result = take.judge(label, (performance.now() - began) / 1000);
    const report = await bag.finish(result);
    const episode = { index: this.#next++, dir: this.#name(bag), result, report, audit: take.audit() };
    this.kept.push(episode);
    this.#options.onKept(episode);
    const silent = episode.audit.filter(isSilent).map(({ topic }) => topic);
    return [
      `${episode.dir} is kept as ${label}, ${result.duration_s.toFixed(1)} s.`,
      ...(silent.length > 0 ? [`NOTHING came from ${silent.join(', ')}.`] : []),
      ...(report.error === undefined ? [] : [`It is not complete: ${report.error}.`]),
    ].join(' ');
  }

  #keepLatched(message: Received): void {
    const messages = this.#latched.get(message.source.topic) ?? [];
    this.#latched.set(message.source.topic, [...messages, message].slice(-LATCHED));
  }

  #current(): Running {
    if (!this.#running) throw new Error('no episode is being recorded');
    return this.#running;
  }

  #name(bag: OpenBag): string {
    return relative(this.#options.out, bag.dir);
  }
}
