/** Places for things on the table. */
import { UserError } from '../../errors.js';
import type { Random } from '../../random.js';

export type Place = readonly [x: number, y: number];

export interface ScatterArea {
  /** Ranges, m. */
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  /** No two places are nearer to each other, m. */
  readonly spacing: number;
}

const MAX_TRIES = 10_000;

export const distance = ([ax, ay]: Place, [bx, by]: Place): number => Math.hypot(ax - bx, ay - by);

/**
 * Places that are uniform over the area, given that they keep their distance and are `allowed`: all of them are drawn anew
 * until they do.
 * @param task that an error names
 * @throws UserError when there is no room for them
 */
export function scatter(
  random: Random,
  count: number,
  { x, y, spacing }: ScatterArea,
  task: string,
  allowed: (places: readonly Place[]) => boolean = () => true,
): Place[] {
  for (let i = 0; i < MAX_TRIES; i++) {
    const places = Array.from({ length: count }, (): Place => [random.uniform(...x), random.uniform(...y)]);
    const apart = places.every((a, j) => places.every((b, k) => k <= j || distance(a, b) >= spacing));
    if (apart && allowed(places)) return places;
  }
  throw new UserError(
    `task ${task}: there is no room for ${count} places ${spacing} m apart: widen randomise.place_x_m and place_y_m, or lessen spacing_m`,
  );
}
