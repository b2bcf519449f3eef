/** `saccade inspect`: what a policy bundle is and needs. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { parse } from 'yaml';
import type { StrategySpec } from '../contract/strategy.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from '../infer/bundle.js';
import { type GraphSize, graphSize } from '../infer/graphSize.js';
import { loadBundle } from '../infer/load.js';
import { pairs, table } from '../report/table.js';

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Say what a policy bundle is and needs, after checking its manifest and hash.')
    .argument('<policy>', 'folder of the bundle')
    .option('--json', 'print one JSON object: the manifest, and the size of the graph')
    .action(inspect);
}

async function inspect(policy: string, { json }: { json?: boolean }): Promise<void> {
  const bundle = await loadBundle(policy);
  const size = await measure(bundle.graph.file);
  const text = json ? await asJson(bundle, size) : asText(bundle, size);
  process.stdout.write(`${text}\n`);
}

async function measure(file: string): Promise<GraphSize> {
  const bytes = await readFile(file);
  try {
    return graphSize(bytes);
  } catch (cause) {
    throw new UserError(`graph ${file} is not an ONNX file: ${(cause as Error).message}`, 2, { cause });
  }
}

async function asJson({ dir, manifestFile, graph }: PolicyBundle, size: GraphSize): Promise<string> {
  const manifest = parse(await readFile(manifestFile, 'utf8')) as { graph: object };
  return JSON.stringify({ dir, ...manifest, graph: { ...manifest.graph, bytes: graph.bytes, ...size } });
}

function asText(bundle: PolicyBundle, size: GraphSize): string {
  const { measured, ...provenance } = bundle.provenance;
  const sections = [
    summary(bundle, size),
    section('needs', cameras(bundle)),
    section('joints', bundle.joints.join(', ')),
    section('memory', memory(bundle)),
    section('views', views(bundle)),
    section('measured', measurements(measured)),
    section('provenance', pairs(flatten(provenance))),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

const section = (title: string, body: string): string => (body === '' ? '' : `${title}\n${indent(body)}`);

const indent = (text: string): string => text.replace(/^/gm, '  ');

function summary(bundle: PolicyBundle, { nodes, parameters }: GraphSize): string {
  const { name, task, rateHz, graph, action, strategy } = bundle;
  return pairs([
    ['policy', `${name}, for the task ${task}`],
    ['folder', bundle.dir],
    ['graph', `${fileSize(graph.bytes)}, ${nodes} nodes, ${parameters} parameters`],
    ['sha256', graph.sha256],
    ['rate', `${rateHz} Hz`],
    ['action', `${action.kind}, chunks of ${action.chunk} rows (${+(action.chunk / rateHz).toFixed(3)} s)`],
    ['strategy', strategyText(strategy)],
  ]);
}

const fileSize = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

function strategyText(strategy: StrategySpec): string {
  const { interpolation, late_extrapolate_s: late } = strategy;
  return [
    ownText(strategy),
    ...(interpolation === undefined ? [] : [`${interpolation} between rows`]),
    ...(late === undefined ? [] : [`late: extrapolated for ${late} s`]),
  ].join(', ');
}

function ownText(strategy: StrategySpec): string {
  switch (strategy.name) {
    case 'ensemble':
      return `ensemble, m = ${strategy.m}`;
    case 'receding':
      return `receding, ${strategy.steps} rows a chunk`;
    case 'latest':
      return 'latest';
    case 'blend':
      return `blend, ${strategy.m === undefined ? 'the newest chunk' : `m = ${strategy.m}`}, faded in within ${strategy.fade_s} s`;
  }
}

function cameras({ cameras }: PolicyBundle): string {
  const rows = cameras.map(({ name, role, width, height, inputs }) => [
    name,
    role,
    `${width}×${height} rgb8`,
    inputs.previous ? 'current and previous' : 'current',
  ]);
  return table(['camera', 'role', 'size', 'frames'].map(column), rows);
}

function memory({ memory: { first, pairs: carried } }: PolicyBundle): string {
  if (carried.length === 0 && !first) return '';
  const rows = carried.map(({ input, output, dtype, shape, initial }) => [
    `${output} → ${input}`,
    `${dtype} [${shape.join(', ')}]`,
    String(initial),
  ]);
  if (first) rows.push([first, 'bool [1]', 'true on an episode’s first run']);
  return table(['tensor', 'type', 'at the start'].map(column), rows);
}

function views({ views }: PolicyBundle): string {
  if (views.length === 0) return '';
  const rows = views.map((view) => [
    view.output,
    view.kind,
    view.kind === 'attention' ? `${view.camera} from ${view.source}` : view.camera,
  ]);
  return table(['output', 'kind', 'camera'].map(column), rows);
}

/** Provenance is free-form: what has the keys of a rollout summary becomes a row, the rest is listed as it is. */
function measurements(measured: unknown): string {
  if (typeof measured !== 'object' || measured === null) return '';
  const entries = Object.entries(measured) as [string, unknown][];
  const rows: string[][] = [];
  const others: [string, unknown][] = [];
  for (const [name, value] of entries) {
    const row = isRecord(value) ? measurement(value) : undefined;
    if (row) rows.push([name, ...row]);
    else others.push([name, value]);
  }
  const titles = ['strategy', 'episodes', 'success', '95 % interval', 'average return'];
  const parts = [
    rows.length > 0 ? table(titles.map(column), rows) : '',
    pairs(flatten(Object.fromEntries(others))),
  ];
  return parts.filter((text) => text !== '').join('\n');
}

function measurement(value: Readonly<Record<string, unknown>>): string[] | undefined {
  const { episodes, success_rate, success_ci95, average_return } = value;
  if (typeof success_rate !== 'number') return undefined;
  const percent = (rate: unknown) => (typeof rate === 'number' ? `${(100 * rate).toFixed(1)} %` : '?');
  return [
    typeof episodes === 'number' ? String(episodes) : '',
    percent(success_rate),
    Array.isArray(success_ci95) ? success_ci95.map(percent).join(' – ') : '',
    typeof average_return === 'number' ? average_return.toFixed(1) : '',
  ];
}

const column = (title: string) => ({ title });

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `training.seed  0`; lists and texts on one line. */
function flatten(value: Readonly<Record<string, unknown>>, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, item]): [string, string][] => {
    if (isRecord(item)) return flatten(item, `${prefix}${key}.`);
    return [[prefix + key, typeof item === 'string' ? item : JSON.stringify(item)]];
  });
}
