/** An episode as an animated WebP: camera views and flow side by side, labelled, in real time. */
import sharp from 'sharp';
import { flowQuantile, flowToRgb } from './flow.js';
import { drawText, fillRect, GLYPH_HEIGHT, GLYPH_WIDTH, type Picture } from './text.js';

/** Optical flow [2, height, width]; `pxPerUnit` turns its values into pixels. */
export interface FlowPanel {
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
  readonly pxPerUnit: number;
}

export interface Panel {
  readonly label: string;
  readonly view: Picture | FlowPanel;
}

export interface AnimationOptions {
  /** Pictures a second. */
  readonly rateHz: number;
  /** Side of one panel, px. */
  readonly panelSize?: number;
}

const MARGIN = 4;
const BAR = 2 * GLYPH_HEIGHT;
const BACKGROUND = [24, 26, 31] as const;
const TEXT = [232, 234, 240] as const;
const MUTED = [150, 156, 170] as const;
/** Full colour is the speed that this share of all the vectors stays below, so that outliers do not wash it out. */
const FLOW_SHARE = 0.99;
/** Flow slower than this everywhere (px a picture) is noise and is not amplified to full colour. */
const FLOW_FLOOR_PX = 0.25;

const isFlow = (view: Panel['view']): view is FlowPanel => view.data instanceof Float32Array;

/** Collects the pictures of one episode and encodes them. Keeps references: the views must not change. */
export class Animation {
  readonly #rateHz: number;
  readonly #panelSize: number;
  readonly #pictures: { readonly panels: readonly Panel[]; readonly caption: string }[] = [];

  constructor({ rateHz, panelSize = 192 }: AnimationOptions) {
    this.#rateHz = rateHz;
    this.#panelSize = panelSize;
  }

  get length(): number {
    return this.#pictures.length;
  }

  /** One picture: panels from left to right, and a line of text below. */
  add(panels: readonly Panel[], caption: string): void {
    this.#pictures.push({ panels, caption });
  }

  /** The WebP file. @throws Error when there is no picture. */
  async encode(): Promise<Buffer> {
    const count = this.#pictures.length;
    if (count === 0) throw new Error('an animation needs at least one picture');
    const fullScalePx = this.#flowFullScalePx();
    const columns = Math.max(...this.#pictures.map(({ panels }) => panels.length));
    const width = columns * (this.#panelSize + MARGIN) + MARGIN;
    const height = BAR + this.#panelSize + BAR;
    // One tall picture, page under page, is what libvips takes for an animation.
    const strip = new Uint8Array(count * 3 * width * height);
    this.#pictures.forEach(({ panels, caption }, i) => {
      const page = {
        width,
        height,
        data: strip.subarray(i * 3 * width * height, (i + 1) * 3 * width * height),
      };
      this.#draw(page, panels, caption, fullScalePx);
    });
    const delay = new Array<number>(count).fill(Math.round(1000 / this.#rateHz));
    return sharp(strip, {
      raw: { width, height: count * height, channels: 3, pageHeight: height },
      limitInputPixels: false,
    })
      .webp({ quality: 80, effort: 2, loop: 0, delay })
      .toBuffer();
  }

  #flowFullScalePx(): number {
    const flows = this.#pictures.flatMap(({ panels }) => panels.map(({ view }) => view).filter(isFlow));
    const pxPerUnit = flows[0]?.pxPerUnit ?? 1;
    const quantile = flowQuantile(
      flows.map(({ data }) => data),
      FLOW_SHARE,
    );
    return Math.max(FLOW_FLOOR_PX, quantile * pxPerUnit);
  }

  #draw(page: Picture, panels: readonly Panel[], caption: string, fullScalePx: number): void {
    fillRect(page, 0, 0, page.width, page.height, BACKGROUND);
    panels.forEach(({ label, view }, i) => {
      const x = MARGIN + i * (this.#panelSize + MARGIN);
      drawText(page, x, GLYPH_HEIGHT / 2, label, TEXT);
      if (isFlow(view)) {
        const { width, height } = view;
        const data = flowToRgb(view.data, height, width, fullScalePx / view.pxPerUnit);
        paste({ width, height, data }, page, x, BAR, this.#panelSize);
        const scale = `full colour ${fullScalePx.toFixed(1)} px`;
        const right = x + this.#panelSize - scale.length * GLYPH_WIDTH;
        drawText(page, right, BAR + this.#panelSize + GLYPH_HEIGHT / 2, scale, MUTED);
      } else paste(view, page, x, BAR, this.#panelSize);
    });
    drawText(page, MARGIN, BAR + this.#panelSize + GLYPH_HEIGHT / 2, caption, TEXT);
  }
}

/** Nearest-neighbour copy into a `size`×`size` box (aspect kept, centred): what the policy sees, no prettier. */
function paste(from: Picture, to: Picture, x: number, y: number, size: number): void {
  const scale = size / Math.max(from.width, from.height);
  const width = Math.round(from.width * scale);
  const height = Math.round(from.height * scale);
  const left = x + ((size - width) >> 1);
  const top = y + ((size - height) >> 1);
  for (let row = 0; row < height; row++) {
    const source = from.width * Math.floor((row * from.height) / height);
    const target = to.width * (top + row) + left;
    for (let column = 0; column < width; column++) {
      const s = 3 * (source + Math.floor((column * from.width) / width));
      const t = 3 * (target + column);
      to.data[t] = from.data[s] as number;
      to.data[t + 1] = from.data[s + 1] as number;
      to.data[t + 2] = from.data[s + 2] as number;
    }
  }
}
