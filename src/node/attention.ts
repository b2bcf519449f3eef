/** Where in a camera's image the policy looks, as colour over the image. */
import type { View } from '../infer/protocol.js';

/**
 * The attention paid to each cell of the image, 0 … 1 of the most: the mean over everything that looks at it.
 * @param views [1, query cells, key cells]; the same key cells in all
 */
export function attentionMap(views: readonly View[]): Float32Array {
  const keys = views[0]?.shape[2] ?? 0;
  const sum = new Float32Array(keys);
  for (const { data } of views)
    for (let i = 0; i < data.length; i++) sum[i % keys] += (data[i] as number) / (data.length / keys);
  const most = sum.reduce((max, value) => Math.max(max, value), 0);
  return most > 0 ? sum.map((value) => value / most) : sum;
}

/**
 * rgb8 of the image's size: half the image, half black → red → yellow → white with growing attention. Between
 * the middles of the cells it is interpolated.
 * @param grid rows, columns
 */
export function attentionToRgb(
  map: Float32Array,
  [rows, columns]: readonly [number, number],
  image: { readonly width: number; readonly height: number; readonly data: ArrayLike<number> },
): Uint8Array {
  const { width, height, data } = image;
  const rgb = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = between(y, height, rows);
    for (let x = 0; x < width; x++) {
      const [left, right, across] = between(x, width, columns);
      const at = (row: number, column: number) => map[row * columns + column] as number;
      const upper = at(top, left) * (1 - across) + at(top, right) * across;
      const lower = at(bottom, left) * (1 - across) + at(bottom, right) * across;
      const heat = 3 * (upper * (1 - down) + lower * down);
      const i = 3 * (y * width + x);
      for (let c = 0; c < 3; c++)
        rgb[i + c] = ((data[i + c] as number) + 255 * Math.min(1, Math.max(0, heat - c))) / 2;
    }
  }
  return rgb;
}

/** The cells before and after a pixel's middle, and how far it is from the one to the other. */
function between(pixel: number, pixels: number, cells: number): [number, number, number] {
  const position = Math.min(cells - 1, Math.max(0, ((pixel + 0.5) / pixels) * cells - 0.5));
  const before = Math.floor(position);
  return [before, Math.min(before + 1, cells - 1), position - before];
}
