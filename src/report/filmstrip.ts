/** Camera images of an episode as WebP: an animation, a strip of stills, a thumbnail. */
import sharp from 'sharp';
import type { Picture } from './text.js';

/** An encoded picture and its size in pixels. */
export interface Webp {
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
}

/** What the robot saw at one instant: one picture a camera, in one order throughout an episode. */
export interface Instant {
  /** s since the first tick. */
  readonly time: number;
  readonly views: readonly Picture[];
}

/** Camera images are scaled down to this, never up, px. */
export const VIEW_HEIGHT = 120;
const STRIP_HEIGHT = 72;
const GAP = 2;
const QUALITY = 62;

/** Scales a picture down to at most `height` rows, aspect kept. */
export async function shrink(from: Picture, height: number): Promise<Picture> {
  if (from.height <= height) return from;
  return resize(from, { width: Math.max(1, Math.round((from.width * height) / from.height)), height });
}

export async function resize(
  from: Picture,
  { width, height }: { width: number; height: number },
): Promise<Picture> {
  if (from.width === width && from.height === height) return from;
  const data = await sharp(from.data, { raw: { width: from.width, height: from.height, channels: 3 } })
    .resize({ width, height, fit: 'fill' })
    .raw()
    .toBuffer();
  return { data, width, height };
}

/** Side by side, at `rateHz` pictures a second, again and again. */
export async function animate(instants: readonly Instant[], rateHz: number): Promise<Webp> {
  const first = instants[0] as Instant;
  const [width, height] = [across(first.views), tallest(first.views)];
  const tape = new Uint8Array(3 * width * height * instants.length);
  instants.forEach(({ views }, page) => {
    let left = 0;
    for (const view of views) {
      paste(view, tape, width, left, page * height);
      left += view.width + GAP;
    }
  });
  const delay = new Array<number>(instants.length).fill(Math.round(1000 / rateHz));
  // The last picture stays, so that the end is seen and the start is recognised as one.
  delay[delay.length - 1] = 1000;
  const bytes = await sharp(tape, {
    raw: { width, height: height * instants.length, channels: 3, pageHeight: height },
    limitInputPixels: false,
  })
    .webp({ quality: QUALITY, effort: 3, loop: 0, delay, minSize: true })
    .toBuffer();
  return { bytes, width, height };
}

/** One column an instant, one row a camera. */
export async function strip(instants: readonly Instant[]): Promise<Webp> {
  const columns = await Promise.all(
    instants.map(({ views }) => Promise.all(views.map((view) => shrink(view, STRIP_HEIGHT)))),
  );
  const first = columns[0] as readonly Picture[];
  const column = Math.max(...first.map((view) => view.width));
  const width = columns.length * (column + GAP) - GAP;
  const height = first.reduce((sum, view) => sum + view.height + GAP, -GAP);
  const sheet = new Uint8Array(3 * width * height);
  columns.forEach((views, i) => {
    let top = 0;
    for (const view of views) {
      paste(view, sheet, width, i * (column + GAP), top);
      top += view.height + GAP;
    }
  });
  return still(sheet, width, height);
}

export async function thumbnail(view: Picture): Promise<Webp> {
  const { data, width, height } = await shrink(view, STRIP_HEIGHT);
  return still(data, width, height);
}

async function still(data: Uint8Array, width: number, height: number): Promise<Webp> {
  const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality: QUALITY, effort: 4 })
    .toBuffer();
  return { bytes, width, height };
}

const across = (views: readonly Picture[]) => views.reduce((sum, view) => sum + view.width + GAP, -GAP);
const tallest = (views: readonly Picture[]) => Math.max(...views.map((view) => view.height));

function paste(from: Picture, to: Uint8Array, width: number, left: number, top: number): void {
  const row = 3 * from.width;
  for (let y = 0; y < from.height; y++)
    to.set(from.data.subarray(y * row, (y + 1) * row), 3 * ((top + y) * width + left));
}
