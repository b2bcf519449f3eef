/** The owner's end of the inference worker: numbered requests, answers by promise, and what happens when it dies. */
import type { Worker } from 'node:worker_threads';
import { UserError } from '../errors.js';
import type { FrameRequest, Reply, Request, RunReply, RunRequest, StartReply } from './protocol.js';

interface Waiting {
  resolve(reply: RunReply): void;
  reject(error: Error): void;
}

export class InferenceThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 0;
  /** Why no request can be answered any more. */
  #gone: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (reply: Reply) => {
      if (!('id' in reply)) return;
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      waiting?.resolve(reply);
    });
    worker.on('error', (error) => this.#lose(`the inference thread died: ${error.message}`, error));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#lose(`the inference thread ended with exit code ${code}`);
        resolve();
      });
    });
  }

  /**
   * Waits until the worker can answer.
   * @throws UserError when it refuses; Error when it dies
   */
  static async start(worker: Worker): Promise<{ thread: InferenceThread; started: ReadyReply }> {
    const thread = new InferenceThread(worker);
    const reply = await new Promise<StartReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the inference thread ended with exit code ${code}`)));
    });
    if (reply.type === 'ready') return { thread, started: reply };
    await thread.#exited;
    throw new UserError(reply.message);
  }

  /** No request can be answered any more. */
  get lost(): boolean {
    return this.#gone !== undefined;
  }

  /** The frames' buffers are moved to the thread. */
  run(run: Omit<RunRequest, 'type' | 'id'>): Promise<RunReply> {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = this.#nextId++;
    const buffers = run.cameras.flatMap(({ frames }) => frames.map(({ pixels }) => pixels.buffer));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ type: 'run', id, ...run }, buffers);
    });
  }

  /** Has an image made before the run that shows it; the frame's buffer is moved to the thread. */
  show(camera: number, frame: FrameRequest['frame']): void {
    if (!this.#gone) this.#send({ type: 'frame', camera, frame }, [frame.pixels.buffer]);
  }

  /** Lets a run under way end, and the thread with it; runs still waited for are rejected at once. Safe twice. */
  async close(): Promise<void> {
    if (!this.#gone) {
      this.#lose('the policy is closed');
      this.#send({ type: 'close' });
    }
    await this.#exited;
  }

  #send(request: Request, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #lose(message: string, cause?: Error): void {
    this.#gone ??= new Error(message, { cause });
    for (const { reject } of this.#waiting.values()) reject(this.#gone);
    this.#waiting.clear();
  }
}

type ReadyReply = Extract<StartReply, { type: 'ready' }>;
