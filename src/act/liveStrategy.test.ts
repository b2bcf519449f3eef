import { describe, expect, it } from 'vitest';
import type { StrategySpec } from '../contract/strategy.js';
import { UserError } from '../errors.js';
import type { ActionChunk } from './chunk.js';
import { LiveStrategy } from './liveStrategy.js';
import { createStrategy } from './strategy.js';

const SHAPE = { length: 4, width: 2 };
const DT = 0.05;

/** Made on tick `n`, unlike any other tick's. */
const chunk = (n: number): ActionChunk => ({
  time: n * DT,
  dt: DT,
  ...SHAPE,
  actions: Float32Array.from({ length: 8 }, (_, i) => Math.sin(n * 1.7 + i)),
});

const SPECS: readonly StrategySpec[] = [
  { name: 'ensemble', m: 0.01 },
  { name: 'ensemble', m: -1 },
  { name: 'receding', steps: 2 },
  { name: 'latest' },
  { name: 'latest', interpolation: 'linear', late_extrapolate_s: 0 },
  // Fading faster than chunks come: what chunks before those remembered left of an offset is gone.
  { name: 'blend', fade_s: 0.04 },
];

function actions(strategy: { actionAt(time: number, out: Float32Array): boolean }, n: number) {
  const out = new Float32Array(2);
  return strategy.actionAt(n * DT, out) ? [...out] : undefined;
}

describe('LiveStrategy', () => {
  it.each(SPECS.flatMap((from) => SPECS.map((to) => [from, to] as const)))(
    'changed from %o to %o goes on as if it had been the new one all along',
    (from, to) => {
      const live = new LiveStrategy(from, SHAPE);
      const reference = createStrategy(to, SHAPE);
      for (let n = 0; n < 30; n++) {
        live.add(chunk(n), n * DT);
        reference.add(chunk(n), n * DT);
      }
      live.change(to);
      expect(live.spec).toEqual(to);
      for (let n = 30; n < 36; n++) expect(actions(live, n)).toEqual(actions(reference, n));
      expect(live.wantsInference(31 * DT, 0)).toBe(reference.wantsInference(31 * DT, 0));
    },
  );

  it('knows nothing of an episode before', () => {
    const live = new LiveStrategy({ name: 'latest' }, SHAPE);
    live.add(chunk(0), 0);
    live.reset(new Float32Array(2));
    live.change({ name: 'ensemble', m: 0 });
    expect(actions(live, 1)).toBeUndefined();
  });

  it('refuses what cannot work and stays as it was', () => {
    const live = new LiveStrategy({ name: 'latest' }, SHAPE);
    expect(() => live.change({ name: 'receding', steps: 5 })).toThrow(UserError);
    expect(live.spec).toEqual({ name: 'latest' });
  });
});
