/** Reads a robot contract: a YAML file with snake_case keys, such as config/robots/sim_arm.yaml. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { CAMERA_ROLES, type RobotContract } from './contract.js';
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

const camera = z
  .strictObject({
    name,
    role: z.enum(CAMERA_ROLES),
    width: pixels,
    height: pixels,
    max_age_s: positive,
  })
  .transform(({ max_age_s, ...rest }) => ({ ...rest, maxAgeS: max_age_s }));

const safety = z
  .strictObject({ ramp_in_s: z.number().nonnegative(), joints_max_age_s: positive })
  .transform(({ ramp_in_s, joints_max_age_s }) => ({ rampInS: ramp_in_s, jointsMaxAgeS: joints_max_age_s }));

/** @param folder that relative paths start from */
const contract = (folder: string) =>
  z
    .strictObject({
      name,
      rate_hz: positive,
      sim: z.strictObject({
        scene: z
          .string()
          .transform((scene) => path.resolve(folder, scene))
          .refine(existsSync, { error: `must be a file, its path relative to ${folder}` }),
      }),
      joints: z.array(joint).min(1).superRefine(distinct('name')),
      cameras: z.array(camera).min(1).superRefine(distinct('name')),
      safety,
    })
    .transform(({ rate_hz, ...rest }) => ({ ...rest, rateHz: rate_hz }));

/** @throws UserError naming file, line and key */
export async function loadContract(file: string): Promise<RobotContract> {
  const absolute = path.resolve(file);
  let text: string;
  try {
    text = await readFile(absolute, 'utf8');
  } catch (error) {
    throw new UserError(
      `robot contract ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      2,
      {
        cause: error,
      },
    );
  }
  return { file: absolute, text, ...parseYaml(file, text, contract(path.dirname(absolute))) };
}
