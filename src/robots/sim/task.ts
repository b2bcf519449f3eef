/** The task file: what `pick_lift` asks for and what its seed decides. Lengths in m, angles in rad. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { parseYaml } from '../../contract/yaml.js';
import { UserError } from '../../errors.js';

const range = z.tuple([z.number(), z.number()]).refine(([lo, hi]) => lo <= hi, 'must be [low, high]');

const taskSchema = z.strictObject({
  name: z.literal('pick_lift'),
  instruction: z.string(),
  time_limit_s: z.number().positive(),
  goal_height_m: z.number().positive(),
  hold_s: z.number().nonnegative(),
  randomise: z.strictObject({
    cube_x_m: range,
    cube_y_m: range,
    cube_yaw_rad: range,
    cube_hue: range,
    cube_saturation: range,
    cube_value: range,
    light_azimuth_rad: range,
    light_elevation_rad: range,
    light_diffuse: range,
    light_ambient: range,
    light_tint: range,
    head_camera_offset_m: z.number().nonnegative(),
    head_camera_rotation_rad: z.number().nonnegative(),
    wrist_camera_offset_m: z.number().nonnegative(),
    wrist_camera_rotation_rad: z.number().nonnegative(),
    home_joint_rad: z.number().nonnegative(),
    home: z.array(z.number()),
  }),
});

export type TaskSpec = z.infer<typeof taskSchema>;

/**
 * Loads a task by name (a file in `config/tasks`) or by path.
 * @throws UserError naming the file, line and key.
 */
export async function loadTask(nameOrPath: string, tasksDir: string): Promise<TaskSpec> {
  const named = resolve(tasksDir, `${nameOrPath}.yaml`);
  const file = existsSync(named) ? named : resolve(nameOrPath);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new UserError(`task '${nameOrPath}' is unknown: no ${named}, and no file of that name can be read`);
  }
  return parseYaml(file, text, taskSchema);
}
