/** `saccade dataset`: bags to LeRobotDataset, and what a LeRobotDataset holds (docs/dataset.md). */
import { Command } from 'commander';
import { loadContract } from '../contract/load.js';
import { type ExportOptions, type ExportSummary, exportDataset } from '../dataset/export.js';
import { type Inspection, inspectDataset } from '../dataset/inspect.js';
import { UserError } from '../errors.js';
import type { Size } from '../observe/resize.js';
import { pairs, table } from '../report/table.js';
import { findBags } from '../robots/bag/findBags.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { log } from './log.js';
import { Progress } from './progress.js';

export function datasetCommand(): Command {
  const command = new Command('dataset').description('Make a LeRobotDataset of bags, or look into one.');
  command
    .command('export')
    .description('Make a LeRobotDataset (v3.0) of recorded episodes.')
    .argument('<bag...>', 'bags, or folders of bags')
    .requiredOption('--out <dir>', 'new or empty folder')
    .option('--robot <file>', 'robot contract, for bags that Saccade did not record')
    .option('--size <[camera=]WxH>', "size of the images (default: the contract's); repeatable", addSize, [])
    .option('--videos', 'images as AV1 videos, small and lossy, through ffmpeg (default: PNG, exact)')
    .option('--task <text>', 'what the robot does, in words (default: as recorded)')
    .option('--all', 'also episodes that failed, and those of which the bag does not say')
    .option('--json', 'print one JSON object')
    .action(run);
  command
    .command('inspect')
    .description('Say what a LeRobotDataset (v3.0) holds, and whether it is whole.')
    .argument('<dir>', 'folder of the dataset')
    .option('--json', 'print one JSON object')
    .action(inspect);
  return command;
}

interface SizeOption extends Size {
  /** All cameras when absent. */
  readonly camera?: string;
}

interface DatasetExportOptions {
  out: string;
  robot?: string;
  size: readonly SizeOption[];
  videos?: boolean;
  task?: string;
  all?: boolean;
  json?: boolean;
}

/** Sides beyond this are slips of the keyboard. */
const MAX_SIDE = 8192;

function addSize(text: string, before: readonly SizeOption[]): readonly SizeOption[] {
  const match = /^(?:(?<camera>.+)=)?(?<width>\d{1,5})[x×](?<height>\d{1,5})$/.exec(text)?.groups;
  const [width, height] = [Number(match?.width), Number(match?.height)];
  if (!(width >= 1 && width <= MAX_SIDE && height >= 1 && height <= MAX_SIDE))
    throw new UserError(
      `Option --size must be <width>x<height> or <camera>=<width>x<height>, sides of 1 to ${MAX_SIDE} pixels, not '${text}'.`,
    );
  return [...before, { width, height, ...(match?.camera !== undefined && { camera: match.camera }) }];
}

async function run(paths: string[], options: DatasetExportOptions): Promise<void> {
  const { out, robot, size, task, json } = options;
  const found = await findBags(paths);
  const contract = robot === undefined ? undefined : await loadContract(robot);
  let progress: Progress | undefined;
  const exporting: ExportOptions = {
    out,
    ...(contract && { contract }),
    ...(task !== undefined && { task }),
    sizes: size,
    all: options.all ?? false,
    pictures: options.videos ? 'video' : 'image',
    onStart: (total) => {
      log.info(`Exporting ${total} ${total === 1 ? 'bag' : 'bags'} to ${out}`);
      progress = new Progress({ total, unit: 'bags' });
    },
    onBag: () => progress?.advance(),
    warn: (message) => log.warn(message),
  };
  const summary = await interruptible(
    (signal) => exportDataset(found, { ...exporting, signal }),
    () => log.warn(`${out}.unfinished is no dataset: remove it`),
  ).finally(() => progress?.end());
  if (!summary) process.exitCode = INTERRUPTED;
  else process.stdout.write(`${json ? JSON.stringify(summary) : exportText(summary)}\n`);
}

function exportText({ out, episodes, frames, left_out }: ExportSummary): string {
  const reasons = [
    [left_out.failed, 'failed'],
    [left_out.no_verdict, 'without a verdict'],
    [left_out.incomplete, 'incomplete'],
  ] as const;
  const left = reasons.filter(([count]) => count > 0).map(([count, reason]) => `${count} ${reason}`);
  const rest = left.length === 0 ? '' : `; left out: ${left.join(', ')}`;
  return `${episodes} ${episodes === 1 ? 'episode' : 'episodes'}, ${frames} frames in ${out}${rest}`;
}

async function inspect(dir: string, { json }: { json?: boolean }): Promise<void> {
  const inspection = await inspectDataset(dir);
  process.stdout.write(`${json ? JSON.stringify(inspection) : inspectionText(inspection)}\n`);
  if (inspection.problems.length > 0) process.exitCode = DAMAGED;
}

/** The dataset could be read, and is not whole. */
const DAMAGED = 1;

function inspectionText(inspection: Inspection): string {
  const { dir, version, robot, fps, episodes, frames, seconds, success_rate, bytes, tasks } = inspection;
  const summary = pairs([
    ['dataset', `${dir}, LeRobotDataset ${version}`],
    ['robot', robot ?? 'not said'],
    ['episodes', `${episodes}, ${frames} frames, ${+(seconds / 60).toFixed(1)} min at ${fps} Hz`],
    ['successes', success_rate === null ? 'not said' : `${(100 * success_rate).toFixed(1)} %`],
    ['size', fileSize(bytes)],
    ...tasks.map((task, i): [string, string] => [i === 0 ? 'tasks' : '', task]),
  ]);
  const features = table(
    ['feature', 'type', 'shape'].map((title) => ({ title })),
    inspection.features.map(({ name, dtype, shape }) => [name, dtype, shape.join('×')]),
  );
  const right = (title: string) => ({ title, align: 'right' as const });
  const ranges = table(
    [{ title: 'value' }, ...['min', 'mean', 'max', 'std'].map(right)],
    inspection.ranges.map(({ name, min, mean, max, std }) => [
      name,
      ...[min, mean, max, std].map((value) => value.toFixed(4)),
    ]),
  );
  const { problems } = inspection;
  const verdict =
    problems.length === 0
      ? 'Whole: every row, picture and statistic that was looked at is as it should be.'
      : `${problems.length === 1 ? 'One thing is' : `${problems.length} things are`} wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`;
  return [summary, features, ranges, verdict].join('\n\n');
}

function fileSize(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
