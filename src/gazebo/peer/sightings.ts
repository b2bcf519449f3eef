/**
 * What Gazebo shows of its world: where the joints and the objects are, put together by the time they were there. Its
 * time is theirs; nothing here goes by another clock.
 */
import { type RobotContract, rosJoint } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { decode } from '../../messages/cdr.js';
import { nsToSeconds, stampToNs } from '../../messages/time.js';
import type { TransformStamped } from '../../messages/types.js';
import type { Motion, Scenery } from '../../robots/sim/referee.js';
import { POSES_TOPIC } from '../names.js';
import type { Graph } from './graph.js';

/** Joint states are kept for so long (ns): objects' poses are not far behind them. */
const KEPT_NS = 500_000_000n;
/** How fast an object moves is measured over this long (ns) at least. */
const MEASURED_NS = 10_000_000n;
/** Wall time (s) without any joint state after which Gazebo is taken for dead. */
const SILENT_S = 10;

export interface JointsAt {
  readonly timeNs: bigint;
  /** By the names of the scene, in the policy's units. */
  readonly positions: ReadonlyMap<string, number>;
}

export interface ObjectAt {
  readonly timeNs: bigint;
  readonly motion: Motion;
  /** Where, and when, its velocity was measured last. */
  readonly measured: { readonly timeNs: bigint; readonly position: Motion['position'] };
}

export interface SightingsOptions {
  readonly graph: Pick<Graph, 'listen' | 'publishers'>;
  readonly contract: RobotContract;
  /** Names of all objects that move. */
  readonly objects: readonly string[];
  /** Told of every instant of which joints and all objects are known, once each, ascending. */
  readonly onScenery: (scenery: Scenery, timeNs: bigint) => void;
}

export class Sightings {
  readonly #options: SightingsOptions;
  readonly #translate: ReadonlyMap<
    string,
    { readonly name: string; readonly scale: number; readonly offset: number }
  >;
  #states: JointsAt[] = [];
  readonly #objects = new Map<string, ObjectAt>();
  #toldNs = -1n;
  #waiting = new Set<() => void>();
  /** `performance.now()` of the newest joint states and poses, ms. */
  #jointsHeard = Number.NEGATIVE_INFINITY;
  #posesHeard = Number.NEGATIVE_INFINITY;

  constructor(options: SightingsOptions) {
    const { graph, contract } = options;
    this.#options = options;
    this.#translate = new Map(
      contract.joints.map((joint) => {
        const { name, scale, offset } = rosJoint(joint);
        return [name, { name: joint.name, scale, offset }];
      }),
    );
    for (const topic of contract.jointStates.topics)
      graph.listen('sensor_msgs/msg/JointState', topic, 'every', (cdr) => this.#takeJoints(cdr));
    graph.listen('tf2_msgs/msg/TFMessage', POSES_TOPIC, 'every', (cdr) => this.#takePoses(cdr));
  }

  /** The newest joint states; undefined before the first. */
  get joints(): JointsAt | undefined {
    return this.#states.at(-1);
  }

  object(name: string): ObjectAt | undefined {
    return this.#objects.get(name);
  }

  /** What has been silent for `seconds` of wall time, one clause each. */
  silent(seconds: number): string[] {
    const { graph, contract } = this.#options;
    const since = performance.now() - 1000 * seconds;
    const topics = [
      ...(this.#jointsHeard < since ? contract.jointStates.topics : []),
      ...(this.#posesHeard < since ? [POSES_TOPIC] : []),
    ];
    return topics.map((topic) =>
      graph.publishers(topic).length === 0
        ? `nobody publishes ${topic}: is Gazebo running, and the topic in the bridge's YAML?`
        : `nothing comes on ${topic}: is Gazebo running?`,
    );
  }

  /** Objects of one attempt are not those of the next. */
  forgetObjects(): void {
    this.#objects.clear();
  }

  /**
   * Waits for `there`, which is looked at whenever something comes.
   * @throws UserError when Gazebo says nothing any more
   */
  async until(there: () => boolean): Promise<void> {
    let heard = Math.max(performance.now(), this.#jointsHeard);
    while (!there()) {
      const waitedMs = performance.now() - heard;
      if (waitedMs >= 1000 * SILENT_S)
        throw new UserError(this.silent(SILENT_S)[0] ?? 'Gazebo does not go on: is it paused?');
      await this.#next();
      heard = Math.max(heard, this.#jointsHeard);
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, 100);
      this.#waiting.add(wake);
    });
  }

  #takeJoints(cdr: Uint8Array): void {
    const { header, name, position } = decode('sensor_msgs/msg/JointState', cdr);
    const positions = new Map(
      name.map((ros, i) => {
        const joint = this.#translate.get(ros);
        return joint ? [joint.name, joint.scale * position[i] + joint.offset] : [ros, position[i]];
      }),
    );
    const timeNs = stampToNs(header.stamp);
    this.#jointsHeard = performance.now();
    // A world that begins anew.
    if (timeNs < (this.joints?.timeNs ?? 0n)) this.#startAnew();
    if (timeNs === this.joints?.timeNs) this.#states.pop();
    this.#states.push({ timeNs, positions });
    this.#states = this.#states.filter((state) => timeNs - state.timeNs <= KEPT_NS);
    this.#tell();
  }

  #takePoses(cdr: Uint8Array): void {
    this.#posesHeard = performance.now();
    for (const transform of decode('tf2_msgs/msg/TFMessage', cdr).transforms) this.#takePose(transform);
    this.#tell();
  }

  #takePose({ header, child_frame_id: name, transform }: TransformStamped): void {
    if (!this.#options.objects.includes(name)) return;
    const { translation, rotation } = transform;
    const timeNs = stampToNs(header.stamp);
    const before = this.#objects.get(name);
    if (before?.timeNs === timeNs) return;
    const position = [translation.x, translation.y, translation.z] as const;
    const orientation = [rotation.x, rotation.y, rotation.z, rotation.w] as const;
    let measured = before?.measured ?? { timeNs, position };
    let velocity: Motion['velocity'] = before?.motion.velocity ?? [0, 0, 0];
    if (timeNs - measured.timeNs >= MEASURED_NS) {
      velocity = over(measured.position, position, nsToSeconds(timeNs - measured.timeNs));
      measured = { timeNs, position };
    }
    this.#objects.set(name, { timeNs, motion: { position, orientation, velocity }, measured });
  }

  /** All objects are known up to the time of the one that was seen longest ago. */
  #tell(): void {
    const { objects, onScenery } = this.#options;
    const seen = objects.map((name) => this.#objects.get(name));
    const times = seen.map((object) => object?.timeNs ?? -1n);
    const timeNs = times.reduce((a, b) => (b < a ? b : a), times[0] ?? this.joints?.timeNs ?? -1n);
    const joints = this.#states.find((state) => state.timeNs >= timeNs);
    if (timeNs > this.#toldNs && joints) {
      this.#toldNs = timeNs;
      const motions = objects.map((name, i) => [name, (seen[i] as ObjectAt).motion] as const);
      onScenery({ joints: joints.positions, objects: new Map(motions) }, timeNs);
    }
    for (const wake of this.#waiting) wake();
  }

  #startAnew(): void {
    this.#states = [];
    this.#objects.clear();
    this.#toldNs = -1n;
  }
}

/** m/s */
function over(from: Motion['position'], to: Motion['position'], seconds: number): Motion['velocity'] {
  return [(to[0] - from[0]) / seconds, (to[1] - from[1]) / seconds, (to[2] - from[2]) / seconds];
}
