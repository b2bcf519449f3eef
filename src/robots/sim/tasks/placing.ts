/** What tasks have in common in which a block is taken and put down somewhere else. */
import type { Block } from '../block.js';
import { Lasting } from '../lasting.js';

/** m, m/s */
const LIFT_CLEARANCE = 0.01;
const REST_SPEED = 0.02;

/**
 * The staged reward: 1 a finger touches the block, 2 lifted (held by both fingers, off the table), 3 over or on its
 * place, 4 standing there on the table, let go and at rest, for so long.
 */
export class Placing {
  readonly #block: Block;
  readonly #stands: Lasting;

  constructor(block: Block, holdS: number) {
    this.#block = block;
    this.#stands = new Lasting(holdS);
  }

  reset(): void {
    this.#stands.reset();
  }

  /** @param there whether the block is where it belongs, seen from above. @param time s; call it at every tick */
  reward(there: boolean, time: number): number {
    const block = this.#block;
    const { fingers, table } = block.touch;
    const standing = there && table && fingers[0] === 0 && block.speed < REST_SPEED;
    if (this.#stands.lasts(standing, time)) return 4;
    if (there) return 3;
    return lifted(block) ? 2 : fingers[0] > 0 ? 1 : 0;
  }
}

/** Held by both fingers, off the table. */
export function lifted(block: Block): boolean {
  const { fingers, table } = block.touch;
  return fingers[0] === 2 && !table && block.position[2] > block.half + LIFT_CLEARANCE;
}
