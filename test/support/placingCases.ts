/** Property of every task in which a block is put down somewhere: each stage has all its conditions. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Fingers, PosedWorld } from './posedWorld.js';

interface PlacingCase {
  readonly posed: PosedWorld;
  readonly block: string;
  /** Where the block belongs, and where it does not, m. */
  readonly there: readonly [x: number, y: number];
  readonly elsewhere: readonly [x: number, y: number];
}

/** What holds for some control ticks. */
const state = fc.record({
  there: fc.boolean(),
  onTable: fc.boolean(),
  fingers: fc.constantFrom<Fingers>(0, 1, 2),
  moving: fc.boolean(),
  ticks: fc.integer({ min: 1, max: 14 }),
});
/** Often the one that leads to success. */
const mostlyStanding = fc.oneof(
  state,
  state.map((each) => ({ ...each, there: true, onTable: true, fingers: 0 as const, moving: false })),
);

const TICKS_PER_S = 20;
const HOLD_TICKS = 10;

export function placingCases(setUp: () => PlacingCase): void {
  it('rewards exactly what stands: success only after half a second of every condition', () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(fc.array(mostlyStanding, { minLength: 1, maxLength: 6 }), (states) => {
        const start = setUp().posed;
        start.world.reset(5);
        const { posed, block, there, elsewhere } = setUp();
        const standing: boolean[] = [];
        for (const now of states) {
          const z = now.onTable ? posed.lying(block) : 0.1;
          posed.put(block, [...(now.there ? there : elsewhere), z], now.moving ? 0.1 : 0);
          posed.touch(block, now.fingers);
          for (let tick = 0; tick < now.ticks; tick++) {
            standing.push(now.there && now.onTable && now.fingers === 0 && !now.moving);
            const held = standing.length > HOLD_TICKS && standing.slice(-HOLD_TICKS - 1).every(Boolean);
            const lifted = now.fingers === 2 && !now.onTable;
            const expected = held ? 4 : now.there ? 3 : lifted ? 2 : now.fingers > 0 ? 1 : 0;
            const { reward } = posed.outcome((standing.length - 1) / TICKS_PER_S);
            expect(reward, JSON.stringify(now)).toBe(expected);
            seen.add(reward);
          }
        }
      }),
      { numRuns: 60 },
    );
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
  });
}
