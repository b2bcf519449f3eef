/**
 * Runs a policy on one provider and prints how that went. A program of its own: a graphics driver that crashes
 * takes its process with it.
 *
 *     node probe.js <bundle folder> <provider>
 */
import { UserError } from '../../errors.js';
import { exampleObservations } from '../../infer/exampleObservations.js';
import { loadBundle } from '../../infer/load.js';
import { Policy } from '../../infer/policy.js';

/** What is printed, as JSON. */
export type Probed =
  | {
      readonly usable: true;
      /** What it leaves to the CPU. */
      readonly notes: readonly string[];
      readonly loadMs: number;
      /** `session.run`, the quickest of a few, ms. */
      readonly runMs: number;
    }
  | { readonly usable: false; readonly reason: string };

/** An emulated GPU may take seconds a run. */
const RUNS = 5;
const ENOUGH_MS = 1000;

const [folder = '', provider = ''] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(await probe())}\n`);

async function probe(): Promise<Probed> {
  try {
    const bundle = await loadBundle(folder);
    const policy = await Policy.load(bundle, { provider: provider === 'cpu' ? provider : `${provider},cpu` });
    try {
      if (policy.provider !== provider) return { usable: false, reason: policy.providerNotes.join('; ') };
      const observations = exampleObservations(bundle);
      const started = performance.now();
      let runMs = Number.POSITIVE_INFINITY;
      for (let i = 0; i < RUNS && performance.now() - started < ENOUGH_MS; i++)
        runMs = Math.min(runMs, (await policy.infer(observations.next().value)).runMs);
      return { usable: true, notes: policy.providerNotes, loadMs: policy.startup.loadMs, runMs };
    } finally {
      await policy.close();
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { usable: false, reason: error.message };
  }
}
