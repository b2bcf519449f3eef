/** `saccade replay`: a policy on recorded episodes, and how far it is from what was done (docs/replay.md). */
import { Command } from 'commander';
import { type Shard, takeShard } from '../episode/shard.js';
import { UserError } from '../errors.js';
import { type Earlier, readEarlier, regressions } from '../replay/against.js';
import { contractSha256, describeStrategy, type PreparedReplay, prepare } from '../replay/prepare.js';
import { replay } from '../replay/replay.js';
import type { ReplaySummary } from '../replay/results.js';
import type { ReplayJob, ReplaySpec } from '../replay/spec.js';
import { bagTable, regressionTable, replayTable } from '../replay/tables.js';
import { ResultsFolder } from '../report/results.js';
import { findBags } from '../robots/bag/findBags.js';
import { version } from '../version.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { log } from './log.js';
import { nonNegativeNumber, positiveInteger, shard } from './options.js';
import { Progress } from './progress.js';
import { addProviderOptions, chosenProvider, logProviderNotes, type ProviderCliOptions } from './provider.js';
import { defaultWorkers } from './rollout.js';
import { addStrategyOptions, chosenStrategy, type StrategyOptions } from './strategy.js';

interface ReplayOptions extends StrategyOptions, ProviderCliOptions {
  policy: string;
  robot?: string;
  workers: number;
  shard?: Shard;
  out?: string;
  json?: boolean;
  against?: string;
  tolerance?: number;
}

/** What CI takes as "worse". */
const REGRESSED = 1;

export function replayCommand(): Command {
  const command = new Command('replay')
    .description(
      'Run a policy on recorded episodes: open-loop error, latency, would-be safety interventions.',
    )
    .argument('<bag...>', 'bags, or folders of bags')
    .requiredOption('--policy <dir>', 'policy bundle')
    .option('--robot <file>', "robot contract (default: the bag's own)");
  return addProviderOptions(addStrategyOptions(command))
    .option(
      '--workers <n>',
      'threads; the results do not depend on it',
      positiveInteger('--workers'),
      defaultWorkers,
    )
    .option('--shard <k/n>', 'replay the k-th of n shares only, for n machines', shard('--shard'))
    .option('--against <file>', "an earlier replay's summary; exit code 1 when this one is worse")
    .option(
      '--tolerance <x>',
      "with --against: how much a joint's mean error may rise, rad (m) (default: 0)",
      nonNegativeNumber('--tolerance'),
    )
    .option('--out <dir>', 'write results.jsonl and summary.json to this folder')
    .option('--json', 'print one JSON object instead of tables')
    .action(run);
}

async function run(paths: string[], options: ReplayOptions): Promise<void> {
  const { policy, robot, against, tolerance } = options;
  if (tolerance !== undefined && against === undefined)
    throw new UserError('Option --tolerance goes with --against: name the earlier results.');
  const strategy = await chosenStrategy(options, policy);
  const spec: ReplaySpec = {
    policy,
    ...chosenProvider(options),
    ...(robot === undefined ? {} : { robot }),
    ...(strategy ? { strategy } : {}),
  };
  const prepared = await prepare(spec, share(await findBags(paths), options.shard));
  for (const warning of prepared.warnings) log.warn(warning);
  const names = prepared.jobs.map(({ name }) => name);
  const earlier =
    against === undefined ? undefined : await readEarlier(against, names, options.shard !== undefined);

  const { summary, files, interrupted } = await replayInto(spec, prepared, options);
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    const named = files.length > 0 ? `\n\nWritten: ${files.join(', ')}` : '';
    process.stdout.write(`${bagTable(summary.results)}\n\n${replayTable(summary)}${named}\n`);
  }
  if (interrupted) process.exitCode = INTERRUPTED;
  else if (earlier) judge(earlier, summary, tolerance ?? 0);
}

function share(bags: readonly ReplayJob[], shard: Shard | undefined): readonly ReplayJob[] {
  if (!shard) return bags;
  if (shard.count > bags.length)
    throw new UserError(
      `Option --shard deals ${bags.length} ${bags.length === 1 ? 'bag' : 'bags'} to ${shard.count} shards: some would be empty; use at most ${bags.length}.`,
    );
  return takeShard(bags, shard);
}

async function replayInto(spec: ReplaySpec, prepared: PreparedReplay, options: ReplayOptions) {
  const folder = options.out === undefined ? undefined : await ResultsFolder.open(options.out);
  const name = (left: string) => log.warn(`The bags that had been replayed are in ${left}.`);
  try {
    return await interruptible(
      (signal) => execute(spec, prepared, options, folder, signal),
      () => folder && name(folder.partial),
    );
  } catch (error) {
    const left = await folder?.abandon();
    if (left) name(left);
    throw error;
  }
}

async function execute(
  spec: ReplaySpec,
  prepared: PreparedReplay,
  { workers, shard }: ReplayOptions,
  folder: ResultsFolder | undefined,
  signal: AbortSignal,
) {
  const { jobs, bundle, contract, strategy } = prepared;
  const began = performance.now();
  let progress: Progress | undefined;
  let provider: string | null = null;
  const totals = await replay(spec, prepared, {
    threads: workers,
    signal,
    onReady: (facts) => {
      provider = facts.provider;
      logProviderNotes(facts.providerNotes);
      const threads = Math.min(workers, jobs.length);
      log.info(
        `${jobs.length} ${jobs.length === 1 ? 'bag' : 'bags'} of ${contract.name} with policy ${bundle.name} (${describeStrategy(strategy)}): ${threads} ${threads === 1 ? 'worker' : 'workers'}, ${provider}`,
      );
      progress = new Progress({ total: jobs.length, unit: 'bags' });
    },
    onResult: async ({ result }) => {
      await folder?.append(result);
      if (result.reason) log.warn(`${result.bag}: ${result.reason}.`);
      if (result.damage) log.warn(`${result.bag} is not whole: ${result.damage}`);
      progress?.advance();
    },
  }).finally(() => progress?.end());
  const summary: ReplaySummary = totals.summary(
    {
      saccade: version,
      robot: contract.name,
      contract_sha256: contractSha256(contract),
      policy: bundle.name,
      graph_sha256: bundle.graph.sha256,
      rate_hz: bundle.rateHz,
      chunk: bundle.action.chunk,
      strategy,
      provider,
      shard: shard ?? null,
    },
    (performance.now() - began) / 1000,
  );
  const files = folder ? await folder.finish(summary.results, summary) : [];
  return { summary, files, interrupted: signal.aborted };
}

/** Says what got worse, on stderr: stdout is the results'. */
function judge(earlier: Earlier, summary: ReplaySummary, tolerance: number): void {
  const worse = regressions(earlier, summary, tolerance);
  if (earlier.replay.chunk !== summary.replay.chunk)
    log.warn('Chunks were of another length then: only actions were compared.');
  if (worse.length === 0) {
    log.info(`Nothing got worse (tolerance ${tolerance}).`);
    return;
  }
  log.error(
    `${worse.length} ${worse.length === 1 ? 'figure' : 'figures'} got worse by more than ${tolerance}:\n${regressionTable(worse)}`,
  );
  process.exitCode = REGRESSED;
}
