/** Whether what a topic delivers can be made observations and actions of, asked of its first message. */
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { decodeImage, type ImageType } from '../../messages/image.js';
import { commandTopics, JointMerger, type JointTopic, stateTopics } from '../../messages/joints.js';
import type { Received } from './sources.js';

/**
 * False for a message that is about other joints only, or does not complete them: another may follow.
 * @returns throws UserError for an image that cannot be decoded, and joints that are not all the robot's
 */
export function usableFor(contract: RobotContract): (message: Received) => Promise<boolean> {
  const topics = new Map<string, JointTopic>(
    [...stateTopics(contract), ...commandTopics(contract)].map((each) => [each.topic, each]),
  );
  const measured = new JointMerger(contract.joints.length);
  return async ({ source: { wanted, topic, type }, cdr }) => {
    try {
      switch (wanted.role) {
        case 'camera':
          await decodeImage(type as ImageType, cdr);
          return true;
        case 'joints':
        case 'command': {
          const { joints, reader } = topics.get(topic) as JointTopic;
          const vector = reader.read(type, cdr);
          if (!vector || wanted.role === 'command') return vector !== undefined;
          measured.take(0, joints, vector);
          return measured.missing.length === 0;
        }
        default:
          return true;
      }
    } catch (cause) {
      throw new UserError(
        `${topic} (${wanted.what}) cannot be recorded as ${contract.name}'s: ${(cause as Error).message}`,
        2,
        { cause },
      );
    }
  };
}
