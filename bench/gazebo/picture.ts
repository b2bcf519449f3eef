/** Images of both simulators side by side. */
import sharp, { type OverlayOptions } from 'sharp';

export interface Example {
  readonly camera: string;
  readonly width: number;
  readonly height: number;
  /** rgb8: the embedded renderer's, Gazebo's. */
  readonly here: Uint8Array;
  readonly there: Uint8Array;
}

/** A pixel of an image becomes so many. */
const SCALE = 3;
const GAP = 6;

/** A PNG: a row a camera; MuJoCo, Gazebo, and how far they are apart. */
export async function sideBySide(examples: readonly Example[]): Promise<Uint8Array> {
  const layers: OverlayOptions[] = [];
  let [width, top] = [0, 0];
  for (const { width: w, height: h, here, there } of examples) {
    const apart = here.map((value, i) => Math.abs(value - there[i]));
    let left = 0;
    for (const data of [here, there, apart]) {
      const input = await sharp(data, { raw: { width: w, height: h, channels: 3 } })
        .resize(w * SCALE, h * SCALE, { kernel: 'nearest' })
        .png()
        .toBuffer();
      layers.push({ input, left, top });
      left += w * SCALE + GAP;
    }
    width = Math.max(width, left - GAP);
    top += h * SCALE + GAP;
  }
  const size = { width: Math.max(1, width), height: Math.max(1, top - GAP) };
  return await sharp({ create: { ...size, channels: 3, background: 'white' } })
    .composite(layers)
    .png()
    .toBuffer();
}
