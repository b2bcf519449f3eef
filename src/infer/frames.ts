/**
 * The owner's end of the images that the inference thread makes: each frame's pixels are copied once, and sent once.
 *
 * The thread keeps two images a camera. A policy that keeps up with its cameras sees in one run as `previous` what
 * it saw in the run before as `current`, so only one frame a camera is sent; a slower one needs both.
 */
import { UserError } from '../errors.js';
import type { CameraPair } from '../observe/observation.js';
import type { Frame } from '../robots/robot.js';
import type { BundleCamera } from './bundle.js';
import type { CameraImages, SentFrame } from './protocol.js';

export class FrameSender {
  readonly #cameras: readonly BundleCamera[];
  /** By camera: the frames that the thread has images of. */
  readonly #held: readonly (Frame | undefined)[][];
  /** By camera: which of them was the last `current`. */
  readonly #current: number[];
  /** Buffers at rest, by their length: pages that are touched for the first time cost more than the copy. */
  readonly #pool = new Map<number, ArrayBuffer[]>();

  constructor(cameras: readonly BundleCamera[]) {
    this.#cameras = cameras;
    this.#held = cameras.map(() => [undefined, undefined]);
    this.#current = cameras.map(() => 0);
  }

  /**
   * What the thread must be told of an observation's frames, in the order of its runs.
   * @throws UserError when a frame has not the pixels that its size needs
   */
  send(pairs: readonly CameraPair[]): readonly CameraImages[] {
    for (const { current, previous } of pairs) {
      checkSize(current);
      checkSize(previous);
    }
    return this.#cameras.map(({ inputs }, c) => {
      const { current, previous } = pairs[c] as CameraPair;
      const frames: SentFrame[] = [];
      const before = inputs.previous === undefined ? current : previous;
      const shown = this.#place(c, current, before, frames);
      this.#current[c] = shown;
      return { current: shown, previous: this.#place(c, before, current, frames), frames };
    });
  }

  /**
   * What the thread must be told to have an image of `frame` before a run shows it: in place of what was `previous`,
   * for it takes the turn of what was `current`.
   * @returns undefined where it has one already, or the frame cannot be sent, which `send` will refuse
   */
  foresee(camera: number, frame: Frame): SentFrame | undefined {
    const held = this.#held[camera] as (Frame | undefined)[];
    if (held.includes(frame) || sizeMismatch(frame)) return undefined;
    const image = 1 - (this.#current[camera] as number);
    held[image] = frame;
    return { image, ...this.#copy(frame) };
  }

  /** Takes buffers back that the thread is done with. */
  recycle(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) this.#atRest(buffer.byteLength).push(buffer);
  }

  /** Which of the camera's images is `frame`; where it is neither, it is sent in place of the one that is not `other`. */
  #place(camera: number, frame: Frame, other: Frame, sent: SentFrame[]): number {
    const held = this.#held[camera] as (Frame | undefined)[];
    const known = held.indexOf(frame);
    if (known >= 0) return known;
    const image = held[0] === other ? 1 : 0;
    held[image] = frame;
    sent.push({ image, ...this.#copy(frame) });
    return image;
  }

  #copy(frame: Frame): Omit<SentFrame, 'image'> {
    const { width, height, raw } = frame;
    const bytes = raw ? raw.bytes : frame.data;
    const pixels = this.#atRest(bytes.length).pop() ?? new ArrayBuffer(bytes.length);
    new Uint8Array(pixels).set(bytes);
    return { width, height, pixels, ...(raw && { layout: raw.layout }) };
  }

  #atRest(length: number): ArrayBuffer[] {
    let buffers = this.#pool.get(length);
    if (!buffers) {
      buffers = [];
      this.#pool.set(length, buffers);
    }
    return buffers;
  }
}

function checkSize(frame: Frame): void {
  if (!sizeMismatch(frame)) return;
  const { camera, width, height } = frame;
  throw new UserError(
    `camera ${camera} gave an image of ${frame.data.length} bytes where ${width}×${height} rgb8 has ${width * height * 3}: check its size and encoding`,
  );
}

const sizeMismatch = (frame: Frame): boolean =>
  !frame.raw && frame.data.length !== frame.width * frame.height * 3;
