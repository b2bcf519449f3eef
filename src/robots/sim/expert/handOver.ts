/**
 * One arm takes a block from the table and gives it to the other in the air. The taker keeps its tool level, pointing
 * at the giver, and grips above and below; the giver grips from above, so their fingers do not meet.
 */
import type { Block } from '../block.js';
import { wrap } from './angles.js';
import { dropped, EMPTY, type GraspPhase, grasp, SPEED, SPEED_NEAR, sighted } from './grasp.js';
import { type ArmGoal, type ArmPhase, type ArmSight, OPEN, type Phase, type Sight } from './script.js';

type Point = readonly [number, number, number];

// Metres, seconds.
/** The giver holds the block by its upper half: the taker's upper finger, wide open, passes below its palm. */
const GIVER_DEPTH = -0.006;
/** How far the taker keeps away, behind where it is to take the block: until the giver has it, and then. */
const FAR = 0.17;
const WAIT = 0.1;
/** Near enough to where it is to be, for the other to come. */
const NEAR = 0.025;
/** The taker goes on only while it is no further beside the block than this: its fingers are to pass it. */
const BESIDE = 0.012;
/** How far beyond the block's centre its tool centre goes, and how far from there it may close. */
const BEYOND = 0.004;
const DEEP = 0.01;
/** A block that is this far off the middle of the giver's fingers is put back before it is this high. */
const ASKEW = 0.014;
const CHECKED = 0.05;
/** The giver's tool so far above the block, when it has left it. */
const CLEAR = 0.09;

type HandOverPhase = 'lift' | 'line_up' | 'reach' | 'take' | 'let_go' | 'part' | 'keep';

export interface HandOver {
  readonly block: Block;
  /** Indices of the arms, and where each looks, rad. */
  readonly giver: number;
  readonly taker: number;
  readonly giverHeading: number;
  readonly takerHeading: number;
  /** Where the giver brings the block, m. */
  readonly at: Point;
}

export function handOver(
  spec: HandOver,
): Record<GraspPhase | HandOverPhase, Phase<GraspPhase | HandOverPhase>> {
  type P = GraspPhase | HandOverPhase;
  const { block, giver, taker, giverHeading, takerHeading, at } = spec;
  const forward: Point = [Math.cos(takerHeading), Math.sin(takerHeading), 0];

  /** The taker's goal, `behind` so far the point that its fingers are to close about. */
  const behind = (point: Point, distance: number, grip: number, speed: number): ArmGoal => ({
    tool: {
      position: [point[0] - distance * forward[0], point[1] - distance * forward[1], point[2]],
      yaw: takerHeading,
    },
    speed,
    grip,
  });
  const waiting = (distance: number) => behind(at, distance, OPEN, SPEED);
  const offering = (): ArmGoal => ({
    tool: { position: [at[0], at[1], at[2] - GIVER_DEPTH], yaw: giverHeading },
    speed: SPEED_NEAR,
    grip: 0,
  });
  /** Above where it gave the block. */
  const parted = (): ArmGoal => ({
    tool: { position: [at[0], at[1], at[2] + CLEAR + 0.02], yaw: giverHeading },
    speed: SPEED_NEAR,
    grip: OPEN,
  });
  const keeping = () => behind(at, -BEYOND, 0, SPEED_NEAR);
  const inOrder = (giverGoal: ArmGoal, takerGoal: ArmGoal) => {
    const goals: ArmGoal[] = [];
    goals[giver] = giverGoal;
    goals[taker] = takerGoal;
    return goals;
  };
  /** From the taker's tool to a point, m. */
  const away = ({ tool }: ArmSight, [x, y, z]: Point) =>
    Math.hypot(x - tool.position[0], y - tool.position[1], z - tool.position[2]);
  const lost = ({ arms }: Sight) => dropped(arms[giver], block);
  const takerLost = ({ arms }: Sight) => arms[taker].grip < EMPTY || away(arms[taker], block.position) > 0.03;
  const lineUp = () => behind(block.position, WAIT, OPEN, SPEED_NEAR);
  /** Where the taker's tool is, seen from the block along the taker's heading, and how far off that line. */
  const course = ({ tool }: ArmSight) => {
    const [x, y, z] = block.position.map((p, i) => tool.position[i] - p);
    const along = x * forward[0] + y * forward[1];
    return { along, beside: Math.hypot(x * forward[1] - y * forward[0], z) };
  };
  const reach = ({ arms }: Sight) => {
    const back = Math.min(WAIT, Math.max(0, 12 * (course(arms[taker]).beside - BESIDE)));
    return behind(block.position, back - BEYOND, OPEN, SPEED_NEAR);
  };
  const { approach, descend, close, retreat } = grasp({
    block,
    yaw: () => block.sideYaw,
    arm: giver,
    heading: giverHeading,
    depth: GIVER_DEPTH,
    whenHeld: 'lift',
  });
  const meanwhileWaiting = ({ next, goal }: ArmPhase<P>): Phase<P> => ({
    next: ({ arms, inPhase }) => next(arms[giver], inPhase),
    goals: ({ arms }) => inOrder(goal(arms[giver]), waiting(FAR)),
  });

  return {
    approach: meanwhileWaiting(approach),
    descend: meanwhileWaiting(descend),
    close: meanwhileWaiting(close),
    retreat: meanwhileWaiting(retreat),
    lift: {
      next(sight) {
        const [x, y, z] = block.position;
        const near = sighted(sight.arms[giver], block).aside < ASKEW;
        if (lost(sight) || (z < CHECKED && !near)) return 'retreat';
        const there = Math.hypot(x - at[0], y - at[1], z - at[2]) < NEAR;
        return there && Math.abs(wrap(sight.arms[giver].tool.yaw - giverHeading)) < 0.08
          ? 'line_up'
          : undefined;
      },
      goals: () => inOrder(offering(), waiting(WAIT)),
    },
    line_up: {
      next(sight) {
        if (lost(sight)) return 'retreat';
        return away(sight.arms[taker], lineUp().tool.position) < NEAR ? 'reach' : undefined;
      },
      goals: () => inOrder(offering(), lineUp()),
    },
    reach: {
      next(sight) {
        if (lost(sight)) return 'retreat';
        const { along, beside } = course(sight.arms[taker]);
        return beside < BESIDE && Math.abs(along - BEYOND) < DEEP ? 'take' : undefined;
      },
      goals: (sight) => inOrder(offering(), reach(sight)),
    },
    take: {
      next(sight) {
        const { arms, inPhase } = sight;
        const closed = arms[taker].grip < block.half + 0.003;
        if (inPhase > 0.35 && closed && !takerLost(sight)) return 'let_go';
        if (lost(sight)) return block.heldBy(taker) ? 'let_go' : 'retreat';
        return takerLost(sight) || inPhase > 1 ? 'reach' : undefined;
      },
      goals: () => inOrder(offering(), behind(block.position, -BEYOND, 0, SPEED_NEAR)),
    },
    let_go: {
      next(sight) {
        if (takerLost(sight)) return 'retreat';
        return sight.arms[giver].grip > block.half + 0.006 ? 'part' : undefined;
      },
      goals: () => inOrder({ ...offering(), grip: OPEN }, keeping()),
    },
    part: {
      next(sight) {
        if (takerLost(sight)) return 'retreat';
        const { tool } = sight.arms[giver];
        return tool.position[2] - block.position[2] > CLEAR ? 'keep' : undefined;
      },
      goals: () => inOrder(parted(), keeping()),
    },
    keep: {
      next: (sight) => (takerLost(sight) ? 'retreat' : undefined),
      goals: () => inOrder(parted(), keeping()),
    },
  };
}
