/**
 * Records episodes, a bag each, on a thread of its own: the loop only copies pixels and posts what happened.
 *
 * Where time stands still between ticks nothing is lost: `settled` makes the loop wait. On any other robot
 * images are dropped when the disk falls behind; joints, actions, commands and chunks never are. A recording
 * that fails, because the disk is full say, ends; the episode goes on.
 */
import { type MessagePort, Worker } from 'node:worker_threads';
import type { Subscription } from 'rxjs';
import type { RosJoint } from '../contract/contract.js';
import type { EpisodeResult } from '../episode/episode.js';
import { recordedTopics, toRos } from '../messages/joints.js';
import { nsToSeconds } from '../messages/time.js';
import type { Frame, Robot } from '../robots/robot.js';
import type { Tap, Tick } from '../tap.js';
import { workerUrl } from '../workers.js';
import { type EpisodeInfo, TOPICS } from './episode.js';
import { Diagnostics } from './recording/diagnostics.js';
import type { Item } from './recording/protocol.js';
import { RecordingThread } from './recording/thread.js';

/** Bytes of images that may be under way before new ones are dropped: 1.6 s of three raw 640×480 cameras at 30 Hz. */
const MAX_BACKLOG_BYTES = 128 << 20;

export interface RecordingOptions {
  /** A new folder: the bag. */
  readonly dir: string;
  readonly info: EpisodeInfo;
  /** What it sends is recorded from now on; without it only what the recording is told. */
  readonly robot?: Pick<Robot, 'contract' | 'clock' | 'frames' | 'joints' | 'outcomes'>;
  /** The policy's joints, in the order of its actions; the contract's when absent. */
  readonly joints?: readonly string[];
  /** Message definitions (`ros2msg`) by type, for types outside ROS 2's common interfaces. */
  readonly definitions?: Readonly<Record<string, string>>;
}

export interface RecordingReport {
  readonly dir: string;
  readonly bytes: number;
  readonly messages: number;
  /** Images left out because the disk could not keep up, by camera (or topic); empty when none was. */
  readonly droppedImages: Readonly<Record<string, number>>;
  /** One sentence when the recording ended before the episode; what was recorded until then is in the bag. */
  readonly error?: string;
}

/** A message as ROS delivers it. */
export interface ReceivedMessage {
  readonly topic: string;
  readonly type: string;
  /** When it was received, ns. */
  readonly logTime: bigint;
  /** Its stamp, ns; `logTime` when absent. */
  readonly publishTime?: bigint;
  /** CDR; copied. */
  readonly data: Uint8Array;
}

/** The recording thread. One episode at a time. */
export class Recorder {
  readonly #thread: RecordingThread;
  readonly #ended: Promise<void>;
  #current: EpisodeRecording | undefined;

  private constructor(thread: RecordingThread, ended: Promise<void>) {
    this.#thread = thread;
    this.#ended = ended;
  }

  static async start(options: { readonly maxBacklogBytes?: number } = {}): Promise<Recorder> {
    const worker = new Worker(workerUrl('./recording/worker.js', import.meta.url));
    const recorder = Recorder.over(worker, options);
    await new Promise<void>((resolve, reject) => {
      worker.once('online', resolve);
      worker.once('error', reject);
    });
    return recorder;
  }

  /** A recorder whose other end is served elsewhere: `serveRecorder` on the other port. */
  static over(port: Worker | MessagePort, options: { readonly maxBacklogBytes?: number } = {}): Recorder {
    const thread = new RecordingThread(port, options.maxBacklogBytes ?? MAX_BACKLOG_BYTES);
    const ended = new Promise<void>((resolve) => {
      port.on('error', (error: Error) => thread.lose(`the recording thread died: ${error.message}`));
      port.on(port instanceof Worker ? 'exit' : 'close', () => {
        thread.lose('the recording thread ended');
        resolve();
      });
    });
    return new Recorder(thread, ended);
  }

  /** @throws UserError when the bag exists or cannot be made */
  async begin(options: RecordingOptions): Promise<EpisodeRecording> {
    if (this.#current && !this.#current.finished) {
      throw new Error(`${this.#current.dir} is still being recorded`);
    }
    const { dir, info, definitions } = options;
    await this.#thread.begin({ dir, info, ...(definitions && { definitions }) });
    this.#current = new EpisodeRecording(this.#thread, options);
    return this.#current;
  }

  /** Ends a recording under way, and the thread. Safe twice. */
  async close(): Promise<void> {
    await this.#current?.finish();
    this.#thread.close();
    await this.#ended;
  }
}

export class EpisodeRecording implements Tap {
  readonly dir: string;
  readonly #thread: RecordingThread;
  readonly #options: RecordingOptions;
  readonly #contractJoints: readonly string[];
  readonly #actionJoints: readonly string[];
  readonly #stateTopics: ReturnType<typeof recordedTopics>;
  readonly #topics: ReadonlyMap<string, string>;
  readonly #subscriptions: readonly Subscription[];
  readonly #diagnostics: Diagnostics;
  readonly #dropped: Record<string, number> = {};
  /** The latest time that was recorded, s. */
  #now = 0;
  #report: Promise<RecordingReport> | undefined;

  /** `Recorder.begin` makes it. */
  constructor(thread: RecordingThread, options: RecordingOptions) {
    const { dir, info, robot, joints } = options;
    this.dir = dir;
    this.#thread = thread;
    this.#options = options;
    this.#contractJoints = robot?.contract.joints.map(({ name }) => name) ?? [];
    this.#actionJoints = joints ?? this.#contractJoints;
    this.#stateTopics = robot ? recordedTopics(robot.contract) : [];
    this.#topics = new Map(robot?.contract.cameras.map(({ name, topic }) => [name, topic]));
    const policy = info.policy ? `${info.policy.name} on ${info.policy.provider}` : '';
    this.#diagnostics = new Diagnostics(robot?.contract.name ?? '', robot?.contract.rateHz ?? 0, policy);
    this.#subscriptions = robot ? this.#listen(robot) : [];
  }

  get finished(): boolean {
    return this.#report !== undefined;
  }

  onTick(tick: Tick): void {
    const { time: at, inference, latencyMs, action, command, between, interventions } = tick;
    const items: Item[] = [];
    if (inference) {
      const chunk = { ...inference.chunk, actions: inference.chunk.actions.slice() };
      items.push({ kind: 'chunk', topic: TOPICS.chunk, at, names: this.#actionJoints, chunk });
    }
    if (latencyMs !== undefined) items.push({ kind: 'number', topic: TOPICS.latency, at, value: latencyMs });
    if (action) items.push(this.#positions(TOPICS.action, at, at, action, this.#actionJoints));
    for (const { time, positions } of [command, ...between])
      items.push(this.#positions(TOPICS.command, time, time, positions));
    if (interventions.length > 0) {
      items.push({ kind: 'text', topic: TOPICS.interventions, at, value: interventions.join(',') });
    }
    const { backlog } = this.#thread;
    const status = this.#diagnostics.onTick(tick, { droppedImages: this.#dropped, backlog });
    if (status) items.push({ kind: 'diagnostics', topic: TOPICS.diagnostics, at, status });
    this.#record(at, items);
  }

  /** What the actor wanted, contract joint order. For robots that no loop drives. */
  action(time: number, positions: Float32Array): void {
    this.#record(time, [this.#positions(TOPICS.action, time, time, positions)]);
  }

  /** What the robot was sent, contract joint order. */
  command(time: number, positions: Float32Array): void {
    this.#record(time, [this.#positions(TOPICS.command, time, time, positions)]);
  }

  /** Recorded as it is, and never dropped. */
  message(message: ReceivedMessage): void {
    this.#receive('message', message);
  }

  /**
   * An image as received, dropped when the disk cannot keep up. Where `info.images` is `jpeg`, a
   * sensor_msgs/Image becomes a CompressedImage on `<topic>/compressed`; a CompressedImage stays as it is.
   */
  image(message: ReceivedMessage): void {
    if (this.#mayDrop(message.topic, message.data.length)) return;
    this.#receive(message.type === 'sensor_msgs/msg/Image' ? 'image' : 'message', message);
  }

  settled(): Promise<void> {
    return this.#thread.room();
  }

  /** Ends the recording; resolves when it is on the disk. Never rejects; safe twice. */
  finish(result?: EpisodeResult): Promise<RecordingReport> {
    this.#report ??= this.#finish(result);
    return this.#report;
  }

  async #finish(result: EpisodeResult | undefined): Promise<RecordingReport> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    if (result) {
      const value = JSON.stringify(result);
      this.#thread.record([{ kind: 'text', topic: TOPICS.result, at: this.#now, value }]);
    }
    const { bytes, messages } = await this.#thread.finish();
    const { failure } = this.#thread;
    return {
      dir: this.dir,
      bytes,
      messages,
      droppedImages: this.#dropped,
      ...(failure !== undefined && { error: `the recording ${this.dir} is cut short: ${failure}` }),
    };
  }

  #listen({ clock, frames, joints, outcomes, contract }: NonNullable<RecordingOptions['robot']>) {
    const received = (time: number) => Math.max(time, clock.now);
    // A robot that fails says so to the loop.
    const error = () => {};
    return [
      frames.subscribe({ next: (frame) => this.#frame(frame, received(frame.time)), error }),
      joints.subscribe({
        next: ({ time, positions }) => {
          const at = received(time);
          this.#record(at, this.#jointStates(at, time, positions));
        },
        error,
      }),
      outcomes.subscribe({
        next: ({ time, reward: value }) => {
          this.#record(time, [{ kind: 'number', topic: contract.reward.topic, at: time, value }]);
        },
        error,
      }),
    ];
  }

  #frame(frame: Frame, at: number): void {
    const { camera, time, width, height, raw } = frame;
    const bytes = raw ? raw.bytes : frame.data;
    const topic = this.#topics.get(camera);
    if (topic === undefined || this.#mayDrop(camera, bytes.length)) return;
    const pixels = this.#thread.copy(bytes);
    const image = { topic, camera, at, time, width, height, pixels, ...(raw && { layout: raw.layout }) };
    this.#record(at, [{ kind: 'frame', ...image }]);
  }

  #receive(kind: 'message' | 'image', { topic, type, logTime, publishTime, data }: ReceivedMessage): void {
    // Not `slice`: that of a Buffer shares its memory.
    const copy = new Uint8Array(data).buffer;
    this.#record(nsToSeconds(logTime), [
      { kind, topic, type, logTime, publishTime: publishTime ?? logTime, data: copy },
    ]);
  }

  /** Counts an image that is to be dropped. */
  #mayDrop(camera: string, bytes: number): boolean {
    if (this.#thread.failure !== undefined) return true;
    if (this.#options.info.lockstep || !this.#thread.full(bytes)) return false;
    this.#dropped[camera] = (this.#dropped[camera] ?? 0) + 1;
    return true;
  }

  /** As the robot itself says it: its names and units, on its topics. */
  #jointStates(at: number, time: number, positions: Float32Array): Item[] {
    return this.#stateTopics.map(({ topic, joints, ros }) => ({
      kind: 'joints',
      topic,
      at,
      time,
      names: ros.map(({ name }) => name),
      positions: Float64Array.from(joints, (j, i) => toRos(ros[i] as RosJoint, positions[j] as number)),
    }));
  }

  #positions(
    topic: string,
    at: number,
    time: number,
    positions: Float32Array,
    names = this.#contractJoints,
  ): Item {
    // Of a view, the thread would be sent all that is behind it.
    return { kind: 'joints', topic, at, time, names, positions: positions.slice() };
  }

  #record(at: number, items: readonly Item[]): void {
    this.#now = Math.max(this.#now, at);
    this.#thread.record(items);
  }
}
