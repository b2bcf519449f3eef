/**
 * The phases in which one arm takes a block from the table: hover above it, descend, close the fingers; open and start
 * again when it slipped or was pushed away.
 */
import type { Block } from '../block.js';
import { nearestYaw, wrap } from './angles.js';
import { type ArmPhase, type ArmSight, OPEN } from './script.js';

/** Metres, seconds. */
const HOVER = 0.085;
/** The tool centre below the block's centre. */
export const GRASP_DEPTH = 0.002;
export const RETREAT_TO = HOVER + 0.02;
export const SPEED = 0.3;
export const SPEED_NEAR = 0.18;
/** Fingers this far apart (one finger's travel) or less hold nothing. */
export const EMPTY = 0.012;

/** Where a block is, seen from a tool. */
export interface BlockSight {
  /** m */
  readonly aside: number;
  readonly above: number;
}

export function sighted({ tool }: ArmSight, block: Block): BlockSight {
  const { position: at } = block;
  return {
    aside: Math.hypot(at[0] - tool.position[0], at[1] - tool.position[1]),
    above: tool.position[2] - at[2],
  };
}

/** Whether an arm that had the block has it no more. */
export function dropped(arm: ArmSight, block: Block): boolean {
  const { aside, above } = sighted(arm, block);
  return arm.grip < EMPTY || above < -0.03 || aside > 0.03 || above > 0.04;
}

export interface Grasping<P extends string> {
  readonly block: Block;
  /** Of a side of the block, rad. */
  yaw(): number;
  /** Index of the arm, and the yaw that its fingers come to with the least turning. */
  readonly arm: number;
  readonly heading: number;
  /** How far below the block's centre the tool centre goes, m; GRASP_DEPTH where nothing else is to be had of it. */
  readonly depth: number;
  /** The phase that follows once the block is held. */
  readonly whenHeld: P;
}

export type GraspPhase = 'approach' | 'descend' | 'close' | 'retreat';

export function grasp<P extends string>({
  block,
  yaw,
  arm: index,
  heading,
  depth,
  whenHeld,
}: Grasping<P>): Record<GraspPhase, ArmPhase<P | GraspPhase>> {
  const blockYaw = () => nearestYaw(yaw(), heading);
  return {
    approach: {
      next(arm) {
        const { aside, above } = sighted(arm, block);
        const turn = wrap(blockYaw() - arm.tool.yaw);
        return aside < 0.012 && Math.abs(turn) < 0.15 && above < HOVER + 0.03 ? 'descend' : undefined;
      },
      goal() {
        const { position: at } = block;
        return {
          tool: { position: [at[0], at[1], at[2] + HOVER], yaw: blockYaw() },
          speed: SPEED,
          grip: OPEN,
        };
      },
    },
    descend: {
      next(arm) {
        const { aside, above } = sighted(arm, block);
        const turn = wrap(blockYaw() - arm.tool.yaw);
        if (aside > 0.025 || (above > 0.03 && Math.abs(turn) > 0.4)) return 'approach';
        return above < 0.006 + (GRASP_DEPTH - depth) && aside < 0.01 ? 'close' : undefined;
      },
      goal() {
        const { position: at } = block;
        const position = [at[0], at[1], at[2] - depth] as const;
        return { tool: { position, yaw: blockYaw() }, speed: SPEED_NEAR, grip: OPEN };
      },
    },
    close: {
      next(arm, inPhase) {
        if (sighted(arm, block).aside > 0.025) return 'retreat';
        if (inPhase > 0.25 && block.heldBy(index)) return whenHeld;
        return inPhase > 0.8 ? 'retreat' : undefined;
      },
      goal({ tool }) {
        const { position: at } = block;
        const position = [at[0], at[1], Math.max(at[2] - depth, 0.012)] as const;
        return { tool: { position, yaw: tool.yaw }, speed: 0.05, grip: 0 };
      },
    },
    retreat: {
      next: ({ grip }, inPhase) => (grip > 0.03 && inPhase > 0.3 ? 'approach' : undefined),
      goal: ({ tool }) => ({
        tool: { position: [tool.position[0], tool.position[1], RETREAT_TO], yaw: tool.yaw },
        speed: SPEED,
        grip: OPEN,
      }),
    },
  };
}
