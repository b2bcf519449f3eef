/** `saccade record`: demonstrations by a human on a ROS 2 robot, one bag an episode (docs/recording.md). */
import { setInterval, setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { RobotContract } from '../contract/contract.js';
import { loadContract } from '../contract/load.js';
import { UserError } from '../errors.js';
import { IMAGE_FORMATS, type ImageFormat } from '../record/episode.js';
import { connect } from '../robots/ros2/connect.js';
import { installedDefinition } from '../robots/ros2/definition.js';
import type { RosNode } from '../robots/ros2/rosNode.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { log } from './log.js';
import { choice, positiveInteger, positiveNumber } from './options.js';
import { combine, isSilent } from './record/audit.js';
import { auditTable, complaints } from './record/auditTable.js';
import { openBagsFolder } from './record/folder.js';
import { HELP, type Key, listen } from './record/keys.js';
import { Recordings } from './record/recordings.js';
import { type KeptEpisode, RecordingSession } from './record/session.js';
import { Sources } from './record/sources.js';
import { sessionJson, sessionText } from './record/summary.js';
import { usableFor } from './record/usable.js';
import { LOOK_MS, untilDelivering } from './record/waiting.js';
import { ACTION_SOURCES, type ActionSource, wantedTopics } from './record/wanted.js';

interface RecordOptions {
  robot: string;
  out: string;
  task?: string;
  images: ImageFormat;
  actionFrom: ActionSource;
  topic: string[];
  episodes?: number;
  timeout?: number;
  useSimTime: boolean;
  json?: boolean;
}

/** What the services are called; there is none to quit, for they end with the program. */
const SERVICES = ['start', 'stop', 'success', 'failure', 'discard'] as const;
const SERVICE_PREFIX = '/saccade/record';

export function recordCommand(): Command {
  return new Command('record')
    .description('Record demonstrations by a human on a ROS 2 robot, started and judged by key or service.')
    .requiredOption('--robot <file>', 'robot contract')
    .requiredOption('--out <dir>', 'folder; episodes are added to those in its bags/')
    .option('--task <text>', 'what the demonstrations show, as an instruction: "put the cup on the plate"')
    .option(
      '--images <format>',
      'jpeg (raw images are compressed here, compressed ones kept) or raw (as they come)',
      choice('--images', IMAGE_FORMATS),
      'jpeg',
    )
    .option(
      '--action-from <source>',
      'command (what the leader or teleoperation commands) or joints (where a hand-guided arm goes next)',
      choice('--action-from', ACTION_SOURCES),
      'command',
    )
    .option('--topic <name>', 'record this topic too; may be repeated', collectTopic, [])
    .option('--episodes <n>', 'end after this many kept episodes', positiveInteger('--episodes'))
    .option('--timeout <s>', 'give up when a topic has not delivered by then', positiveNumber('--timeout'))
    .option('--use-sim-time', 'take the time from /clock', false)
    .option('--json', 'print one JSON object at the end')
    .action(record);
}

function collectTopic(name: string, names: readonly string[]): string[] {
  if (!/^(\/[A-Za-z_][A-Za-z0-9_]*)+$/.test(name))
    throw new UserError(`Option --topic must be a full topic name such as /tf, not '${name}'.`);
  return [...names, name];
}

async function record(options: RecordOptions): Promise<void> {
  const contract = await loadContract(options.robot);
  const node = await connect('saccade_record', { simTime: options.useSimTime });
  try {
    await interruptible(
      (signal) => recordOn(node, contract, options, signal),
      () => log.warn(`The episode that was being recorded in ${options.out} has no verdict.`),
    );
  } finally {
    node.close();
  }
}

async function recordOn(
  node: RosNode,
  contract: RobotContract,
  options: RecordOptions,
  signal: AbortSignal,
): Promise<void> {
  const folder = await openBagsFolder(options.out);
  const wanted = wantedTopics(contract, { actions: options.actionFrom, extras: options.topic });
  const recordings = await Recordings.start({ contract, folder: folder.dir, ...options });
  const session: RecordingSession = new RecordingSession({
    contract,
    wanted,
    out: options.out,
    actions: options.actionFrom,
    graph: node,
    sources: () => sources.found,
    first: folder.next,
    ...(options.episodes !== undefined && { episodes: options.episodes }),
    open: (index, found) => recordings.open(index, found),
    onKept: tellOfEpisode,
  });
  const sources = new Sources({
    graph: node,
    wanted,
    definition: installedDefinition,
    usable: usableFor(contract),
    onMessage: (message) => session.received(message),
  });
  try {
    log.info(`Recording ${contract.name} into ${folder.dir}.`);
    await untilDelivering({
      sources,
      signal,
      ...(options.timeout !== undefined && { timeoutS: options.timeout }),
      onWaiting: (missing) => log.info(`Waiting for ${missing.join(', ')}.`),
      sleep,
    });
    await converse(session, node, sources, signal);
    await conclude(session, options);
  } finally {
    sources.close();
    await recordings.close();
    await folder.tidy();
  }
  if (signal.aborted) process.exitCode = INTERRUPTED;
}

/** Listens to keys, services and Ctrl-C until the session is over. */
async function converse(
  session: RecordingSession,
  node: RosNode,
  sources: Sources,
  signal: AbortSignal,
): Promise<void> {
  for (const word of SERVICES) node.offerTrigger(`${SERVICE_PREFIX}/${word}`, () => session.say(word));
  const quit = () => void session.say('quit').catch(() => {});
  if (signal.aborted) quit();
  signal.addEventListener('abort', quit, { once: true });
  const { stdin } = process;
  const mute = stdin.isTTY ? listen(stdin, (key) => onKey(session, key)) : () => {};
  const looking = new AbortController();
  try {
    log.info(`All topics deliver. Services: ${SERVICE_PREFIX}/{${SERVICES.join(',')}}.`);
    if (stdin.isTTY) log.info(HELP);
    void keepLooking(sources, looking.signal);
    await session.done;
  } finally {
    looking.abort();
    mute();
    signal.removeEventListener('abort', quit);
  }
}

function onKey(session: RecordingSession, key: Key): void {
  if (key === 'help') log.info(HELP);
  else if (key === 'interrupt') process.kill(process.pid, 'SIGINT');
  else {
    session.say(key).then(
      ({ success, message }) => log[success ? 'info' : 'warn'](message),
      () => {}, // `done` says it.
    );
  }
}

/** Topics that are not needed may come up late: they are recorded from the next episode on. */
async function keepLooking(sources: Sources, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of setInterval(LOOK_MS, undefined, { signal })) await sources.look();
  } catch (error) {
    if (!signal.aborted) log.warn((error as Error).message);
  }
}

function tellOfEpisode({ dir, result, report, audit }: KeptEpisode): void {
  log.info(`\n${dir}: ${result.stop}, ${result.duration_s.toFixed(1)} s, ${report.bytes} bytes`);
  log.info(auditTable(audit));
  for (const complaint of complaints(audit)) log.warn(complaint);
  for (const [camera, images] of Object.entries(report.droppedImages))
    if (images > 0)
      log.warn(`${images} images of ${camera} were dropped: the disk or the processor is too slow`);
  if (report.error !== undefined) log.error(`${dir} is not complete: ${report.error}`);
}

async function conclude(session: RecordingSession, { out, json }: RecordOptions): Promise<void> {
  const { kept, discarded } = session;
  const audit = combine(kept.map((episode) => episode.audit));
  const summary = { out, kept, discarded, audit };
  process.stdout.write(json ? `${JSON.stringify(sessionJson(summary))}\n` : sessionText(summary));
  const silent = kept.filter((episode) => episode.audit.some(isSilent));
  const broken = kept.filter(({ report }) => report.error !== undefined);
  if (silent.length + broken.length > 0) process.exitCode = 1;
}
