/** The loop's end of the recording thread: hands items over, bounds what is under way, recycles buffers. */
import type { MessagePort, Worker } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { bufferOf, type Item, type Reply, type Request } from './protocol.js';

export interface Finished {
  readonly bytes: number;
  readonly messages: number;
}

export class RecordingThread {
  readonly #port: Worker | MessagePort;
  readonly #limit: number;
  /** Frames' buffers that came back, by their length. */
  readonly #pool = new Map<number, ArrayBuffer[]>();
  #backlog = 0;
  #room: (() => void)[] = [];
  #began: ((refusal: Error | undefined) => void) | undefined;
  #finished: ((finished: Finished) => void) | undefined;
  #failure: string | undefined;
  /** Why nothing can be recorded any more. */
  #gone: string | undefined;

  /** @param limit bytes of images that may be under way before new ones are dropped */
  constructor(port: Worker | MessagePort, limit: number) {
    this.#port = port;
    this.#limit = limit;
    port.on('message', (reply: Reply) => this.#take(reply));
  }

  get backlog(): number {
    return this.#backlog;
  }
  /** Why this episode's recording ended before its time. */
  get failure(): string | undefined {
    return this.#gone ?? this.#failure;
  }

  /** @throws UserError when the bag cannot be made */
  async begin(request: Omit<Extract<Request, { type: 'begin' }>, 'type'>): Promise<void> {
    if (this.#gone !== undefined) throw new Error(this.#gone);
    this.#failure = undefined;
    const refusal = await new Promise<Error | undefined>((resolve) => {
      this.#began = resolve;
      this.#send({ type: 'begin', ...request });
    });
    if (refusal) throw refusal;
  }

  record(items: readonly Item[]): void {
    if (this.failure !== undefined) return;
    const buffers = items.map(bufferOf).filter((buffer) => buffer !== undefined);
    for (const { byteLength } of buffers) this.#backlog += byteLength;
    this.#send({ type: 'record', items }, buffers);
  }

  /** True when an image of so many bytes would exceed the limit. */
  full(bytes: number): boolean {
    return this.#backlog + bytes > this.#limit;
  }

  /** A copy of a frame's pixels in a buffer that was used before, where there is one. */
  copy(data: Uint8Array): ArrayBuffer {
    if (!this.#pool.has(data.length)) this.#pool.set(data.length, []);
    const buffer = this.#pool.get(data.length)?.pop() ?? new ArrayBuffer(data.length);
    new Uint8Array(buffer).set(data);
    return buffer;
  }

  /** Resolves when there is ample room. */
  async room(): Promise<void> {
    while (this.#backlog > this.#limit / 2 && this.#gone === undefined) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
  }

  /** Resolves when everything handed over is on the disk, or given up. */
  finish(): Promise<Finished> {
    if (this.#gone !== undefined) return Promise.resolve({ bytes: 0, messages: 0 });
    return new Promise((resolve) => {
      this.#finished = resolve;
      this.#send({ type: 'finish' });
    });
  }

  close(): void {
    if (this.#gone === undefined) this.#send({ type: 'close' });
    this.lose('the recorder is closed');
  }

  /** The thread is gone: whatever waits for it goes on without. */
  lose(reason: string): void {
    this.#gone ??= reason;
    this.#began?.(new Error(this.#gone));
    this.#finished?.({ bytes: 0, messages: 0 });
    this.#wake();
  }

  #take(reply: Reply): void {
    switch (reply.type) {
      case 'begun':
        this.#began?.(undefined);
        break;
      case 'refused':
        this.#began?.(reply.mine ? new UserError(reply.message) : new Error(reply.message));
        break;
      case 'released':
        this.#recycle(reply.buffer);
        break;
      case 'failed':
        this.#failure = reply.message;
        break;
      case 'finished':
        this.#finished?.(reply);
        break;
    }
  }

  #recycle(buffer: ArrayBuffer): void {
    this.#backlog -= buffer.byteLength;
    this.#pool.get(buffer.byteLength)?.push(buffer);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#room;
    this.#room = [];
    for (const wake of waiting) wake();
  }

  #send(request: Request, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(request, transfer);
  }
}
