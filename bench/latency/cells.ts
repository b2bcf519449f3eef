/** What is compared, and under which conditions. */
import type { ChunkShape } from '../../src/act/chunk.js';
import { createStrategy, type Strategy } from '../../src/act/strategy.js';
import type { StrategySpec } from '../../src/contract/strategy.js';
import { LeRobotAsync, SyncChunks, SyncEnsemble } from './baselines.js';

/** Of the inference, and of the sensors. */
export interface Condition {
  readonly latencyMs: number;
  /** ± */
  readonly jitterMs: number;
  readonly delayMs: number;
}

export type Contestant =
  | { readonly label: string; readonly spec: StrategySpec }
  | {
      readonly label: string;
      readonly baseline: 'sync' | 'lerobot' | 'sync-ensemble';
      readonly rows?: number;
    };

export function strategyOf(contestant: Contestant, shape: ChunkShape): Strategy {
  if ('spec' in contestant) return createStrategy(contestant.spec, shape);
  switch (contestant.baseline) {
    case 'sync':
      return new SyncChunks(shape, contestant.rows ?? shape.length);
    case 'lerobot':
      return new LeRobotAsync(shape);
    case 'sync-ensemble':
      return new SyncEnsemble(shape);
  }
}

export const BASELINES: readonly Contestant[] = [
  { label: 'synchronous chunks', baseline: 'sync' },
  { label: 'synchronous half chunks', baseline: 'sync', rows: 10 },
  { label: 'synchronous ensembling', baseline: 'sync-ensemble' },
  { label: 'LeRobot async, weighted average', baseline: 'lerobot' },
];

export const STRATEGIES: readonly Contestant[] = [
  { label: 'ensemble, m = 0.01', spec: { name: 'ensemble', m: 0.01 } },
  { label: 'ensemble, m = −0.1', spec: { name: 'ensemble', m: -0.1 } },
  { label: 'receding, 10 rows', spec: { name: 'receding', steps: 10 } },
  { label: 'latest', spec: { name: 'latest' } },
  { label: 'blend', spec: { name: 'blend', fade_s: 0.2, m: 0.01 } },
];

export const CONDITIONS: readonly Condition[] = [
  { latencyMs: 0, jitterMs: 0, delayMs: 0 },
  { latencyMs: 50, jitterMs: 0, delayMs: 0 },
  { latencyMs: 100, jitterMs: 0, delayMs: 0 },
  { latencyMs: 200, jitterMs: 0, delayMs: 0 },
  { latencyMs: 200, jitterMs: 100, delayMs: 0 },
  { latencyMs: 200, jitterMs: 100, delayMs: 100 },
  { latencyMs: 500, jitterMs: 0, delayMs: 0 },
  { latencyMs: 1000, jitterMs: 0, delayMs: 0 },
];

export function describe({ latencyMs, jitterMs, delayMs }: Condition): string {
  const jitter = jitterMs > 0 ? ` ± ${jitterMs}` : '';
  const delay = delayMs > 0 ? `, seen ${delayMs} ms late` : '';
  return `${latencyMs}${jitter} ms${delay}`;
}
