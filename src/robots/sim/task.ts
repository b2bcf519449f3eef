/** Task files: what the simulator's tasks ask for, and what a seed decides in them. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { parseYaml } from '../../contract/yaml.js';
import { UserError } from '../../errors.js';
import type { Arm } from './arms.js';
import type { Scene } from './mujoco.js';
import type { SimTask } from './simTask.js';
import { PickAtXy, pickAtXySchema } from './tasks/pickAtXy.js';
import { PickLift, pickLiftSchema } from './tasks/pickLift.js';
import { PlaceLeftOf, placeLeftOfSchema } from './tasks/placeLeftOf.js';
import { TransferCube, transferCubeSchema } from './tasks/transferCube.js';

const schema = z.discriminatedUnion('name', [
  pickLiftSchema,
  pickAtXySchema,
  placeLeftOfSchema,
  transferCubeSchema,
]);

/** Paths are absolute after loading. */
export type TaskSpec = z.infer<typeof schema>;

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
  const folder = dirname(file);
  const spec = parseYaml(file, text, schema);
  return { ...spec, robot: resolve(folder, spec.robot), objects: resolve(folder, spec.objects) };
}

/** Arms that a robot must have for a task. */
const ARMS: Readonly<Record<TaskSpec['name'], number>> = {
  pick_lift: 1,
  pick_at_xy: 1,
  place_left_of: 1,
  transfer_cube: 2,
};

/** @throws UserError when the robot of contract `file` is not one for the task. */
export function refuseMisfit({ name, robot }: TaskSpec, arms: readonly Arm[], file: string): void {
  const [needed, has] = [ARMS[name], arms.length];
  if (has === needed) return;
  throw new UserError(
    `task ${name} is for a robot with ${needed} ${needed === 1 ? 'arm' : 'arms'}, and ${file} has ${has}: give --robot ${robot}`,
  );
}

/** @throws UserError when the scene lacks something the task is about */
export function createTask(scene: Scene, arms: readonly Arm[], spec: TaskSpec): SimTask {
  switch (spec.name) {
    case 'pick_lift':
      return new PickLift(scene, arms, spec);
    case 'pick_at_xy':
      return new PickAtXy(scene, arms, spec);
    case 'place_left_of':
      return new PlaceLeftOf(scene, arms, spec);
    case 'transfer_cube':
      return new TransferCube(scene, arms, spec);
  }
}
