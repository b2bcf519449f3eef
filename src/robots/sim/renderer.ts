/**
 * Camera images from MuJoCo's own ray caster: one `mj_multiRay` an image, then Lambert shading of the hit
 * geom's texture. Deterministic: the same state gives the same pixels.
 */
import type { Scene } from './mujoco.js';
import { sceneTextures, type Texture } from './textures.js';

export interface Light {
  /** Direction towards the light, unit length, world frame. */
  direction: [number, number, number];
  /** Strength of the directed light and of the ambient light, 0…1. */
  diffuse: number;
  ambient: number;
  /** Colour balance of the light, about 1. */
  tint: [number, number, number];
}

/** Small pose error of a mounted camera, in its own frame. */
export interface CameraJitter {
  /** m */
  offset: [number, number, number];
  /** Rotation vector, rad. */
  rotation: [number, number, number];
}

const FAR = 10;

export class Renderer {
  /** By geom. */
  readonly textures: Texture[];
  readonly #scene: Scene;
  readonly #rays = new Map<string, RayBuffers>();
  readonly #color = new Float64Array(3);
  light: Light = { direction: [0.2, -0.5, 0.84], diffuse: 0.75, ambient: 0.4, tint: [1, 1, 1] };

  constructor(scene: Scene) {
    this.#scene = scene;
    this.textures = sceneTextures(scene);
  }

  setTexture(geom: number, texture: Texture): void {
    this.textures[geom] = texture;
  }

  /**
   * Renders one camera in the scene's current state (call `mj_forward` or `mj_step` before).
   * @returns rgb8, height×width×3, row-major; a fresh array the caller owns.
   */
  render(camera: number, width: number, height: number, jitter?: CameraJitter): Uint8Array {
    const { mj, model, data } = this.#scene;
    const buffers = this.#buffers(width, height);
    const xmat = data.cam_xmat.subarray(camera * 9, camera * 9 + 9) as Float64Array;
    const rotation = jitter ? rotate(xmat, jitter.rotation) : xmat;
    const xpos = data.cam_xpos.subarray(camera * 3, camera * 3 + 3) as Float64Array;
    const origin = [xpos[0], xpos[1], xpos[2]];
    if (jitter) {
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) origin[i] += xmat[i * 3 + j] * jitter.offset[j];
      }
    }
    castDirections(buffers.directions, width, height, model.cam_fovy[camera], rotation);
    mj.mj_multiRay(
      model,
      data,
      origin,
      buffers.directions,
      null as unknown as number[], // all geom groups
      true,
      -1,
      buffers.geom,
      buffers.distance,
      buffers.normal,
      width * height,
      FAR,
    );
    return this.#shade(buffers, origin, width * height);
  }

  free(): void {
    for (const b of this.#rays.values()) {
      b.geom.delete();
      b.distance.delete();
      b.normal.delete();
    }
    this.#rays.clear();
  }

  #shade(buffers: RayBuffers, origin: number[], count: number): Uint8Array {
    const { data } = this.#scene;
    const [geoms, distances, normals] = [
      buffers.geom.GetView(),
      buffers.distance.GetView(),
      buffers.normal.GetView(),
    ];
    const directions = buffers.directions;
    const [xpos, xmat] = [data.geom_xpos as Float64Array, data.geom_xmat as Float64Array];
    const { direction: l, diffuse, ambient, tint } = this.light;
    const color = this.#color;
    const pixels = new Uint8Array(count * 3);
    for (let i = 0; i < count; i++) {
      const geom = geoms[i];
      const [dx, dy, dz] = [directions[3 * i], directions[3 * i + 1], directions[3 * i + 2]];
      if (geom < 0) {
        // Sky: paler towards the horizon.
        const k = 0.55 + 0.3 * Math.min(1, Math.abs(dz));
        pixels[3 * i] = k * 200;
        pixels[3 * i + 1] = k * 215;
        pixels[3 * i + 2] = k * 235;
        continue;
      }
      const t = distances[i];
      const px = origin[0] + t * dx - xpos[3 * geom];
      const py = origin[1] + t * dy - xpos[3 * geom + 1];
      const pz = origin[2] + t * dz - xpos[3 * geom + 2];
      const m = 9 * geom;
      const [nx, ny, nz] = [normals[3 * i], normals[3 * i + 1], normals[3 * i + 2]];
      this.textures[geom](
        xmat[m] * px + xmat[m + 3] * py + xmat[m + 6] * pz,
        xmat[m + 1] * px + xmat[m + 4] * py + xmat[m + 7] * pz,
        xmat[m + 2] * px + xmat[m + 5] * py + xmat[m + 8] * pz,
        nx,
        ny,
        nz,
        color,
      );
      // A little light from the camera itself keeps faces turned away from the lamp readable.
      const facing = Math.abs(nx * dx + ny * dy + nz * dz);
      const lit = Math.max(0, nx * l[0] + ny * l[1] + nz * l[2]) * diffuse + ambient + 0.15 * facing;
      for (let c = 0; c < 3; c++) pixels[3 * i + c] = Math.min(255, 255 * color[c] * lit * tint[c]);
    }
    return pixels;
  }

  #buffers(width: number, height: number): RayBuffers {
    const key = `${width}x${height}`;
    let buffers = this.#rays.get(key);
    if (!buffers) {
      const { mj } = this.#scene;
      const n = width * height;
      buffers = {
        // A plain array: the binding copies it three times faster than a typed array.
        directions: new Array<number>(3 * n).fill(0),
        geom: new mj.IntBuffer(n),
        distance: new mj.DoubleBuffer(n),
        normal: new mj.DoubleBuffer(3 * n),
      };
      this.#rays.set(key, buffers);
    }
    return buffers;
  }
}

interface RayBuffers {
  directions: number[];
  geom: { GetView(): Int32Array; delete(): void };
  distance: { GetView(): Float64Array; delete(): void };
  normal: { GetView(): Float64Array; delete(): void };
}

/** Unit ray directions of a pinhole camera (x right, y up, looking along −z; vertical field of view, degrees). */
function castDirections(
  out: number[],
  width: number,
  height: number,
  fovy: number,
  r: ArrayLike<number>,
): void {
  const tan = Math.tan((fovy * Math.PI) / 360);
  for (let v = 0, i = 0; v < height; v++) {
    const y = (1 - (2 * (v + 0.5)) / height) * tan;
    for (let u = 0; u < width; u++, i += 3) {
      const x = (((2 * (u + 0.5)) / width - 1) * tan * width) / height;
      const s = 1 / Math.sqrt(x * x + y * y + 1);
      out[i] = s * (r[0] * x + r[1] * y - r[2]);
      out[i + 1] = s * (r[3] * x + r[4] * y - r[5]);
      out[i + 2] = s * (r[6] * x + r[7] * y - r[8]);
    }
  }
}

/** R·exp([w]×), row-major (Rodrigues' formula). */
function rotate(r: ArrayLike<number>, w: readonly [number, number, number]): Float64Array {
  const angle = Math.hypot(...w);
  const [x, y, z] = angle > 0 ? w.map((v) => v / angle) : [0, 0, 0];
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  const k = 1 - c;
  // biome-ignore format: a matrix
  const e = [
    c + x * x * k, x * y * k - z * s, x * z * k + y * s,
    y * x * k + z * s, c + y * y * k, y * z * k - x * s,
    z * x * k - y * s, z * y * k + x * s, c + z * z * k,
  ];
  const out = new Float64Array(9);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      for (let q = 0; q < 3; q++) out[i * 3 + j] += r[i * 3 + q] * e[q * 3 + j];
    }
  }
  return out;
}
