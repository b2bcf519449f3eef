/** Writes a world for Gazebo into a folder: SDF, meshes and pictures, and what the bridge and the controllers need. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { makeFolder } from '../../folder.js';
import type { GeomDescription, SceneDescription } from '../../robots/sim/description.js';
import type { Surroundings } from '../../robots/sim/surroundings.js';
import { bridgeEntries, bridgeYaml } from './bridge.js';
import { lookOf } from './look.js';
import { lookFiles } from './parts.js';
import type { Release } from './release.js';
import { controllersYaml, robotUrdf } from './ros2Control.js';
import { things } from './thing.js';
import { robotBodies, worldSdf } from './world.js';

export interface WriteOptions {
  readonly contract: RobotContract;
  readonly scene: SceneDescription;
  readonly randomise: Surroundings;
  readonly home: readonly number[];
  readonly release: Release;
  readonly control: 'plain' | 'ros2_control';
  readonly name: string;
  readonly realTimeFactor: number;
  readonly folder: string;
}

/**
 * @returns the files it wrote, the world first
 * @throws UserError when the folder cannot be written
 */
export async function writeWorld(options: WriteOptions): Promise<string[]> {
  const { contract, scene, home, release, control, name, folder } = options;
  const parameters = resolve(folder, 'controllers.yaml');
  const texts: [file: string, text: string][] = [
    [
      `${name}.sdf`,
      worldSdf({
        ...options,
        control: control === 'plain' ? { kind: control } : { kind: control, parameters },
      }),
    ],
    ['bridge.yaml', bridgeYaml(bridgeEntries(contract, things(scene), release, control === 'plain'))],
  ];
  if (control === 'ros2_control')
    texts.push(
      ['controllers.yaml', controllersYaml(contract)],
      ['robot.urdf', robotUrdf(contract, scene, robotBodies(scene.bodies, contract), home)],
    );
  const files: string[] = [];
  const write = async (file: string, content: string | Uint8Array): Promise<void> => {
    const path = join(folder, file);
    await writeFile(path, content).catch((cause) => {
      throw new UserError(`${path} cannot be written: ${cause.message}`);
    });
    files.push(path);
  };
  for (const sub of ['meshes', 'textures'])
    await makeFolder(join(folder, sub)).catch((cause) => {
      throw new UserError(`--out ${folder} cannot be created: ${cause.message}`);
    });
  for (const [file, text] of texts) await write(file, text);
  for (const geom of scene.bodies.flatMap(({ geoms }) => geoms)) {
    const names = lookFiles(geom);
    const { mesh, picture } = await lookContents(geom);
    await write(names.mesh, mesh);
    await write(names.picture, picture);
  }
  return files;
}

/** A look's mesh and picture, as their files have them. */
export async function lookContents(geom: GeomDescription): Promise<{ mesh: string; picture: Uint8Array }> {
  const { mesh, picture } = lookOf(geom);
  const { width, height, data } = picture;
  const png = sharp(data, { raw: { width, height, channels: 3 } }).png();
  return { mesh, picture: await png.toBuffer() };
}
