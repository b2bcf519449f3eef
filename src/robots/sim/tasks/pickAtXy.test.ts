import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placingCases } from '../../../../test/support/placingCases.js';
import { PosedWorld } from '../../../../test/support/posedWorld.js';
import type { PickAtXySpec } from './pickAtXy.js';

let posed: PosedWorld;
let spec: PickAtXySpec;
beforeAll(async () => {
  posed = await PosedWorld.of('pick_at_xy');
  spec = posed.spec as PickAtXySpec;
});
afterAll(() => posed.free());

/** Of the drawn target, m. */
function target(): [x: number, y: number] {
  const { scene } = posed.world;
  const [x, y] = scene.data.xpos.slice(3 * scene.id('body', 'target'));
  return [x, y];
}

describe('pick_at_xy', () => {
  placingCases(() => {
    const [x, y] = target();
    return { posed, block: 'block_1', there: [x, y], elsewhere: [x - spec.tolerance_m - 0.01, y] };
  });

  it('measures how far from the target the block is, and asks for the tolerance', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.05, noNaN: true }),
        fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }),
        fc.integer({ min: 0, max: 1000 }),
        (far, way, seed) => {
          posed.world.reset(seed);
          const [x, y] = target();
          posed.put('block_1', [x + far * Math.cos(way), y + far * Math.sin(way), 0.1]);
          const { reward, metrics } = posed.outcome(0);
          expect(metrics?.position_error_m).toBeCloseTo(far, 9);
          if (Math.abs(far - spec.tolerance_m) > 1e-9) expect(reward).toBe(far < spec.tolerance_m ? 3 : 0);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('gives nothing for a block that is not on the plate, and has failed when it is lifted', () => {
    posed.world.reset(3);
    const [x, y] = target();
    posed.put('block_2', [x, y, posed.lying('block_2')]);
    for (const time of [0, 0.5, 1]) expect(posed.outcome(time)).toMatchObject({ reward: 0 });
    posed.touch('block_2', 2);
    expect(posed.outcome(1.5).failure).toBeUndefined();
    posed.put('block_2', [x, y, 0.1]);
    posed.touch('block_2', 2);
    expect(posed.outcome(2)).toMatchObject({
      reward: 0,
      failure: 'a block was lifted that is not on the plate',
    });
  });

  it('has failed when the block fell off the table', () => {
    posed.world.reset(4);
    posed.put('block_1', [0.3, 0, -0.2]);
    expect(posed.outcome(0)).toMatchObject({ reward: 0, failure: 'the block fell off the table' });
  });

  it('has the first block on the plate, the others away from it, and everything in reach', () => {
    const { place_x_m, place_y_m, spacing_m } = spec.randomise;
    for (let seed = 1; seed <= 100; seed++) {
      posed.world.reset(seed);
      const { scene } = posed.world;
      const [plateX, plateY] = scene.data.xpos.slice(3 * scene.id('body', 'plate'));
      const blocks = ['block_1', 'block_2', 'block_3'].map((name) => posed.where(name));
      expect([plateX, plateY]).toEqual(blocks[0].slice(0, 2));
      const places = [target(), ...blocks];
      places.forEach(([x, y], i) => {
        expect(x >= place_x_m[0] && x <= place_x_m[1] && y >= place_y_m[0] && y <= place_y_m[1]).toBe(true);
        for (const [otherX, otherY] of places.slice(0, i))
          expect(Math.hypot(x - otherX, y - otherY)).toBeGreaterThanOrEqual(spacing_m);
      });
    }
  });
});
