/**
 * The owner's end of the images that the inference thread makes: each frame's pixels are sent once, moved where they
 * may be and copied where not.
 *
 * The thread keeps a few images a camera. A policy that keeps up with its cameras sees in one run as `previous` what
 * it saw in the run before as `current`, so only one frame a camera is sent; a slower one needs both. What was moved
 * cannot be sent again: it is kept until something newer has been shown, for what is shown never becomes older.
 */
import { UserError } from '../errors.js';
import type { CameraPair } from '../observe/observation.js';
import type { Frame } from '../robots/robot.js';
import type { BundleCamera } from './bundle.js';
import { type CameraImages, IMAGES, type SentFrame } from './protocol.js';

/** Frames of a camera that may be sent ahead of the run that shows them; two more are those of a run. */
const MOST_AHEAD = IMAGES - 2;

export class FrameSender {
  readonly #cameras: readonly CameraState[];

  constructor(cameras: readonly BundleCamera[]) {
    this.#cameras = cameras.map(({ inputs }) => new CameraState(inputs.previous !== undefined));
  }

  /**
   * What the thread must be told of an observation's frames, in the order of its runs.
   * @throws UserError when a frame has not the pixels that its size needs
   */
  send(pairs: readonly CameraPair[]): readonly CameraImages[] {
    this.#cameras.forEach((camera, c) => {
      const { current, previous } = pairs[c];
      camera.check(current);
      camera.check(previous);
    });
    return this.#cameras.map((camera, c) => camera.send(pairs[c]));
  }

  /**
   * What the thread must be told to have an image of `frame` before a run shows it.
   * @returns undefined where it has one already, or enough that were not shown yet, or the frame cannot be sent, which
   * `send` will refuse
   */
  foresee(camera: number, frame: Frame): SentFrame | undefined {
    return this.#cameras[camera].foresee(frame);
  }
}

class CameraState {
  /** The frames that the thread has images of. */
  readonly #held: (Frame | undefined)[] = new Array(IMAGES).fill(undefined);
  /** Those of the last run. */
  #shown: readonly Frame[] = [];
  /** Those that were sent ahead, and may yet be shown. */
  #ahead: readonly Frame[] = [];

  constructor(private readonly showsPrevious: boolean) {}

  /** @throws UserError */
  check(frame: Frame): void {
    if (!this.#held.includes(frame)) checkSize(frame);
  }

  send({ current, previous }: CameraPair): CameraImages {
    const before = this.showsPrevious ? previous : current;
    this.#shown = [current, before];
    this.#ahead = this.#ahead.filter(({ time }) => time > current.time);
    const frames = this.#shown.flatMap((frame) => this.#sent(frame) ?? []);
    return { current: this.#held.indexOf(current), previous: this.#held.indexOf(before), frames };
  }

  foresee(frame: Frame): SentFrame | undefined {
    if (this.#ahead.length >= MOST_AHEAD || sizeMismatch(frame)) return undefined;
    const sent = this.#sent(frame);
    if (sent) this.#ahead = [...this.#ahead, frame];
    return sent;
  }

  /** @returns undefined where the thread has an image of it */
  #sent(frame: Frame): SentFrame | undefined {
    if (this.#held.includes(frame)) return undefined;
    const wanted = [...this.#shown, ...this.#ahead];
    const image = this.#held.findIndex((held) => !held || !wanted.includes(held));
    this.#held[image] = frame;
    const { width, height, raw } = frame;
    return { image, width, height, pixels: pixelsOf(frame), ...(raw && { layout: raw.layout }) };
  }
}

/** In a buffer that may be moved. */
function pixelsOf(frame: Frame): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(frame);
  return frame.movable && bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
}

const bytesOf = (frame: Frame): Uint8Array => (frame.raw ? frame.raw.bytes : frame.data);

function checkSize(frame: Frame): void {
  const { camera, time, width, height } = frame;
  if (frame.movable && bytesOf(frame).length === 0)
    throw new Error(`camera ${camera} is to show again what it showed at ${time} s, which was moved`);
  if (!sizeMismatch(frame)) return;
  throw new UserError(
    `camera ${camera} gave an image of ${frame.data.length} bytes where ${width}×${height} rgb8 has ${width * height * 3}: check its size and encoding`,
  );
}

const sizeMismatch = (frame: Frame): boolean =>
  !frame.raw && frame.data.length !== frame.width * frame.height * 3;
