/** The MuJoCo WASM module, and the few names of it the simulator uses. */
import { readFileSync } from 'node:fs';
import loadMujoco, { type MainModule, type MjData, type MjModel } from '@mujoco/mujoco';
import { UserError } from '../../errors.js';

let loading: Promise<MainModule> | undefined;

/** One module a thread: it is 10 MB of WASM and has no state of its own. */
function mujocoModule(): Promise<MainModule> {
  loading ??= loadMujoco();
  return loading;
}

/** A compiled scene with its state. `data` views (qpos, xpos, …) are live and must not outlive `free()`. */
export class Scene {
  private constructor(
    readonly mj: MainModule,
    readonly model: MjModel,
    readonly data: MjData,
    /** A scratch scene borrows its model. */
    readonly borrowed: boolean,
  ) {}

  /** @throws UserError when the MJCF file cannot be read or does not compile. */
  static async load(file: string): Promise<Scene> {
    const mj = await mujocoModule();
    let xml: string;
    try {
      xml = readFileSync(file, 'utf8');
    } catch {
      throw new UserError(`scene ${file} cannot be read: check sim.scene in the robot contract`);
    }
    let model: MjModel | null;
    try {
      model = mj.MjModel.from_xml_string(xml);
    } catch (cause) {
      throw new UserError(`scene ${file} does not compile: ${message(cause)}`, 2, { cause });
    }
    if (!model) throw new UserError(`scene ${file} does not compile: MuJoCo gave no reason`);
    return new Scene(mj, model, new mj.MjData(model), false);
  }

  /** A second state of the same model, for planning beside the simulated world. Free it before this one. */
  scratch(): Scene {
    return new Scene(this.mj, this.model, new this.mj.MjData(this.model), true);
  }

  /** Index of a named body, geom, site, joint, camera or actuator. @throws UserError when there is none. */
  id(type: 'body' | 'geom' | 'site' | 'joint' | 'camera' | 'actuator', name: string): number {
    const index = this.mj.mj_name2id(this.model, this.mj.mjtObj[OBJECT_TYPES[type]].value, name);
    if (index < 0) throw new UserError(`the scene has no ${type} named '${name}'`);
    return index;
  }

  forward(): void {
    this.mj.mj_forward(this.model, this.data);
  }

  free(): void {
    this.data.delete();
    if (!this.borrowed) this.model.delete();
  }
}

const OBJECT_TYPES = {
  body: 'mjOBJ_BODY',
  geom: 'mjOBJ_GEOM',
  site: 'mjOBJ_SITE',
  joint: 'mjOBJ_JOINT',
  camera: 'mjOBJ_CAMERA',
  actuator: 'mjOBJ_ACTUATOR',
} as const;

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
