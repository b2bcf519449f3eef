/**
 * How a geom looks, as files that Gazebo loads: a mesh, and one picture with what is painted on each of its patches.
 * The embedded renderer computes the same colours for every ray.
 */
import type { GeomDescription } from '../../robots/sim/description.js';
import { newSpot, type Patch, patches } from './surface.js';
import { number, numbers } from './xml.js';

/** Of the picture, pixels a metre: patterns on the robot are a few millimetres wide. */
const FINEST = 2000;
/** The sides of a picture are no longer, pixels. */
const MAX_SIDE = 2048;
/** Around every patch, pixels: smaller pictures for things far away must not mix it with its neighbours. */
const MARGIN = 4;

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** rgb8, row by row. */
  readonly data: Uint8ClampedArray;
}

export interface Look {
  /** Wavefront OBJ. */
  readonly mesh: string;
  readonly picture: Picture;
}

/** A patch's place in the picture, pixels, its margin not counted. */
interface Place {
  readonly patch: Patch;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function lookOf(geom: Pick<GeomDescription, 'kind' | 'size' | 'texture'>): Look {
  const { places, width, height } = arranged(patches(geom));
  const data = new Uint8ClampedArray(width * height * 3);
  for (const place of places) paint(place, geom.texture, data, width);
  return { mesh: mesh(places, width, height), picture: { width, height, data } };
}

/** One below the other, as fine as there is room for. */
function arranged(all: readonly Patch[]): { places: Place[]; width: number; height: number } {
  const room = (of: readonly number[], sides: number): number =>
    (MAX_SIDE - 2 * MARGIN * sides) / of.reduce((a, b) => (sides === 1 ? Math.max(a, b) : a + b));
  const fineness = Math.min(
    FINEST,
    room(
      all.map(({ width }) => width),
      1,
    ),
    room(
      all.map(({ height }) => height),
      all.length,
    ),
  );
  const pixels = (metres: number): number => Math.max(1, Math.floor(metres * fineness));
  let y = 0;
  const places = all.map((patch): Place => {
    const place = {
      patch,
      x: MARGIN,
      y: y + MARGIN,
      width: pixels(patch.width),
      height: pixels(patch.height),
    };
    y += place.height + 2 * MARGIN;
    return place;
  });
  return { places, width: Math.max(...places.map((place) => place.width)) + 2 * MARGIN, height: y };
}

/** Every pixel has the colour at its middle; the margin that of the nearest pixel within. */
function paint(
  { patch, x, y, width, height }: Place,
  texture: GeomDescription['texture'],
  data: Uint8ClampedArray,
  stride: number,
): void {
  const colour = new Float64Array(3);
  const spot = newSpot();
  const within = (i: number, count: number): number => (Math.min(count - 1, Math.max(0, i)) + 0.5) / count;
  for (let j = -MARGIN; j < height + MARGIN; j++) {
    const t = within(j, height);
    for (let i = -MARGIN; i < width + MARGIN; i++) {
      patch.at(within(i, width), t, spot);
      texture(spot[0], spot[1], spot[2], spot[3], spot[4], spot[5], colour);
      const pixel = 3 * ((y + j) * stride + x + i);
      // A clamped array rounds, and keeps to 0 … 255.
      for (let c = 0; c < 3; c++) data[pixel + c] = 255 * colour[c];
    }
  }
}

function mesh(places: readonly Place[], width: number, height: number): string {
  const lines: string[] = ['# made by saccade gazebo-world'];
  const faces: string[] = [];
  const spot = newSpot();
  let corner = 1;
  for (const { patch, ...place } of places) {
    const [across, down] = patch.facets;
    for (let j = 0; j <= down; j++)
      for (let i = 0; i <= across; i++) {
        const [s, t] = [i / across, j / down];
        patch.at(s, t, spot);
        // The origin of texture coordinates is the picture's lower left.
        const u = (place.x + s * place.width) / width;
        const v = 1 - (place.y + t * place.height) / height;
        lines.push(
          `v ${numbers(spot.subarray(0, 3))}`,
          `vt ${number(u)} ${number(v)}`,
          `vn ${numbers(spot.subarray(3))}`,
        );
      }
    for (let j = 0; j < down; j++)
      for (let i = 0; i < across; i++) {
        const upper = corner + j * (across + 1) + i;
        const lower = upper + across + 1;
        faces.push(face(upper, lower, lower + 1), face(upper, lower + 1, upper + 1));
      }
    corner += (across + 1) * (down + 1);
  }
  return `${[...lines, ...faces].join('\n')}\n`;
}

/** Counter-clockwise as seen from outside. */
function face(...corners: readonly number[]): string {
  return `f ${corners.map((corner) => `${corner}/${corner}/${corner}`).join(' ')}`;
}
