/** `saccade bench`: how fast policies run on this machine, by provider, precision and number of threads. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { UserError } from '../errors.js';
import type { ImageSize } from '../infer/exampleObservations.js';
import { loadBundle } from '../infer/load.js';
import { PROVIDERS, type Provider } from '../infer/providers.js';
import { table } from '../report/table.js';
import {
  type Configuration,
  type Measured,
  type Measurement,
  measure,
  turns,
  type Unusable,
} from './bench/measure.js';
import { machine, machineText } from './machine.js';
import { positiveInteger, wholeNumber } from './options.js';
import { Progress } from './progress.js';

interface BenchOptions {
  providers: readonly Provider[];
  threads: readonly number[];
  runs: number;
  warmup: number;
  images?: ImageSize;
  json?: boolean;
}

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure how fast policies run here, by provider, precision and number of threads.')
    .argument('<policy...>', 'bundles; variants of one are measured side by side')
    .option('--providers <list>', 'what to run them on, with commas between them', providers, PROVIDERS)
    .option(
      '--threads <list>',
      'CPU threads of one run, with commas between them (default: 1 and all cores)',
      threads,
      defaultThreads(availableParallelism()),
    )
    .option('--runs <n>', 'runs that count, each way', positiveInteger('--runs'), 200)
    .option('--warmup <n>', 'runs before them', wholeNumber('--warmup'), 20)
    .option(
      '--images <WxH>',
      "size of the cameras' images, as 640x480 (default: the policy's own)",
      imageSize,
    )
    .option('--json', 'print one JSON object instead of a table')
    .action(bench);
}

/** Rarely does a policy this size gain from more than four. */
const defaultThreads = (cores: number): readonly number[] => (cores === 1 ? [1] : [1, Math.min(4, cores)]);

async function bench(folders: string[], options: BenchOptions): Promise<void> {
  const { runs, warmup, images } = options;
  const bundles = [];
  for (const folder of folders) bundles.push(await loadBundle(folder));
  const configurations = bundles.flatMap((bundle) =>
    options.providers.flatMap((provider) =>
      // A GPU's latency does not depend on them.
      (provider === 'cpu' ? options.threads : [1]).map(
        (threads): Configuration => ({ bundle, provider, threads }),
      ),
    ),
  );
  const here = await machine();
  let progress: Progress | undefined;
  const measured = await measure(configurations, {
    runs,
    warmup,
    ...(images ? { size: images } : {}),
    onTurn: (ways) => {
      progress ??= new Progress({ total: turns(runs) * ways, unit: 'turns' });
      progress.advance();
    },
  }).finally(() => progress?.end());
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ machine: here, runs, warmup, images: images ?? null, ...measured })}\n`,
    );
  else process.stdout.write(`${machineText(here)}\n\n${benchText(measured)}\n`);
}

const COLUMNS = [
  { title: 'policy' },
  { title: 'precision' },
  { title: 'provider' },
  ...['threads', 'run p50', 'p90', 'p99', 'mean', 'infer p50', 'p90', 'p99', 'mean', 'first', 'load'].map(
    (title) => ({ title, align: 'right' as const }),
  ),
  { title: 'memory MB', align: 'right' as const },
  { title: 'graph MB', align: 'right' as const },
];

/** @returns a table in ms, then what is on the CPU all the same, and what could not be measured and why */
export function benchText({ results, unusable }: Measured): string {
  const lines = [
    ...results.flatMap(({ policy, notes }) => notes.map((note) => `${policy}: ${note}`)),
    ...reasons(results, unusable),
  ];
  const parts = [
    results.length > 0 ? `${table(COLUMNS, results.map(row))}\n\n${LEGEND}` : '',
    [...new Set(lines)].join('\n'),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

const LEGEND = 'ms; run: session.run alone; infer: from the observation to the chunk';

/** What keeps every policy from a provider is said once. */
function reasons(results: readonly Measurement[], unusable: readonly Unusable[]): string[] {
  const policies = new Set([...results, ...unusable].map(({ policy }) => policy));
  return unusable.map(({ policy, reason }) => {
    const same = new Set(unusable.filter((other) => other.reason === reason).map((other) => other.policy));
    return same.size === policies.size ? reason : `${policy}: ${reason}`;
  });
}

function row(result: Measurement): string[] {
  const { run_ms: run, infer_ms: infer } = result;
  return [
    result.policy,
    result.precision,
    result.provider,
    String(result.threads),
    ...[run.p50, run.p90, run.p99, run.mean, infer.p50, infer.p90, infer.p99, infer.mean].map((ms) =>
      ms.toFixed(2),
    ),
    result.first_run_ms.toFixed(1),
    result.load_ms.toFixed(0),
    result.memory_mb.toFixed(0),
    result.graph_mb.toFixed(1),
  ];
}

function providers(text: string): readonly Provider[] {
  return text.split(',').map((name) => {
    const known = PROVIDERS.find((provider) => provider === name);
    if (known) return known;
    throw new UserError(`Option --providers must list some of ${PROVIDERS.join(', ')}, not '${name}'.`);
  });
}

const threads = (text: string): readonly number[] => text.split(',').map(positiveInteger('--threads'));

const imageSize = (text: string): ImageSize => {
  const [, width, height] = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text) ?? [];
  if (width === undefined || height === undefined)
    throw new UserError(`Option --images must be a width and a height in pixels, as 640x480, not '${text}'.`);
  return { width: Number(width), height: Number(height) };
};
