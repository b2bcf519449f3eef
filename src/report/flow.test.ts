import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowQuantile, flowToRgb } from './flow.js';

const pixel = (x: number, y: number, fullScale = 1) => [...flowToRgb(Float32Array.of(x, y), 1, 1, fullScale)];

describe('flowToRgb', () => {
  it('paints no motion white', () => {
    expect(pixel(0, 0)).toEqual([255, 255, 255]);
  });

  it('follows the Middlebury wheel: right red, down yellow, left cyan, up blue-violet', () => {
    expect(pixel(1, 0)).toEqual([255, 0, 0]);
    const [r, g, b] = pixel(0, 1) as [number, number, number];
    expect(r).toBeGreaterThan(200);
    expect(g).toBeGreaterThan(200);
    expect(b).toBeLessThan(30);
    const left = pixel(-1, 0) as [number, number, number];
    expect(left[0]).toBeLessThan(30);
    expect(left[2]).toBeGreaterThan(200);
    const up = pixel(0, -1) as [number, number, number];
    expect(up[2]).toBeGreaterThan(200);
    expect(up[1]).toBeLessThan(60);
  });

  it('saturates with speed, and darkens beyond the full scale', () => {
    expect(pixel(0.5, 0)).toEqual([255, 128, 128]);
    expect(pixel(5, 0, 10)).toEqual(pixel(0.5, 0, 1));
    expect(pixel(2, 0)).toEqual([191, 0, 0]);
  });

  it('paints a non-finite vector black', () => {
    expect(pixel(Number.NaN, 0)).toEqual([0, 0, 0]);
    expect(pixel(0, Number.POSITIVE_INFINITY)).toEqual([0, 0, 0]);
  });

  it('keeps pixels in place: planes are [x, y], pixels row-major', () => {
    const rgb = flowToRgb(Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0), 2, 2, 1);
    expect([...rgb.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect([...rgb.subarray(3)]).toEqual(new Array(9).fill(255));
  });

  it('gives nearby directions nearby colours, all the way round', () => {
    fc.assert(
      fc.property(fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }), (angle) => {
        const a = pixel(0.9 * Math.cos(angle), 0.9 * Math.sin(angle));
        const b = pixel(0.9 * Math.cos(angle + 0.01), 0.9 * Math.sin(angle + 0.01));
        a.forEach((value, c) => {
          expect(Math.abs(value - (b[c] as number))).toBeLessThanOrEqual(45);
        });
      }),
    );
  });

  it('refuses a wrong shape or scale', () => {
    expect(() => flowToRgb(new Float32Array(7), 2, 2, 1)).toThrow('not [2, 2, 2]');
    expect(() => flowToRgb(new Float32Array(8), 2, 2, 0)).toThrow('positive');
  });
});

describe('flowQuantile', () => {
  it('is a length that the given share does not exceed', () => {
    const flow = Float32Array.of(3, 0, 0, 0, 4, 0, 0, 1); // lengths 5, 0, 0, 1
    expect(flowQuantile([flow], 0)).toBe(0);
    expect(flowQuantile([flow], 0.5)).toBe(1);
    expect(flowQuantile([flow], 1)).toBe(5);
    expect(flowQuantile([], 0.5)).toBe(0);
  });
});
