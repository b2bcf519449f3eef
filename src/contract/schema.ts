/** Pieces that the schemas of contracts and manifests share. */
import { z } from 'zod';
import { INTERPOLATIONS } from './strategy.js';

export const name = z.string().min(1);
export const positive = z.number().positive();
export const count = z.int().positive();
/** An image side. The bound only catches slips of the keyboard. */
export const pixels = z.int().positive().max(8192);

/** Refines a list: no two items share the value of `key`. */
export function distinct<K extends string>(key: K) {
  return (items: readonly Readonly<Record<K, unknown>>[], context: z.RefinementCtx): void => {
    const seen = new Set<unknown>();
    items.forEach((item, i) => {
      if (seen.has(item[key])) {
        context.addIssue({ code: 'custom', path: [i, key], message: 'must differ from those before it' });
      }
      seen.add(item[key]);
    });
  };
}

const following = {
  interpolation: z.enum(INTERPOLATIONS).exactOptional(),
  late_extrapolate_s: z.number().nonnegative().exactOptional(),
};

/** A `StrategySpec`. */
export const strategy = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('ensemble'), m: z.number(), ...following }),
  z.strictObject({ name: z.literal('receding'), steps: count, ...following }),
  z.strictObject({ name: z.literal('latest'), ...following }),
  z.strictObject({ name: z.literal('blend'), fade_s: positive, m: z.number().exactOptional(), ...following }),
]);
