import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placingCases } from '../../../../test/support/placingCases.js';
import { type Point, PosedWorld } from '../../../../test/support/posedWorld.js';
import type { PlaceLeftOfSpec } from './placeLeftOf.js';

let posed: PosedWorld;
let spec: PlaceLeftOfSpec;
beforeAll(async () => {
  posed = await PosedWorld.of('place_left_of');
  spec = posed.spec as PlaceLeftOfSpec;
});
afterAll(() => posed.free());

/** The head camera looks at the robot, so its left is −y, and nearer to it is +x. */
const leftOf = ([x, y, z]: Point, gap: number, nearer: number): Point => [x + nearer, y - gap, z];

/** Mean column of the pixels in a colour, in the head camera's image. */
function column(isOf: (r: number, g: number, b: number) => boolean): number {
  const size = 192;
  const pixels = posed.world.shot('head', size, size);
  let [sum, count] = [0, 0];
  for (let i = 0; i < size * size; i++) {
    if (!isOf(pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2])) continue;
    sum += i % size;
    count++;
  }
  expect(count).toBeGreaterThan(10);
  return sum / count;
}

describe('place_left_of', () => {
  placingCases(() => {
    const [x, y] = posed.where('blue_block');
    return { posed, block: 'red_block', there: [x, y - 0.095], elsewhere: [x, y - 0.2] };
  });

  it('is a relation: between the two distances to the left, neither nearer nor farther than the band', () => {
    const { gap_m, band_m } = spec;
    fc.assert(
      fc.property(
        fc.double({ min: -0.15, max: 0.2, noNaN: true }),
        fc.double({ min: -0.06, max: 0.06, noNaN: true }),
        fc.integer({ min: 0, max: 1000 }),
        (gap, nearer, seed) => {
          posed.world.reset(seed);
          posed.put('red_block', leftOf(posed.where('blue_block'), gap, nearer));
          const edges = [gap - gap_m[0], gap - gap_m[1], Math.abs(nearer) - band_m];
          fc.pre(edges.every((edge) => Math.abs(edge) > 1e-6));
          const left = gap > gap_m[0] && gap < gap_m[1] && Math.abs(nearer) < band_m;
          expect(posed.outcome(0).reward).toBe(left ? 3 : 0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is on the left in the picture, too', () => {
    for (const seed of [1, 2, 3, 4]) {
      posed.world.reset(seed);
      const [x, y] = posed.where('blue_block');
      posed.put('red_block', [x, y - spec.gap_m[0] - 0.001, posed.lying('red_block')]);
      expect(posed.outcome(0).reward).toBe(3);
      const red = column((r, g, b) => r > 2.5 * Math.max(g, b) && r > 50);
      const blue = column((r, g, b) => b > 1.4 * Math.max(r, g) && b > 50);
      expect(red).toBeLessThan(blue - 8);
    }
  });

  it('has failed when the blue block was moved, and says how far it was', () => {
    posed.world.reset(2);
    const [x, y, z] = posed.where('blue_block');
    posed.put('blue_block', [x + 0.019, y, z]);
    const moved = posed.outcome(0);
    expect(moved.failure).toBeUndefined();
    expect(moved.metrics?.blue_moved_m).toBeCloseTo(0.019, 9);
    posed.put('blue_block', [x + 0.021, y, z]);
    expect(posed.outcome(0.05).failure).toBe('the blue block was moved');
  });

  it('has failed when the red block fell off the table', () => {
    posed.world.reset(2);
    posed.put('red_block', [0.3, 0, -0.2]);
    expect(posed.outcome(0).failure).toBe('the red block fell off the table');
  });

  it('never starts solved, and has room for the answer', () => {
    const { place_x_m, place_y_m, spacing_m } = spec.randomise;
    for (let seed = 1; seed <= 100; seed++) {
      posed.world.reset(seed);
      expect(posed.outcome(0).reward).toBe(0);
      const [red, blue] = [posed.where('red_block'), posed.where('blue_block')];
      const answer = leftOf(blue, (spec.gap_m[0] + spec.gap_m[1]) / 2, 0);
      for (const [x, y] of [red, blue, answer])
        expect(x >= place_x_m[0] && x <= place_x_m[1] && y >= place_y_m[0] && y <= place_y_m[1]).toBe(true);
      for (const [x, y] of [blue, answer])
        expect(Math.hypot(red[0] - x, red[1] - y)).toBeGreaterThanOrEqual(spacing_m);
    }
  });
});
