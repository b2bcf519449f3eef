/** How smooth a motion is. Pure functions. */

/** A row a control tick: joint positions. */
export type Motion = readonly ArrayLike<number>[];

/** Sum of squares, number and greatest of a quantity's samples. */
export interface Extent {
  sum: number;
  count: number;
  max: number;
}

const at = (motion: Motion, n: number, j: number) => motion[n]?.[j] as number;

export function pool(extents: readonly Extent[]): { rms: number; max: number } {
  const sum = extents.reduce((total, part) => total + part.sum, 0);
  const count = extents.reduce((total, part) => total + part.count, 0);
  return { rms: Math.sqrt(sum / count), max: Math.max(...extents.map(({ max }) => max)) };
}

/** Jerk, third difference × rate³, of some joints at every instant: units/s³. */
export function jerk(motion: Motion, joints: readonly number[], rateHz: number): Extent {
  const all: Extent = { sum: 0, count: 0, max: 0 };
  for (let n = 3; n < motion.length; n++) {
    for (const j of joints) {
      const [a, b, c, d] = [n - 3, n - 2, n - 1, n].map((i) => at(motion, i, j)) as [
        number,
        number,
        number,
        number,
      ];
      const value = (d - 3 * c + 3 * b - a) * rateHz ** 3;
      all.sum += value * value;
      all.count++;
      all.max = Math.max(all.max, Math.abs(value));
    }
  }
  return all;
}

/** The greatest step of some joints from tick n − 1 to n, as a share of the `most` that each is allowed. */
export function stepShare(
  motion: Motion,
  n: number,
  joints: readonly number[],
  most: readonly number[],
): number {
  return Math.max(
    ...joints.map((j) => Math.abs(at(motion, n, j) - at(motion, n - 1, j)) / (most[j] as number)),
  );
}

/** The same of the change from one step to the next: a step in velocity. */
export function kinkShare(
  motion: Motion,
  n: number,
  joints: readonly number[],
  most: readonly number[],
): number {
  const kink = (j: number) => at(motion, n, j) - 2 * at(motion, n - 1, j) + at(motion, n - 2, j);
  return Math.max(...joints.map((j) => Math.abs(kink(j)) / (most[j] as number)));
}
