/** Reads a robot contract: a YAML file with snake_case keys, such as config/robots/sim_arm.yaml. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { CAMERA_ROLES, COMMAND_TYPES, type RobotContract } from './contract.js';
import { distinct, name, pixels, positive } from './schema.js';
import { parseYaml } from './yaml.js';

const joint = z
  .strictObject({
    name,
    min: z.number(),
    max: z.number(),
    velocity: positive,
    acceleration: positive,
  })
  .refine(({ min, max }) => min < max, { path: ['max'], error: 'must be greater than min' });

/** A fully qualified ROS 2 topic name: https://design.ros2.org/articles/topic_and_service_names.html */
const topic = z
  .string()
  .regex(/^(\/[A-Za-z_][A-Za-z0-9_]*)+$/, 'must be a full topic name such as /camera/image_raw');

const camera = z
  .strictObject({
    name,
    role: z.enum(CAMERA_ROLES),
    width: pixels,
    height: pixels,
    max_age_s: positive,
    topic: topic.optional(),
  })
  .transform(({ max_age_s, topic, ...rest }) => ({
    ...rest,
    maxAgeS: max_age_s,
    topic: topic ?? `/${rest.name}/image_raw`,
  }));

const command = z
  .strictObject({ topic, type: z.enum(COMMAND_TYPES) })
  .default({ topic: '/joint_commands', type: 'sensor_msgs/msg/JointState' });

const safety = z
  .strictObject({ ramp_in_s: z.number().nonnegative(), joints_max_age_s: positive })
  .transform(({ ramp_in_s, joints_max_age_s }) => ({ rampInS: ramp_in_s, jointsMaxAgeS: joints_max_age_s }));

/**
 * @param folder that relative paths start from
 * @param exists what tells a file that is there
 */
const contract = (folder: string, exists: (file: string) => boolean) =>
  z
    .strictObject({
      name,
      rate_hz: positive,
      sim: z
        .strictObject({
          scene: z
            .string()
            .transform((scene) => path.resolve(folder, scene))
            .refine(exists, { error: `must be a file, its path relative to ${folder}` }),
        })
        .optional(),
      joints: z.array(joint).min(1).superRefine(distinct('name')),
      cameras: z.array(camera).min(1).superRefine(distinct('name')).superRefine(distinct('topic')),
      joint_states: z.strictObject({ topic }).default({ topic: '/joint_states' }),
      command,
      reward: z.strictObject({ topic }).default({ topic: '/reward' }),
      safety,
    })
    .transform(({ rate_hz, joint_states, sim, ...rest }) => ({
      ...rest,
      ...(sim && { sim }),
      rateHz: rate_hz,
      jointStates: joint_states,
    }));

/**
 * Parses a contract's text as a recording keeps it: the simulator's scene need not be on this machine.
 * @param file what error messages name, and where relative paths start from
 * @throws UserError naming file, line and key
 */
export function parseContract(file: string, text: string): RobotContract {
  return parse(file, text, () => true);
}

/** @throws UserError naming file, line and key */
export async function loadContract(file: string): Promise<RobotContract> {
  let text: string;
  try {
    text = await readFile(path.resolve(file), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`robot contract ${file} cannot be read (${code})`, 2, { cause: error });
  }
  return parse(file, text, existsSync);
}

function parse(file: string, text: string, exists: (file: string) => boolean): RobotContract {
  const absolute = path.resolve(file);
  return { file: absolute, text, ...parseYaml(file, text, contract(path.dirname(absolute), exists)) };
}
