/** Something drawn on the table: a mocap body of its own, which nothing collides with. */
import { UserError } from '../../errors.js';
import type { Scene } from './mujoco.js';
import type { Place } from './scatter.js';

export class Mark {
  readonly #scene: Scene;
  readonly #index: number;

  /** @throws UserError when the scene's body of that name is not a mocap body, or there is none */
  constructor(scene: Scene, name: string) {
    this.#scene = scene;
    this.#index = scene.model.body_mocapid[scene.id('body', name)];
    if (this.#index < 0) throw new UserError(`body '${name}' of the scene must have mocap="true"`);
  }

  put([x, y]: Place): void {
    const { mocap_pos } = this.#scene.data;
    mocap_pos[3 * this.#index] = x;
    mocap_pos[3 * this.#index + 1] = y;
  }
}
