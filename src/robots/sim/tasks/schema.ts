/** Keys that every task file has. Lengths in m, angles in rad. */
import { z } from 'zod';
import { surroundings } from '../surroundings.js';

/**
 * A task file's schema: the common keys with those of its own, `randomise` being what the seed decides.
 *
 * `robot` is the robot contract it is made for and `objects` an MJCF file of what lies about; paths start from the
 * task file.
 */
export function taskSchema<N extends string, K extends z.ZodRawShape, R extends z.ZodRawShape>(
  name: N,
  keys: K,
  randomise: R,
) {
  return z.strictObject({
    name: z.literal(name),
    instruction: z.string(),
    robot: z.string().min(1),
    objects: z.string().min(1),
    time_limit_s: z.number().positive(),
    ...keys,
    randomise: z.strictObject({ ...surroundings, ...randomise }),
  });
}
