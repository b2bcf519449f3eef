/** Models of the task's objects, painted as the seed has them: SDF for a running world, with files that it loads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GeomDescription } from '../../robots/sim/description.js';
import type { SimWorld } from '../../robots/sim/simWorld.js';
import type { Release } from '../world/release.js';
import { thingSdf } from '../world/thing.js';
import { lookContents } from '../world/write.js';

export class Models {
  readonly #release: Release;
  readonly #folder = mkdtempSync(join(tmpdir(), 'saccade-gazebo-peer-'));
  /** Gazebo keeps a picture that it has loaded by its name: a new look has a new name. */
  #looks = 0;

  constructor(release: Release) {
    this.#release = release;
  }

  /** SDF of an object as it is painted now in the embedded world. */
  async sdf(world: SimWorld, object: string): Promise<string> {
    const scene = world.describe();
    const look = ++this.#looks;
    const files = ({ name }: Pick<GeomDescription, 'name'>) => ({
      mesh: join(this.#folder, `${name}_${look}.obj`),
      picture: join(this.#folder, `saccade_${name}_${look}.png`),
    });
    for (const geom of scene.bodies.find(({ name }) => name === object)?.geoms ?? []) {
      const { mesh, picture } = await lookContents(geom);
      await writeFile(files(geom).mesh, mesh);
      await writeFile(files(geom).picture, picture);
    }
    return thingSdf(scene, object, this.#release, files);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
