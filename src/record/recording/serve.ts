/** The recording thread's side: encodes what comes and writes it, in the order in which it came. */
import type { MessagePort } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import type { BagMessage } from '../bag.js';
import { type ImageFormat, INFO_RECORD } from '../episode.js';
import { encodeInfo } from '../info.js';
import type { Disk } from '../write/disk.js';
import { BagWriter } from '../writer.js';
import { encodeItem } from './encode.js';
import { bufferOf, type Item, type Reply, type Request } from './protocol.js';

export interface ServeOptions {
  /** Makes the files. */
  readonly create?: (path: string) => Promise<Disk>;
}

/** Serves one recording after another until it is asked to close, then closes the port. */
export function serveRecorder(port: MessagePort, options: ServeOptions = {}): void {
  const server = new RecorderServer(port, options);
  port.on('message', (request: Request) => server.take(request));
}

class RecorderServer {
  readonly #port: MessagePort;
  readonly #options: ServeOptions;
  #turn: Promise<void> = Promise.resolve();
  #images: ImageFormat = 'raw';
  #writer: BagWriter | undefined;
  /** This episode's recording has failed: what still comes is let go. */
  #failed = false;

  constructor(port: MessagePort, options: ServeOptions) {
    this.#port = port;
    this.#options = options;
  }

  take(request: Request): void {
    if (request.type === 'begin') this.#images = request.info.images;
    // JPEGs are begun at once: while one is written, the next are being made.
    const items = request.type === 'record' ? request.items.map((item) => this.#prepare(item)) : [];
    this.#turn = this.#turn.then(async () => {
      for (const { item, message } of items) await this.#record(item, message);
      if (request.type === 'begin') await this.#begin(request);
      else if (request.type === 'finish') await this.#finish();
      else if (request.type === 'close') this.#port.close();
    });
  }

  #prepare(item: Item): { item: Item; message: BagMessage | Promise<BagMessage> | undefined } {
    if (this.#failed) return { item, message: undefined };
    const raw = this.#images === 'raw' || (item.kind !== 'frame' && item.kind !== 'image');
    if (raw) return { item, message: undefined };
    const message = encodeItem(item, this.#images);
    // Awaited when its turn comes; until then a failure is nobody's.
    if (message instanceof Promise) message.catch(() => {});
    return { item, message };
  }

  async #begin({ dir, info, definitions }: Extract<Request, { type: 'begin' }>): Promise<void> {
    this.#failed = false;
    try {
      this.#writer = await BagWriter.create(dir, {
        ...this.#options,
        ...(definitions && { definitions }),
        metadata: new Map([[INFO_RECORD, new Map([['json', encodeInfo(info)]])]]),
      });
      this.#reply({ type: 'begun' });
    } catch (error) {
      const { message } = error as Error;
      this.#reply({ type: 'refused', message, mine: error instanceof UserError });
    }
  }

  async #record(item: Item, prepared: BagMessage | Promise<BagMessage> | undefined): Promise<void> {
    try {
      if (!this.#failed) await this.#writer?.write(await (prepared ?? encodeItem(item, this.#images)));
    } catch (error) {
      this.#fail(error as Error);
    }
    const buffer = bufferOf(item);
    if (buffer) this.#reply({ type: 'released', buffer }, [buffer]);
  }

  async #finish(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    try {
      await writer?.close();
    } catch (error) {
      if (!this.#failed) this.#fail(error as Error);
    }
    this.#reply({ type: 'finished', bytes: writer?.bytes ?? 0, messages: writer?.messages ?? 0 });
  }

  #fail({ message }: Error): void {
    this.#failed = true;
    this.#reply({ type: 'failed', message });
  }

  #reply(reply: Reply, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(reply, transfer);
  }
}
