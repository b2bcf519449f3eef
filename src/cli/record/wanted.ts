/** What a recording of a robot must contain, from its contract. */
import type { RobotContract } from '../../contract/contract.js';
import type { Expectation } from './audit.js';

/** Where the actions of a demonstration come from. */
export const ACTION_SOURCES = ['command', 'joints'] as const;
export type ActionSource = (typeof ACTION_SOURCES)[number];

const IMAGE = 'sensor_msgs/msg/Image';
const COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage';

export type Role = 'camera' | 'joints' | 'command' | 'reward' | 'extra';

export interface Wanted extends Expectation {
  readonly role: Role;
  /** Where it may be published: the first of these topics that is. */
  readonly candidates: readonly string[];
  /** Message types that will do; any when absent. */
  readonly types?: readonly string[];
}

/**
 * Cameras, joint states and, unless actions come from the joints, commands are required; rewards are taken
 * where there are any, and `extras` as they come.
 */
export function wantedTopics(
  contract: RobotContract,
  { actions, extras }: { readonly actions: ActionSource; readonly extras: readonly string[] },
): Wanted[] {
  const { rateHz } = contract;
  const one = (topic: string) => ({ topic, candidates: [topic] });
  const wanted: Wanted[] = contract.cameras.map(({ name, topic, maxAgeS }) => ({
    role: 'camera',
    what: `camera ${name}`,
    topic,
    candidates: [topic, `${topic}/compressed`],
    types: [IMAGE, COMPRESSED_IMAGE],
    required: true,
    rateHz,
    maxGapS: maxAgeS,
  }));
  for (const topic of contract.jointStates.topics) {
    wanted.push({
      role: 'joints',
      what: 'joint states',
      ...one(topic),
      types: ['sensor_msgs/msg/JointState'],
      required: true,
      rateHz,
      maxGapS: contract.safety.jointsMaxAgeS,
    });
  }
  for (const { topic, type } of contract.commands) {
    wanted.push({
      role: 'command',
      what: 'commands',
      ...one(topic),
      types: [type],
      required: actions === 'command',
      ...(actions === 'command' && { rateHz }),
    });
  }
  wanted.push({
    role: 'reward',
    what: 'rewards',
    ...one(contract.reward.topic),
    types: ['std_msgs/msg/Float32'],
    required: false,
  });
  if (contract.success) {
    const types = ['std_msgs/msg/Bool'];
    wanted.push({ role: 'extra', what: 'success', ...one(contract.success.topic), types, required: false });
  }
  const taken = new Set(wanted.flatMap((item) => item.candidates));
  for (const topic of new Set(extras))
    if (!taken.has(topic)) wanted.push({ role: 'extra', what: 'extra', ...one(topic), required: false });
  return wanted;
}
