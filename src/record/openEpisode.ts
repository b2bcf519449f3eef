/** Opens a recording as an episode of a robot: one of Saccade's bags, or any bag with the contract's topics. */
import { basename, join } from 'node:path';
import { INTERVENTIONS, type Intervention } from '../act/interventions.js';
import { type RobotContract, rosJoint } from '../contract/contract.js';
import { parseContract } from '../contract/load.js';
import type { EpisodeResult } from '../episode/episode.js';
import { UserError } from '../errors.js';
import { decode } from '../messages/cdr.js';
import {
  commandTopics,
  JointMerger,
  JointReader,
  type JointTopic,
  ownJoints,
  stateTopics,
} from '../messages/joints.js';
import { fromStamp, nsToSeconds } from '../messages/time.js';
import type { Messages, MessageType } from '../messages/types.js';
import type { BagMessage, BagTopic } from './bag.js';
import { chunkOf } from './chunkMessage.js';
import {
  type EpisodeBag,
  type EpisodeEvent,
  type EpisodeInfo,
  INFO_RECORD,
  type RecordedImage,
  TOPICS,
} from './episode.js';
import { decodeInfo, decodeResult } from './info.js';
import { openBag, type RecordedBag } from './reader.js';

export interface OpenOptions {
  /** Instead of the one in the bag; must be given for a bag that Saccade did not write. */
  readonly contract?: RobotContract;
}

/**
 * @param path as `openBag` takes it
 * @throws UserError when it is no recording, or lacks what the contract asks for
 */
export async function openEpisode(path: string, { contract }: OpenOptions = {}): Promise<EpisodeBag> {
  const bag = await openBag(path);
  try {
    const info = infoOf(bag);
    const robot =
      contract ?? (info && parseContract(join(path, basename(info.contract.file)), info.contract.text));
    if (!robot)
      throw new UserError(
        `${path} holds no robot contract, for Saccade did not write it; give one with --robot`,
      );
    const episode = new RecordedEpisode(bag, info, robot);
    await episode.begin();
    return episode;
  } catch (error) {
    await bag.close();
    throw error;
  }
}

/** Undefined for a bag that Saccade did not write. */
export function infoOf(bag: RecordedBag): EpisodeInfo | undefined {
  const text = bag.metadata.get(INFO_RECORD)?.get('json');
  return text === undefined ? undefined : decodeInfo(bag.path, text);
}

/** The episode's result, from its last message; undefined where there is none. */
export async function resultOf(bag: RecordedBag): Promise<EpisodeResult | undefined> {
  let text: string | undefined;
  for await (const { data } of bag.messages({ topics: new Set([TOPICS.result]) }))
    text = decode('std_msgs/msg/String', data).data;
  return text === undefined ? undefined : decodeResult(text);
}

type Kind = EpisodeEvent['kind'];

/** Undefined for a message that is none of the robot's business. */
type Read = (message: BagMessage, at: number) => EpisodeEvent | undefined;

interface Route {
  readonly kind: Kind;
  readonly read: Read;
}

/** Where a robot in simulated time says what time it is; whoever records it goes by another clock. */
const CLOCK_TOPIC = '/clock';

class RecordedEpisode implements EpisodeBag {
  readonly path: string;
  result: EpisodeResult | undefined;
  start: number | undefined;

  constructor(
    private readonly bag: RecordedBag,
    readonly info: EpisodeInfo | undefined,
    readonly contract: RobotContract,
  ) {
    this.path = bag.path;
    routes(bag, contract); // Refuses what lacks something before anything is asked of it.
  }

  get damage(): string | undefined {
    return this.bag.damage;
  }

  /** Reads what is known of the episode before its events are. */
  async begin(): Promise<void> {
    try {
      this.result = await resultOf(this.bag);
    } catch (error) {
      throw this.#unreadable(TOPICS.result, error);
    }
    if (hasMessages(this.bag, TOPICS.command)) this.start = await this.#firstTime('command');
    if ((await this.#firstTime('joints')) === undefined)
      throw new UserError(
        `${this.path} has nothing of the joints ${this.contract.joints.map((joint) => rosJoint(joint).name).join(', ')} on ${this.contract.jointStates.topics.join(', ')}; give the contract of the robot that it was recorded on`,
      );
  }

  async #firstTime(kind: 'joints' | 'command'): Promise<number | undefined> {
    for await (const event of this.events(new Set([kind]))) if ('time' in event) return event.time;
    return undefined;
  }

  async *events(kinds?: ReadonlySet<Kind>): AsyncGenerator<EpisodeEvent, void, void> {
    // Anew, for joints that several topics tell of are put together from what came before.
    const all = routes(this.bag, this.contract);
    const wanted = [...all].filter(([, { kind }]) => kinds?.has(kind) ?? true);
    const topics = new Set(wanted.map(([topic]) => topic));
    const simulated = !this.info && hasMessages(this.bag, CLOCK_TOPIC);
    if (simulated) topics.add(CLOCK_TOPIC);
    let clock: number | undefined;
    for await (const message of this.bag.messages({ topics })) {
      let event: EpisodeEvent | undefined;
      try {
        if (message.topic === CLOCK_TOPIC)
          clock = fromStamp(decode('rosgraph_msgs/msg/Clock', message.data).clock);
        const at = simulated ? clock : nsToSeconds(message.logTime);
        if (at !== undefined) event = all.get(message.topic)?.read(message, at);
      } catch (error) {
        throw this.#unreadable(message.topic, error, message.logTime);
      }
      if (event) yield event;
    }
  }

  #unreadable(topic: string, error: unknown, logTime?: bigint): UserError {
    const when = logTime === undefined ? '' : ` at ${nsToSeconds(logTime)} s`;
    return new UserError(
      `${this.path}: a message on ${topic}${when} is unusable: ${(error as Error).message}`,
      2,
      {
        cause: error,
      },
    );
  }

  close(): Promise<void> {
    return this.bag.close();
  }
}

const hasMessages = (bag: RecordedBag, name: string): boolean =>
  bag.topics.some((topic) => topic.name === name && topic.messages !== 0);

/**
 * What each topic tells, by its name.
 * @throws UserError listing what the contract wants and the bag lacks
 */
function routes(bag: RecordedBag, contract: RobotContract): ReadonlyMap<string, Route> {
  const map = new Map<string, Route>();
  const missing: string[] = [];
  for (const camera of contract.cameras) {
    const found = imageTopic(bag.topics, camera.topic);
    if (found) map.set(found.name, { kind: 'frame', read: frameOf(camera.name, found.type) });
    else missing.push(`images of ${camera.name} on ${camera.topic}`);
  }
  const has = (name: string) => hasMessages(bag, name);
  const states = stateTopics(contract).filter(({ topic }) => has(topic));
  if (states.length > 0) addMerged(map, 'joints', states, contract);
  else missing.push(`joint states on ${contract.jointStates.topics.join(', ')}`);
  if (missing.length > 0) {
    const names = bag.topics.map(
      ({ name, type, messages }) => `${name} (${type}${messages === 0 ? ', no messages' : ''})`,
    );
    throw new UserError(
      `${bag.path} lacks ${missing.join(', ')}; it has ${names.join(', ') || 'no topics'}: correct the contract's topics`,
    );
  }
  if (has(TOPICS.command))
    map.set(TOPICS.command, { kind: 'command', read: ownPositions('command', contract) });
  else addMerged(map, 'command', commandTopics(contract), contract);
  map.set(TOPICS.action, { kind: 'action', read: ownPositions('action', contract) });
  map.set(contract.reward.topic, { kind: 'reward', read: rewardOf });
  map.set(TOPICS.chunk, { kind: 'chunk', read: chunkEvent(contract.rateHz) });
  map.set(TOPICS.latency, { kind: 'latency', read: latencyOf });
  map.set(TOPICS.interventions, { kind: 'interventions', read: interventionsOf });
  return map;
}

const IMAGE_TYPES: readonly string[] = ['sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'];

/** The exact images where there are both. */
function imageTopic(topics: readonly BagTopic[], name: string): BagTopic | undefined {
  const images = topics.filter(({ type, messages }) => IMAGE_TYPES.includes(type) && messages !== 0);
  return (
    images.find((topic) => topic.name === name) ?? images.find((topic) => topic.name === `${name}/compressed`)
  );
}

const frameOf =
  (camera: string, type: string): Read =>
  ({ data }, at) => {
    const image: RecordedImage = { type: type as RecordedImage['type'], data };
    return { kind: 'frame', at, time: stampOf(data), camera, image };
  };

/** A header is what both image messages begin with: its stamp is read without the pixels. */
function stampOf(data: Uint8Array): number {
  const HEADER_END = 12;
  if (data.length < HEADER_END) throw new Error(`${data.length} bytes are no image`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = data[1] === 1;
  return fromStamp({ sec: view.getInt32(4, little), nanosec: view.getUint32(8, little) });
}

/** What the robot's own topics say, each perhaps of some joints only: a vector whenever one of them says something. */
function addMerged(
  map: Map<string, Route>,
  kind: 'joints' | 'command',
  topics: readonly JointTopic[],
  contract: RobotContract,
): void {
  const merger = new JointMerger(contract.joints.length);
  for (const { topic, joints, reader } of topics) {
    const read: Read = ({ type, data }, at) => {
      const vector = reader.read(type, data);
      if (!vector) return undefined;
      merger.take(vector.time ?? at, joints, vector);
      return merger.state && { kind, at, ...merger.state };
    };
    map.set(topic, { kind, read });
  }
}

function ownPositions(kind: 'action' | 'command', contract: RobotContract): Read {
  const reader = new JointReader(ownJoints(contract));
  return ({ type, data }, at) => {
    const vector = reader.read(type, data);
    return vector && { kind, at, time: vector.time ?? at, positions: vector.positions };
  };
}

const rewardOf: Read = ({ type, data }, at) => ({
  kind: 'reward',
  at,
  reward: as('std_msgs/msg/Float32', type, data).data,
});

const latencyOf: Read = ({ type, data }, at) => ({
  kind: 'latency',
  at,
  ms: as('std_msgs/msg/Float32', type, data).data,
});

const interventionsOf: Read = ({ type, data }, at) => ({
  kind: 'interventions',
  at,
  kinds: as('std_msgs/msg/String', type, data)
    .data.split(',')
    .filter((kind): kind is Intervention => (INTERVENTIONS as readonly string[]).includes(kind)),
});

const chunkEvent =
  (rateHz: number): Read =>
  ({ type, data }, at) => {
    const message = as('trajectory_msgs/msg/JointTrajectory', type, data);
    return { kind: 'chunk', at, chunk: chunkOf(message, rateHz), joints: message.joint_names };
  };

function as<T extends MessageType>(wanted: T, type: string, data: Uint8Array): Messages[T] {
  if (type !== wanted) throw new Error(`it is a ${type} where a ${wanted} belongs`);
  return decode(wanted, data);
}
