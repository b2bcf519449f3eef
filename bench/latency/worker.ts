/** A process that runs the episodes it is sent, one after the other. */
import type { Condition, Contestant } from './cells.js';
import { Bench, type Outcome, type Places } from './episode.js';

export interface Job {
  readonly contestant: Contestant;
  readonly condition: Condition;
  readonly seed: number;
}

export type Report = { readonly kind: 'ready' } | { readonly kind: 'done'; readonly outcome: Outcome };

const places: Places = JSON.parse(process.argv[2] as string);
const bench = await Bench.open(places);
const report = (message: Report) => process.send?.(message);
process.on('message', async (job: Job | 'end') => {
  if (job === 'end') {
    await bench.close();
    process.exit();
  }
  report({ kind: 'done', outcome: await bench.run(job.contestant, job.condition, job.seed) });
});
// The program that feeds it has ended.
process.on('disconnect', () => process.exit());
report({ kind: 'ready' });
