/** `saccade report`: results folders as one HTML file, one JSON object or one CSV table. */
import { Command } from 'commander';
import { UserError } from '../errors.js';
import { decodeImage } from '../messages/image.js';
import { openEpisode } from '../record/openEpisode.js';
import { csv } from '../report/csv.js';
import { makeReport, refuseOther, reportJson, writeHtml } from '../report/report.js';
import type { Report } from '../report/reported.js';
import { log } from './log.js';
import { Progress } from './progress.js';

interface ReportCommandOptions {
  compare?: boolean;
  out?: string;
  json?: boolean;
  csv?: boolean;
}

const DEFAULT_OUT = 'report.html';

export function reportCommand(): Command {
  return new Command('report')
    .description('Show the results of runs; merge shards, compare runs.')
    .argument('<run...>', "folders that 'saccade rollout --out' wrote; shards of one run merge")
    .option('--compare', 'the folders are of different runs: compare each with the first')
    .option('--out <file>', `HTML file (default: ${DEFAULT_OUT}, unless --json or --csv is asked for)`)
    .option('--json', 'print one JSON object with all figures')
    .option('--csv', 'print one row an episode')
    .action(report);
}

async function report(paths: string[], options: ReportCommandOptions): Promise<void> {
  if (options.json && options.csv)
    throw new UserError('Options --json and --csv both want the standard output; give one of them.');
  const out = options.out ?? (options.json || options.csv ? undefined : DEFAULT_OUT);
  if (out !== undefined) await refuseOther(out);
  const made = await readRuns(paths, options.compare === true);
  for (const { run, problems } of made.runs)
    for (const text of [...run.warnings, ...problems]) log.warn(text);
  if (options.json) process.stdout.write(`${JSON.stringify(reportJson(made))}\n`);
  if (options.csv) process.stdout.write(csv(made));
  if (out !== undefined) {
    await writeHtml(out, made);
    log.info(`Written: ${out}`);
  }
}

/** Reads runs and their recordings, showing progress. @throws UserError as `makeReport` does */
export async function readRuns(paths: readonly string[], compare: boolean): Promise<Report> {
  let progress: Progress | undefined;
  try {
    return await makeReport({
      paths,
      compare,
      open: (path) => openEpisode(path),
      decode: ({ type, data }) => decodeImage(type, data),
      onEpisode: (_, of) => {
        progress ??= new Progress({ total: of, unit: 'recordings' });
        progress.advance();
      },
    });
  } finally {
    progress?.end();
  }
}
