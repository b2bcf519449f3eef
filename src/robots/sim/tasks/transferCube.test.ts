import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fingers, PosedWorld } from '../../../../test/support/posedWorld.js';

let posed: PosedWorld;
beforeAll(async () => {
  posed = await PosedWorld.of('transfer_cube');
});
afterAll(() => posed.free());

const [LEFT, RIGHT] = [0, 1];
const TICKS_PER_S = 20;
const HOLD_TICKS = 10;

const fingers = fc.constantFrom<Fingers>(0, 1, 2);
const state = fc.record({ left: fingers, right: fingers, inAir: fc.boolean(), ticks: fc.nat({ max: 12 }) });
/** Often what leads to success. */
const mostlyTransfer = fc.oneof(
  state,
  state.map((each) => ({ ...each, left: 0 as const, right: 2 as const, inAir: true })),
  state.map((each) => ({ ...each, left: 2 as const, right: 0 as const, inAir: true, ticks: 12 })),
);

/** Both arms and the cube, in the middle of the table. */
function pose({ left, right, inAir }: { left: Fingers; right: Fingers; inAir: boolean }): void {
  posed.put('cube', [0, 0, inAir ? 0.15 : posed.lying('cube')]);
  posed.touch('cube', left, LEFT);
  posed.touch('cube', right, RIGHT);
}

describe('transfer_cube', () => {
  it('rewards exactly what holds: success only after a lift by the right arm and half a second with the left', () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(fc.array(mostlyTransfer, { minLength: 1, maxLength: 6 }), (states) => {
        posed.world.reset(1);
        let [lifted, tick] = [false, 0];
        const kept: boolean[] = [];
        for (const now of states) {
          pose(now);
          for (let n = 0; n < now.ticks; n++, tick++) {
            const lift = now.inAir && now.right === 2;
            lifted ||= lift;
            kept.push(lifted && now.inAir && now.left === 2 && now.right === 0);
            const transferred = kept.length > HOLD_TICKS && kept.slice(-HOLD_TICKS - 1).every(Boolean);
            const stages = [transferred, now.inAir && now.left > 0, lift, now.right > 0];
            const expected = 4 - [...stages, true].indexOf(true);
            const { reward } = posed.outcome(tick / TICKS_PER_S);
            expect(reward, JSON.stringify(now)).toBe(expected);
            seen.add(reward);
          }
        }
      }),
      { numRuns: 60 },
    );
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('forgets at a reset that the right arm had lifted it', () => {
    const hold = (from: number) => {
      pose({ left: 2, right: 0, inAir: true });
      return [0, 0.25, 0.5].map((time) => posed.outcome(from + time).reward);
    };
    posed.world.reset(1);
    pose({ left: 0, right: 2, inAir: true });
    expect(posed.outcome(0).reward).toBe(2);
    expect(hold(0.05)).toEqual([3, 3, 4]);
    posed.world.reset(1);
    expect(hold(0)).toEqual([3, 3, 3]);
  });

  it('has failed when the cube fell off the table', () => {
    posed.world.reset(1);
    posed.put('cube', [0, 0, -0.2]);
    expect(posed.outcome(0).failure).toBe('the cube fell off the table');
  });

  it('has 14 joints, left arm first, and a camera on each wrist', () => {
    const { contract, arms } = posed.world;
    expect(contract.joints).toHaveLength(14);
    expect(arms.map(({ prefix, gripper }) => [prefix, gripper])).toEqual([
      ['left_', 6],
      ['right_', 13],
    ]);
    // They look at each other.
    expect(Math.cos(arms[LEFT].heading)).toBeCloseTo(1, 9);
    expect(Math.cos(arms[RIGHT].heading)).toBeCloseTo(-1, 9);
    expect(contract.cameras.map(({ name, role }) => `${name}: ${role}`)).toEqual([
      'left_wrist_detail: wrist_detail',
      'right_wrist_detail: wrist_detail',
      'head: global_overview',
    ]);
  });
});
