/** `saccade bag`: what a recording holds, and making a damaged one whole. */
import { Command } from 'commander';
import type { EpisodeResult } from '../episode/episode.js';
import { UserError } from '../errors.js';
import type { BagTopic } from '../record/bag.js';
import type { EpisodeInfo } from '../record/episode.js';
import { infoOf, resultOf } from '../record/openEpisode.js';
import { openBag, type RecordedBag } from '../record/reader.js';
import { recover } from '../record/recover.js';
import { pairs, table } from '../report/table.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { log } from './log.js';

export function bagCommand(): Command {
  const info = new Command('info')
    .description('Say what recordings hold: topics and rates, the episode and its result, damage.')
    .argument('<bag...>', 'rosbag2 folder, or one .mcap or .db3 file')
    .option('--json', 'print one JSON object')
    .action(printInfo);
  const mend = new Command('recover')
    .description('Write what can be read of a damaged recording as a whole one; the original stays as it is.')
    .argument('<bag>', 'rosbag2 folder, or one .mcap or .db3 file')
    .option('--out <dir>', 'folder of the new bag (default: the old name with _recovered)')
    .option('--json', 'print one JSON object')
    .action(printRecovery);
  return new Command('bag').description('Recordings (rosbag2 folders).').addCommand(info).addCommand(mend);
}

interface BagInfo {
  readonly path: string;
  readonly storage: string;
  readonly files: readonly string[];
  /** ns since the epoch, as text: a JSON number cannot hold it. */
  readonly start_ns: string | null;
  readonly duration_s: number | null;
  readonly messages: number;
  readonly topics: readonly TopicInfo[];
  readonly episode: EpisodeInfo | null;
  readonly result: EpisodeResult | null;
  readonly damage: string | null;
}

interface TopicInfo {
  readonly name: string;
  readonly type: string;
  readonly messages: number;
  /** Over the whole recording. */
  readonly rate_hz: number | null;
}

async function printInfo(paths: string[], { json }: { json?: boolean }): Promise<void> {
  const infos: BagInfo[] = [];
  for (const path of paths) infos.push(await inspect(path));
  const text = json ? JSON.stringify({ bags: infos }) : infos.map(asText).join('\n\n');
  process.stdout.write(`${text}\n`);
}

async function inspect(path: string): Promise<BagInfo> {
  const bag = await openBag(path);
  try {
    const { span } = bag;
    const duration = span && Number(span.end - span.start) / 1e9;
    const topics = (await counted(bag)).map(({ name, type, messages = 0 }) => {
      const rate = duration && messages > 1 ? (messages - 1) / duration : null;
      return { name, type, messages, rate_hz: rate };
    });
    return {
      path,
      storage: bag.storage,
      files: bag.files.map((file) => file.path),
      start_ns: span ? String(span.start) : null,
      duration_s: duration ?? null,
      messages: topics.reduce((sum, { messages }) => sum + messages, 0),
      topics: topics.sort((a, b) => (a.name < b.name ? -1 : 1)),
      episode: infoOf(bag) ?? null,
      result: await readResult(bag),
      damage: bag.damage ?? null,
    };
  } finally {
    await bag.close();
  }
}

/** Where the recording does not say how many messages there are, they are read and counted. */
async function counted(bag: RecordedBag): Promise<readonly BagTopic[]> {
  if (bag.topics.every(({ messages }) => messages !== undefined)) return bag.topics;
  const counts = new Map<string, number>();
  for await (const { topic } of bag.messages()) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  return bag.topics.map((topic) => ({ ...topic, messages: counts.get(topic.name) ?? 0 }));
}

/** A bag whose result is garbage still has all the rest to tell. */
async function readResult(bag: RecordedBag): Promise<EpisodeResult | null> {
  try {
    return (await resultOf(bag)) ?? null;
  } catch (error) {
    log.warn(`${bag.path}: its episode's result cannot be read: ${(error as Error).message}`);
    return null;
  }
}

function asText(info: BagInfo): string {
  const { path, storage, files, start_ns, duration_s, messages, episode, result, damage } = info;
  const head: [string, string][] = [
    ['bag', path],
    ['storage', `${storage}, ${files.length === 1 ? '1 file' : `${files.length} files`}`],
    ['duration', duration_s === null ? 'nothing recorded' : `${duration_s.toFixed(3)} s`],
    ['messages', String(messages)],
  ];
  // Simulated time starts at 0; a robot's is the date.
  if (start_ns !== null && BigInt(start_ns) > YEAR_2000_NS)
    head.push(['start', new Date(Number(BigInt(start_ns) / 1_000_000n)).toISOString()]);
  if (episode) head.push(['episode', episodeText(episode)]);
  if (result) head.push(['result', resultText(result)]);
  if (damage !== null) head.push(['damage', damage]);
  const rows = info.topics.map(({ name, type, messages, rate_hz }) => [
    name,
    type,
    String(messages),
    rate_hz === null ? '' : rate_hz.toFixed(1),
  ]);
  const columns = [
    { title: 'topic' },
    { title: 'type' },
    { title: 'messages', align: 'right' },
    { title: 'Hz', align: 'right' },
  ] as const;
  return `${pairs(head)}\n\n${table(columns, rows)}`;
}
const YEAR_2000_NS = 946_684_800_000_000_000n;

function episodeText({ source, task, seed, policy, lockstep, images }: EpisodeInfo): string {
  const parts = [
    source,
    task && `task ${task}`,
    seed !== undefined && `seed ${seed}`,
    policy && `policy ${policy.name} (${policy.graphSha256.slice(0, 12)}, ${policy.strategy.name})`,
    lockstep ? 'lockstep' : 'real time',
    `${images} images`,
  ];
  return parts.filter(Boolean).join(', ');
}

function resultText({ stop, success, return: sum, highest_reward, steps, reason }: EpisodeResult): string {
  const verdict = success || stop !== 'success' ? stop : 'stopped';
  return `${verdict}${reason ? ` (${reason})` : ''}, return ${sum}, highest reward ${highest_reward}, ${steps} steps`;
}

async function printRecovery(path: string, { out, json }: { out?: string; json?: boolean }): Promise<void> {
  const target = out ?? recoveredName(path);
  const recovery = await interruptible(
    (signal) =>
      recover(path, target, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
        throw new UserError(`interrupted: nothing was recovered, and ${target} was removed`, INTERRUPTED);
      }),
    () => log.warn(`${target} is left unfinished: remove it.`),
  );
  const { messages, end, problems } = recovery;
  if (json) {
    const end_ns = end === undefined ? null : String(end);
    process.stdout.write(`${JSON.stringify({ path, out: target, messages, end_ns, problems })}\n`);
    return;
  }
  process.stdout.write(
    `${pairs([
      ['recovered', `${messages} messages`],
      ...(problems.length > 0 ? problems : ['nothing: the recording was whole']).map(
        (sentence, i) => [i === 0 ? 'lost' : '', sentence] as const,
      ),
      ['written', target],
    ])}\n`,
  );
}

/** `bags/episode_000003` and `bags/episode_000003_0.mcap` become `bags/episode_000003(_0)_recovered`. */
function recoveredName(path: string): string {
  return `${path.replace(/\/+$/, '').replace(/\.(mcap|db3)(\.zstd)?$/, '')}_recovered`;
}
