/** The MuJoCo WASM module, and the few names of it the simulator uses. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import loadMujoco, { type MainModule, type MjData, type MjModel } from '@mujoco/mujoco';
import { UserError } from '../../errors.js';

const TOUCH = 0.0005;

let loading: Promise<MainModule> | undefined;

/** One module a thread: it is 10 MB of WASM and has no state of its own. */
function mujocoModule(): Promise<MainModule> {
  loading ??= loadMujoco();
  return loading;
}

/** A compiled scene with its state. `data` views (qpos, xpos, …) are live and must not outlive `free()`. */
export class Scene {
  /** What is nearer than this (m) touches: MuJoCo also lists what is about to. */
  touch = TOUCH;

  private constructor(
    readonly mj: MainModule,
    readonly model: MjModel,
    readonly data: MjData,
    /** A scratch scene borrows its model. */
    readonly borrowed: boolean,
  ) {}

  /**
   * Compiles MJCF files to one scene, as if the contents of each were written below those of the one before it: a
   * robot's cell, and what a task puts there. They may name other MJCF files in their folders.
   * @throws UserError when one cannot be read, or they do not compile together.
   */
  static async load(...files: readonly string[]): Promise<Scene> {
    const mj = await mujocoModule();
    const sources = new mj.MjVFS();
    let model: MjModel | null;
    try {
      for (const file of new Set(files.flatMap(mjcfFilesWith))) sources.addBuffer(file, readFileSync(file));
      const includes = files.map((file) => `<include file="${escaped(file)}"/>`);
      model = mj.MjModel.from_xml_string(`<mujoco>${includes.join('')}</mujoco>`, sources);
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      throw new UserError(`scene ${files.join(' with ')} does not compile: ${message(cause)}`, 2, { cause });
    } finally {
      sources.delete();
    }
    if (!model) throw new UserError(`scene ${files.join(' with ')} does not compile: MuJoCo gave no reason`);
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

/** `file` and every MJCF file beside it, which it may name: MuJoCo cannot see the disk, and is given them all. */
function mjcfFilesWith(file: string): string[] {
  const folder = dirname(file);
  if (!existsSync(file)) {
    throw new UserError(
      `scene ${file} cannot be read: check sim.scene in the robot contract and objects in the task`,
    );
  }
  const beside = readdirSync(folder).filter((name) => name.endsWith('.xml'));
  return [file, ...beside.map((name) => join(folder, name))];
}

/** As the value of an XML attribute. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
