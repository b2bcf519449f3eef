/**
 * Stands in for Gazebo and its bridge where there is none: the embedded simulator, spoken to as Gazebo is. Its joint
 * controllers jump to what they are sent; it has cameras, ground truth, `/clock`, and the services of a world.
 */
import type { RobotContract } from '../../src/contract/contract.js';
import {
  commandTopic,
  POSES_TOPIC,
  WORLD_SERVICES,
  type WorldService,
  worldService,
} from '../../src/gazebo/names.js';
import type { Graph } from '../../src/gazebo/peer/graph.js';
import { decode, encode } from '../../src/messages/cdr.js';
import { nsToStamp } from '../../src/messages/time.js';
import type { Messages, MessageType, Point, Quaternion } from '../../src/messages/types.js';
import { Referee } from '../../src/robots/sim/referee.js';
import type { TaskSpec } from '../../src/robots/sim/task.js';

/** Joint states, poses and `/clock`, simulated Hz. */
const SENSE_HZ = 100;
/** A world that is paused says again what time it is so often, ms. */
const IDLE_MS = 20;

interface Pose {
  readonly position: Point;
  readonly orientation: Quaternion;
}

export interface StandInOptions {
  readonly graph: Pick<Graph, 'advertise' | 'listen' | 'offerService'>;
  readonly contract: RobotContract;
  readonly task: TaskSpec;
  readonly world: string;
  /** Simulated seconds a second, while it runs by itself; 0: as fast as it can. */
  readonly rtf: number;
  /** It stands still at first. */
  readonly paused?: boolean;
}

export class StandIn {
  /** Changes the pace. */
  rtf: number;
  readonly #options: StandInOptions;
  readonly #embedded: Referee;
  readonly #targets: Float64Array;
  readonly #stepNs: bigint;
  readonly #publish: ReturnType<typeof publishers>;
  /** Objects that there are. */
  readonly #present: Set<string>;
  #timeNs = 4_250_000_000n;
  #steps = 0;
  #paused: boolean;
  #left = 0;
  #dead = false;
  /** What services asked for, applied before the next step. */
  #asked: (() => void)[] = [];

  private constructor(options: StandInOptions, embedded: Referee) {
    const { graph, contract, rtf, paused = false, world } = options;
    this.rtf = rtf;
    this.#options = options;
    this.#embedded = embedded;
    this.#targets = Float64Array.from(embedded.layOut(1).home);
    this.#present = new Set(embedded.objects);
    this.#stepNs = BigInt(Math.round(1e9 * embedded.world.scene.model.opt.timestep));
    this.#paused = paused;
    this.#publish = publishers(graph, contract);
    contract.joints.forEach(({ name }, j) => {
      graph.listen('std_msgs/msg/Float64', commandTopic(name), 'reliable', (cdr) => {
        this.#targets[j] = decode('std_msgs/msg/Float64', cdr).data;
      });
    });
    const offer = <Request>(service: WorldService, onCall: (request: Request) => void) =>
      graph.offerService<Request, { success: boolean }>(
        WORLD_SERVICES[service],
        worldService(world, service),
        async (request) => {
          if (this.#dead) return new Promise(() => {});
          onCall(request);
          return { success: true };
        },
      );
    offer<{ world_control: { pause: boolean; multi_step: number } }>('control', ({ world_control }) => {
      this.#paused = world_control.pause;
      this.#left = world_control.multi_step;
    });
    offer<{ entity: { name: string }; pose: Pose }>('set_pose', ({ entity, pose }) =>
      this.#asked.push(() => this.#put(entity.name, pose)),
    );
    offer<{ entity: { name: string } }>('remove', ({ entity }) =>
      this.#asked.push(() => {
        this.#present.delete(entity.name);
        this.#put(entity.name, {
          position: { x: -5 - embedded.objects.indexOf(entity.name), y: 0, z: 0.018 },
          orientation: { x: 0, y: 0, z: 0, w: 1 },
        });
      }),
    );
    offer<{ entity_factory: { name: string; sdf: string; pose: Pose } }>('create', ({ entity_factory }) => {
      const { name, sdf, pose } = entity_factory;
      if (!sdf.includes(`<model name="${name}">`))
        throw new Error(`the description is not of ${name}:\n${sdf}`);
      this.#asked.push(() => {
        this.#present.add(name);
        this.#put(name, pose);
      });
    });
  }

  static async create(options: StandInOptions): Promise<StandIn> {
    return new StandIn(options, await Referee.create(options.contract, options.task));
  }

  /** Seconds of its time. */
  get now(): number {
    return Number(this.#timeNs) / 1e9;
  }

  /** Where an object is, m. */
  where(object: string): [number, number, number] {
    const { scene } = this.#embedded.world;
    const [x, y, z] = scene.data.xpos.slice(3 * scene.id('body', object));
    return [x, y, z];
  }

  /** Goes on until it is killed. */
  async run(): Promise<void> {
    let due = performance.now();
    for (;;) {
      const goes = !this.#paused || this.#left > 0;
      if (this.#dead) break;
      if (goes) this.#sense(this.#advance());
      else this.#publish.clock(this.#timeNs);
      const ms = goes ? (this.rtf > 0 && !this.#paused ? 1000 / SENSE_HZ / this.rtf : 0) : IDLE_MS;
      due = Math.max(due + ms, performance.now() - 50);
      const wait = due - performance.now();
      await new Promise((resolve) => (wait > 1 ? setTimeout(resolve, wait) : setImmediate(resolve)));
    }
    this.#embedded.free();
  }

  /** As `kill -9`. */
  kill(): void {
    this.#dead = true;
  }

  /** Steps up to the next instant at which something is published. */
  #advance(): number {
    for (const apply of this.#asked.splice(0)) apply();
    const { world } = this.#embedded;
    const perSense = Math.round(1e9 / SENSE_HZ / Number(this.#stepNs));
    for (;;) {
      world.step(this.#targets);
      this.#timeNs += this.#stepNs;
      this.#steps++;
      if (this.#paused) this.#left--;
      if (this.#steps % perSense === 0 || (this.#paused && this.#left === 0)) return this.#steps;
    }
  }

  #sense(steps: number): void {
    const { contract } = this.#options;
    const { world } = this.#embedded;
    world.settle();
    const [time, publish] = [this.#timeNs, this.#publish];
    const { scene } = world;
    const joints = [...contract.joints.map(({ name }) => name), ...this.#embedded.followers.values()];
    publish.joints(
      time,
      joints,
      joints.map((joint) => scene.data.qpos[scene.model.jnt_qposadr[scene.id('joint', joint)]]),
    );
    const poses = [...this.#present].map((name) => {
      const body = scene.id('body', name);
      const [w, x, y, z] = scene.data.xquat.slice(4 * body, 4 * body + 4);
      return { name, position: this.where(name), orientation: { x, y, z, w } };
    });
    publish.poses(time, poses);
    if (steps % world.stepsPerTick === 0)
      contract.cameras.forEach((_, c) => {
        publish.image(time, c, () => world.picture(c));
      });
    publish.clock(time);
  }

  #put(name: string, { position: { x, y, z }, orientation: q }: Pose): void {
    const { scene } = this.#embedded.world;
    if (!this.#embedded.objects.includes(name)) return;
    const joint = scene.id('joint', name);
    scene.data.qpos.set([x, y, z, q.w, q.x, q.y, q.z], scene.model.jnt_qposadr[joint]);
    scene.data.qvel.set([0, 0, 0, 0, 0, 0], scene.model.jnt_dofadr[joint]);
  }
}

interface NamedPose {
  readonly name: string;
  readonly position: readonly [number, number, number];
  readonly orientation: Quaternion;
}

function publishers(graph: Pick<Graph, 'advertise'>, { cameras, jointStates }: RobotContract) {
  const typed = <T extends MessageType>(type: T, topic: string) => {
    const publication = graph.advertise(type, topic, 'reliable');
    return { publish: (message: Messages[T]) => publication.publish(encode(type, message)), publication };
  };
  const header = (time: bigint) => ({ stamp: nsToStamp(time), frame_id: '' });
  const none = new Float64Array();
  const clock = typed('rosgraph_msgs/msg/Clock', '/clock');
  const joints = typed('sensor_msgs/msg/JointState', jointStates.topics[0]);
  const poses = typed('tf2_msgs/msg/TFMessage', POSES_TOPIC);
  const images = cameras.map(({ topic }) => typed('sensor_msgs/msg/Image', topic));
  return {
    clock: (time: bigint) => clock.publish({ clock: nsToStamp(time) }),
    joints: (time: bigint, name: readonly string[], position: readonly number[]) =>
      joints.publish({
        header: header(time),
        name,
        position: Float64Array.from(position),
        velocity: none,
        effort: none,
      }),
    poses: (time: bigint, all: readonly NamedPose[]) =>
      poses.publish({
        transforms: all.map(({ name, position: [x, y, z], orientation }) => ({
          header: header(time),
          child_frame_id: name,
          transform: { translation: { x, y, z }, rotation: orientation },
        })),
      }),
    image: (time: bigint, index: number, pixels: () => Uint8Array) => {
      const { width, height } = cameras[index];
      const { publication, publish } = images[index];
      if (publication.listeners === 0) return;
      publish({
        header: header(time),
        height,
        width,
        encoding: 'rgb8',
        is_bigendian: 0,
        step: 3 * width,
        data: pixels(),
      });
    },
  };
}
