/** Pictures as PNG: exact, made on libuv's threads. */
import sharp from 'sharp';
import type { Size } from '../observe/resize.js';

/** @param image rgb8, row-major [height, width, 3] */
export function encodePng(image: Uint8Array, { width, height }: Size): Promise<Uint8Array> {
  return sharp(image, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Work that may be under way at once: enough for every thread, little enough to keep in memory. */
const AT_ONCE = 16;

/** Takes promises, hands on what they come to in the order they were given in, a bounded number behind. */
export class InOrder<T> {
  readonly #pending: Promise<T>[] = [];

  constructor(readonly take: (value: T) => Promise<void>) {}

  async push(promise: Promise<T>): Promise<void> {
    // A failure is told when its turn comes, if another has not ended everything by then.
    promise.catch(() => {});
    this.#pending.push(promise);
    if (this.#pending.length >= AT_ONCE) await this.#shift();
  }

  async end(): Promise<void> {
    while (this.#pending.length > 0) await this.#shift();
  }

  async #shift(): Promise<void> {
    await this.take(await (this.#pending.shift() as Promise<T>));
  }
}
