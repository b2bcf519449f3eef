/**
 * What surfaces look like: procedural colour at a point of a geom, so that edges and optical flow carry
 * information. Colours are linear 0…1; patterns are fixed, only the cube's colour is the task's to choose.
 */
import type { Scene } from './mujoco.js';

/** Writes the surface colour at `(x, y, z)` (geom frame, m) with local normal `n` to `out[0..2]`. */
export type Texture = (
  x: number,
  y: number,
  z: number,
  nx: number,
  ny: number,
  nz: number,
  out: Float64Array,
) => void;

const NOISE_SIZE = 128;

/** Tileable value noise in [0, 1): a hashed lattice at three octaves, sampled without interpolation. */
const NOISE = ((): Float32Array => {
  const noise = new Float32Array(NOISE_SIZE * NOISE_SIZE);
  const hash = (x: number, y: number): number => {
    let h = Math.imul(x, 374761393) + Math.imul(y, 668265263);
    h = Math.imul(h ^ (h >>> 13), 1274126177);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  };
  for (let y = 0; y < NOISE_SIZE; y++) {
    for (let x = 0; x < NOISE_SIZE; x++) {
      let sum = 0;
      for (const [period, weight] of [
        [8, 0.5],
        [16, 0.3],
        [64, 0.2],
      ] as const) {
        const scale = NOISE_SIZE / period;
        const [u, v] = [x / scale, y / scale];
        const [i, j] = [Math.floor(u), Math.floor(v)];
        const [fu, fv] = [u - i, v - j];
        const [i1, j1] = [(i + 1) % period, (j + 1) % period];
        const top = hash(i, j) * (1 - fu) + hash(i1, j) * fu;
        const bottom = hash(i, j1) * (1 - fu) + hash(i1, j1) * fu;
        sum += weight * (top * (1 - fv) + bottom * fv);
      }
      noise[y * NOISE_SIZE + x] = sum;
    }
  }
  return noise;
})();

function noise(u: number, v: number): number {
  return NOISE[((v & (NOISE_SIZE - 1)) * NOISE_SIZE + (u & (NOISE_SIZE - 1))) | 0];
}

function grey(out: Float64Array, value: number): void {
  out[0] = out[1] = out[2] = value;
}

const wood: Texture = (x, y, _z, _nx, _ny, _nz, out) => {
  const grain =
    noise(Math.floor(x * 160), Math.floor(y * 900)) * 0.6 +
    noise(Math.floor(x * 500), Math.floor(y * 500)) * 0.4;
  // A board's edge every 12 cm.
  const board = Math.abs(((y + 1.2) % 0.12) - 0.06) > 0.0575 ? 0.6 : 1;
  const k = (0.62 + 0.5 * grain) * board;
  out[0] = 0.55 * k;
  out[1] = 0.44 * k;
  out[2] = 0.32 * k;
};

const tiles: Texture = (x, y, _z, _nx, _ny, _nz, out) => {
  const odd = (Math.floor(x / 0.25) + Math.floor(y / 0.25)) & 1;
  grey(out, (odd ? 0.34 : 0.24) + 0.1 * noise(Math.floor(x * 80), Math.floor(y * 80)));
};

const wall: Texture = (_x, y, z, _nx, _ny, _nz, out) => {
  const k = 0.42 + 0.22 * noise(Math.floor(y * 60), Math.floor(z * 60));
  out[0] = 0.9 * k;
  out[1] = k;
  out[2] = 1.05 * k;
};

/** Painted link with a dark ring every 5 cm along its axis. */
const link: Texture = (_x, _y, z, _nx, _ny, _nz, out) => {
  const ring = (z + 1) % 0.05 < 0.008 ? 0.45 : 1;
  out[0] = 0.7 * ring;
  out[1] = 0.72 * ring;
  out[2] = 0.76 * ring;
};

const dark: Texture = (x, _y, z, _nx, _ny, _nz, out) => {
  grey(out, ((Math.floor(x / 0.01) + Math.floor(z / 0.012)) & 1) === 0 ? 0.2 : 0.14);
};

/** Finger pads are light with a dark tip, so that the wrist camera sees where the fingers end. */
const pad: Texture = (_x, _y, z, _nx, _ny, _nz, out) => {
  grey(out, z > 0.024 ? 0.12 : 0.55);
};

/** The plate under the block to take: blue, with a white frame. */
const plate: Texture = (x, y, _z, _nx, _ny, _nz, out) => {
  const framed = Math.max(Math.abs(x), Math.abs(y)) > 0.029;
  out[0] = framed ? 0.85 : 0.1;
  out[1] = framed ? 0.87 : 0.25;
  out[2] = framed ? 0.9 : 0.85;
};

/** Where a block is to be put: red and white rings, 12 mm each. */
const target: Texture = (x, y, _z, _nx, _ny, _nz, out) => {
  const red = Math.floor(Math.hypot(x, y) / 0.012) % 2 === 0;
  out[0] = red ? 0.85 : 0.9;
  out[1] = out[2] = red ? 0.08 : 0.88;
};

const EDGE = 0.0032;

/** A cube of one colour with dark edges: its yaw shows on every face. */
export function paintedCube(color: readonly [number, number, number], half: number): Texture {
  return (x, y, z, _nx, _ny, _nz, out) => {
    const onEdge =
      Number(half - Math.abs(x) < EDGE) +
        Number(half - Math.abs(y) < EDGE) +
        Number(half - Math.abs(z) < EDGE) >=
      2;
    const k = onEdge ? 0.35 : 1;
    out[0] = color[0] * k;
    out[1] = color[1] * k;
    out[2] = color[2] * k;
  };
}

/** Hue, saturation, value (0…1) to linear rgb. */
export function hsv(h: number, s: number, v: number): [number, number, number] {
  const f = (n: number): number => {
    const k = (n + h * 6) % 6;
    return v - v * s * Math.max(0, Math.min(k, 4 - k, 1));
  };
  return [f(5), f(3), f(1)];
}

/** The texture of every geom of a scene, by name; unnamed or unknown geoms are painted like links. */
export function sceneTextures(scene: Scene): Texture[] {
  const named: Record<string, Texture> = {
    floor: tiles,
    table: wood,
    backdrop: wall,
    palm: dark,
    flange: dark,
    base: dark,
    finger_left: pad,
    finger_right: pad,
    plate,
    target,
  };
  const type = scene.mj.mjtObj.mjOBJ_GEOM.value;
  return Array.from({ length: scene.model.ngeom }, (_, i) => {
    const name = scene.mj.mj_id2name(scene.model, type, i) ?? '';
    // Of two arms, each has its side before its names.
    return named[name.replace(/^(left|right)_/, '')] ?? link;
  });
}
