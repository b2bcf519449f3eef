import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scene } from './mujoco.js';
import { Renderer } from './renderer.js';
import type { Texture } from './textures.js';

/** A camera 1 m above the origin looks straight down (x right, y up, 90°) on a ball and a box. */
const MJCF = `
<mujoco>
  <worldbody>
    <camera name="down" pos="0 0 1" fovy="90"/>
    <geom name="ball" type="sphere" pos="0.5 0 0" size="0.1"/>
    <geom name="box" type="box" pos="0 0.5 -0.0005" size="0.1 0.05 0.0005"/>
  </worldbody>
</mujoco>`;

const plain =
  (r: number, g: number, b: number): Texture =>
  (_x, _y, _z, _nx, _ny, _nz, out) => {
    out[0] = r;
    out[1] = g;
    out[2] = b;
  };

describe('Renderer', () => {
  const dir = mkdtempSync(join(tmpdir(), 'saccade-renderer-'));
  let scene: Scene;
  let renderer: Renderer;

  beforeAll(async () => {
    const file = join(dir, 'scene.xml');
    writeFileSync(file, MJCF);
    scene = await Scene.load(file);
    scene.forward();
    renderer = new Renderer(scene);
    renderer.setTexture(scene.id('geom', 'ball'), plain(1, 0, 0));
    renderer.setTexture(scene.id('geom', 'box'), plain(0, 1, 0));
    renderer.light = { direction: [0, 0, 1], diffuse: 0.5, ambient: 0.2, tint: [1, 1, 1] };
  });
  afterAll(() => {
    renderer.free();
    scene.free();
    rmSync(dir, { recursive: true });
  });

  /** Pixel centres (u right, v down) that show more of `channel` than of the others, 0…1. */
  const seen = (pixels: Uint8Array, width: number, channel: number) => {
    const found: { u: number; v: number }[] = [];
    for (let i = 0; i < pixels.length / 3; i++) {
      const rgb = [...pixels.subarray(3 * i, 3 * i + 3)];
      if (rgb.every((value, c) => c === channel || value < rgb[channel] / 4)) {
        const height = pixels.length / 3 / width;
        found.push({ u: ((i % width) + 0.5) / width, v: (Math.floor(i / width) + 0.5) / height });
      }
    }
    return found;
  };
  const middle = (found: { u: number; v: number }[], axis: 'u' | 'v') =>
    found.reduce((sum, point) => sum + point[axis], 0) / found.length;

  it('projects like a pinhole camera: x to the right, y up, field of view vertical', () => {
    const pixels = renderer.render(scene.id('camera', 'down'), 200, 200);
    const box = seen(pixels, 200, 1);
    // The box's top is 1 m away: 0.2 m × 0.1 m of the 2 m the view spans there, centred at y = 0.5.
    expect(box.length).toBe(20 * 10);
    expect(middle(box, 'u')).toBeCloseTo(0.5, 6);
    expect(middle(box, 'v')).toBeCloseTo(0.25, 6);
    const ball = seen(pixels, 200, 0);
    expect(middle(ball, 'u')).toBeGreaterThan(0.74);
    expect(middle(ball, 'v')).toBeCloseTo(0.5, 6);
  });

  it('keeps pixels square in a wide image', () => {
    const box = seen(renderer.render(scene.id('camera', 'down'), 400, 200), 400, 1);
    expect(box.length).toBe(20 * 10);
    expect(middle(box, 'u')).toBeCloseTo(0.5, 6);
  });

  it('shades by the angle between surface and light', () => {
    const brightness = () => {
      const pixels = renderer.render(scene.id('camera', 'down'), 200, 200);
      return Math.max(...pixels.filter((_, i) => i % 3 === 1 && pixels[i - 1] === 0));
    };
    const above = brightness();
    const { light } = renderer;
    renderer.light = { ...light, direction: [Math.sin(Math.PI / 3), 0, Math.cos(Math.PI / 3)] };
    const aslant = brightness();
    renderer.light = light;
    // The box's top: 255·(0.5·cos + 0.2 + 0.15·facing), and facing hardly changes over it.
    expect(above - aslant).toBeGreaterThanOrEqual(63);
    expect(above - aslant).toBeLessThanOrEqual(65);
  });

  it('moves the view with the camera’s jitter, in the camera’s own frame', () => {
    const camera = scene.id('camera', 'down');
    const none: [number, number, number] = [0, 0, 0];
    const shifted = renderer.render(camera, 200, 200, { offset: [0.1, 0, 0], rotation: none });
    expect(middle(seen(shifted, 200, 1), 'u')).toBeCloseTo(0.45, 6);
    // A quarter turn about the viewing axis brings y (up in the image) to the right.
    const turned = renderer.render(camera, 200, 200, { offset: none, rotation: [0, 0, Math.PI / 2] });
    expect(middle(seen(turned, 200, 1), 'u')).toBeCloseTo(0.75, 2);
    expect(middle(seen(turned, 200, 1), 'v')).toBeCloseTo(0.5, 2);
    expect(renderer.render(camera, 64, 64, { offset: none, rotation: none })).toEqual(
      renderer.render(camera, 64, 64),
    );
  });

  it('gives a fresh array every time: the caller owns it', () => {
    const camera = scene.id('camera', 'down');
    const first = renderer.render(camera, 16, 16);
    const copy = first.slice();
    const second = renderer.render(camera, 16, 16, { offset: [0.3, 0, 0], rotation: [0, 0, 0] });
    expect(first).toEqual(copy);
    expect(second).not.toEqual(first);
  });
});
