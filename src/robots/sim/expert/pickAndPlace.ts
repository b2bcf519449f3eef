/** Takes a block and puts it down somewhere else: lift, carry, lower, release, rise; again where it went wrong. */
import type { Block } from '../block.js';
import type { Place } from '../scatter.js';
import { dropped, GRASP_DEPTH, type GraspPhase, grasp, RETREAT_TO, SPEED_NEAR, sighted } from './grasp.js';
import { type ArmPhase, type ArmSight, OPEN } from './script.js';

/** Metres, seconds. */
const CARRY_AT = 0.13; // of the tool: whatever stands on the table passes below
const SPEED_CARRY = 0.25;
const SPEED_LOWER = 0.12;
/** From where it is to stand: near enough to go down, and too far to go on down. */
const NEAR = 0.01;
const ASTRAY = 0.03;
const PRESS = 0.005;
const CLEAR = 0.075; // tool above the block, when it is out of the fingers

type PlacePhase = 'lift' | 'carry' | 'lower' | 'release' | 'rise' | 'rest';

export interface PickAndPlace {
  readonly block: Block;
  readonly heading: number;
  /** Where it is to stand. */
  target(): Place;
  /** Whether it stands well where it stands. */
  placed(): boolean;
  /** How far the fingers open to let go, m; less than OPEN where something stands close by. */
  readonly release: number;
}

export function pickAndPlace(
  spec: PickAndPlace,
): Record<GraspPhase | PlacePhase, ArmPhase<GraspPhase | PlacePhase>> {
  const { block, heading, target, placed, release } = spec;
  /** From the block to where it is to stand. */
  const gap = (): Place => {
    const [x, y] = target();
    const { position: at } = block;
    return [x - at[0], y - at[1]];
  };
  /** A place for the tool from which the block is over its target. */
  const over = ({ tool }: ArmSight, z: number) => {
    const [dx, dy] = gap();
    return [tool.position[0] + dx, tool.position[1] + dy, z] as const;
  };
  const still = ({ tool }: ArmSight, z = tool.position[2]) =>
    [tool.position[0], tool.position[1], z] as const;
  return {
    ...grasp({ block, yaw: () => block.sideYaw, arm: 0, heading, depth: GRASP_DEPTH, whenHeld: 'lift' }),
    lift: {
      next: (arm) =>
        dropped(arm, block) ? 'retreat' : arm.tool.position[2] > CARRY_AT - 0.03 ? 'carry' : undefined,
      goal: (arm) => ({
        tool: { position: still(arm, CARRY_AT), yaw: arm.tool.yaw },
        speed: SPEED_NEAR,
        grip: 0,
      }),
    },
    carry: {
      next: (arm) => (dropped(arm, block) ? 'retreat' : Math.hypot(...gap()) < NEAR ? 'lower' : undefined),
      goal: (arm) => ({
        tool: { position: over(arm, CARRY_AT), yaw: arm.tool.yaw },
        speed: SPEED_CARRY,
        grip: 0,
      }),
    },
    lower: {
      next(arm) {
        if (dropped(arm, block)) return 'retreat';
        if (Math.hypot(...gap()) > ASTRAY) return 'carry';
        return block.touch.table || block.position[2] < block.half + 0.001 ? 'release' : undefined;
      },
      goal(arm) {
        // Aims below the table top, to get there and not only ever nearer.
        const above = block.position[2] - block.half + PRESS;
        return {
          tool: { position: over(arm, arm.tool.position[2] - above), yaw: arm.tool.yaw },
          speed: SPEED_LOWER,
          grip: 0,
        };
      },
    },
    release: {
      next: ({ grip }, inPhase) => (grip > release - 0.008 && inPhase > 0.25 ? 'rise' : undefined),
      goal: (arm) => ({
        tool: { position: still(arm), yaw: arm.tool.yaw },
        speed: SPEED_LOWER,
        grip: release,
      }),
    },
    rise: {
      next: (arm) => (sighted(arm, block).above > CLEAR ? 'rest' : undefined),
      goal: (arm) => ({
        tool: { position: still(arm, RETREAT_TO), yaw: arm.tool.yaw },
        speed: SPEED_NEAR,
        grip: release,
      }),
    },
    rest: {
      next: () => (placed() ? undefined : 'approach'),
      goal: (arm) => ({
        tool: { position: still(arm, RETREAT_TO), yaw: arm.tool.yaw },
        speed: SPEED_NEAR,
        grip: OPEN,
      }),
    },
  };
}
