/**
 * Text on rgb8 pictures in a built-in 5×8 pixel font, so that a picture looks the same on every machine,
 * also on one without any fonts. Letters it lacks are drawn as blanks.
 */

/** An rgb8 picture, row-major. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export const GLYPH_WIDTH = 6;
export const GLYPH_HEIGHT = 8;

/** Five columns a glyph, left to right, as hexadecimal bytes; bit 0 is the top row. */
// biome-ignore format: one entry a glyph is a page of nothing
const GLYPHS: Readonly<Record<string, string>> = {
  '0': '3e5149453e', '1': '00427f4000', '2': '4261514946', '3': '2141454b31', '4': '1814127f10',
  '5': '2745454539', '6': '3c4a494930', '7': '0171090503', '8': '3649494936', '9': '064949291e',
  a: '2054545478', b: '7f48444438', c: '3844444420', d: '384444487f', e: '3854545418', f: '087e090200',
  g: '18a4a49c78', h: '7f08040478', i: '00447d4000', j: '2040443d00', k: '7f10284400', l: '00417f4000',
  m: '7c04180478', n: '7c08040478', o: '3844444438', p: 'fc18242418', q: '18242418fc', r: '7c08040408',
  s: '4854545420', t: '043f444020', u: '3c4040207c', v: '1c2040201c', w: '3c4030403c', x: '4428102844',
  y: '4c9090907c', z: '4464544c44', '-': '0808080808', '_': '4040404040', '.': '0060600000',
  ',': '0050300000', ':': '0036360000', '/': '2010080402', '=': '1414141414', '%': '2313086462',
  '(': '001c224100', ')': '0041221c00', '+': '08083e0808',
};

/** Draws one line of text with its top left corner at (x, y), each font pixel `scale` pixels wide; clips. */
export function drawText(
  picture: Picture,
  x: number,
  y: number,
  text: string,
  colour: readonly [number, number, number],
  scale = 1,
): void {
  [...text.toLowerCase()].forEach((letter, i) => {
    const glyph = GLYPHS[letter];
    if (glyph === undefined) return;
    for (let column = 0; column < 5; column++) {
      const bits = Number.parseInt(glyph.slice(2 * column, 2 * column + 2), 16);
      for (let row = 0; row < 8; row++)
        if ((bits >> row) & 1)
          fillRect(picture, x + (i * GLYPH_WIDTH + column) * scale, y + row * scale, scale, scale, colour);
    }
  });
}

/** Fills a rectangle, clipped to the picture. */
export function fillRect(
  picture: Picture,
  x: number,
  y: number,
  width: number,
  height: number,
  colour: readonly [number, number, number],
): void {
  const right = Math.min(picture.width, x + width);
  const bottom = Math.min(picture.height, y + height);
  for (let row = Math.max(0, y); row < bottom; row++)
    for (let column = Math.max(0, x); column < right; column++)
      picture.data.set(colour, 3 * (row * picture.width + column));
}
