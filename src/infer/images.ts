/** One camera's images at the size and in the memory that the graph takes, made of frames as the robot sent them. */
import { Tensor } from 'onnxruntime-node';
import { free } from '../heap.js';
import { toRgb } from '../messages/pixels.js';
import { Resizer, type Size } from '../observe/resize.js';
import { IMAGES, type SentFrame } from './protocol.js';

export class GraphImages {
  readonly #resizer: Resizer;
  readonly #pixels: readonly Uint8Array[];
  readonly #tensors: readonly Tensor[];
  /** Where images that come as something else become rgb8. */
  #rgb = new Uint8Array();

  constructor({ width, height }: Size) {
    this.#resizer = new Resizer({ width, height });
    this.#pixels = Array.from({ length: IMAGES }, () => new Uint8Array(width * height * 3));
    this.#tensors = this.#pixels.map((pixels) => new Tensor('uint8', pixels, [1, height, width, 3]));
  }

  /** Makes an image of `frame` in place of the one that was there; its pixels are gone afterwards. */
  take({ image, width, height, pixels, layout }: SentFrame): void {
    let data: Uint8Array = pixels;
    if (layout) {
      if (this.#rgb.length !== width * height * 3) this.#rgb = new Uint8Array(width * height * 3);
      toRgb({ width, height }, layout, pixels, this.#rgb);
      data = this.#rgb;
    }
    this.#resizer.resizeInto({ width, height, data }, this.#pixels[image]);
    free(pixels.buffer);
  }

  /** uint8 [1, height, width, 3]; a run under way reads it. */
  tensor(image: number): Tensor {
    return this.#tensors[image];
  }
}
