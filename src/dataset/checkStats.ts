/** Whether `meta/stats.json` says what the rows say. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DatasetInfo, STATS } from './format.js';
import type { Values } from './read.js';

export interface Moments {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
}

/** By feature, of each of its numbers. */
export type Measured = ReadonlyMap<string, readonly Moments[]>;

/** Running moments (Welford): the numbers themselves are not kept. */
class Running {
  #count = 0;
  #mean = 0;
  #squares = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.#count++;
    const delta = value - this.#mean;
    this.#mean += delta / this.#count;
    this.#squares += delta * (value - this.#mean);
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  finish(): Moments {
    return {
      min: this.#min,
      max: this.#max,
      mean: this.#mean,
      std: Math.sqrt(this.#squares / this.#count),
    };
  }
}

export class Measuring {
  readonly #running: ReadonlyMap<string, Running[]>;

  constructor(features: readonly string[]) {
    this.#running = new Map(features.map((key) => [key, []]));
  }

  add(row: Values): void {
    for (const [key, running] of this.#running) {
      const value = row[key];
      if (value === undefined || value === null) continue;
      const values = typeof value === 'object' ? Array.from(value as ArrayLike<unknown>) : [value];
      for (const [j, number] of values.entries()) {
        running[j] ??= new Running();
        (running[j] as Running).add(Number(number));
      }
    }
  }

  finish(): Measured {
    return new Map([...this.#running].map(([key, all]) => [key, all.map((one) => one.finish())]));
  }
}

/** How far a statistic may be from ours, as a share of the feature's range: LeRobot computes in float32. */
const TOLERANCE = 1e-3;

export async function checkStats(
  dir: string,
  { features }: DatasetInfo,
  measured: Measured,
  note: (problem: string) => void,
): Promise<void> {
  let stats: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  try {
    stats = JSON.parse(await readFile(join(dir, STATS), 'utf8'));
  } catch (error) {
    note(`${STATS} cannot be read: ${(error as Error).message}`);
    return;
  }
  for (const key of Object.keys(features)) {
    const moments = measured.get(key);
    if (!moments || moments.length === 0) continue;
    for (const statistic of ['min', 'max', 'mean', 'std'] as const) {
      const said = [stats[key]?.[statistic]].flat(Number.POSITIVE_INFINITY);
      const wrong = moments.findIndex((one, j) => {
        const range = Math.max(one.max - one.min, 1e-6);
        return !(Math.abs(Number(said[j]) - one[statistic]) <= TOLERANCE * range);
      });
      if (wrong >= 0)
        note(
          `${STATS}: ${statistic} of ${key}${moments.length > 1 ? `, number ${wrong},` : ''} is ${said[wrong]} and the rows' is ${moments[wrong]?.[statistic]}`,
        );
    }
  }
}
