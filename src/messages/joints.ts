/** Joint positions out of ROS messages, and into them: found by name, in the policy's units. */
import type { RobotContract, RosJoint } from '../contract/contract.js';
import { rosJoint } from '../contract/contract.js';
import { decode } from './cdr.js';
import { fromStamp } from './time.js';
import type { Time } from './types.js';

/** Policy units; `ros` is what a message says. */
export function fromRos({ scale, offset }: RosJoint, ros: number): number {
  return scale * ros + offset;
}

/** What a message must say for `value` in policy units. */
export function toRos({ scale, offset }: RosJoint, value: number): number {
  return (value - offset) / scale;
}

/** The contract's joints as Saccade's own messages speak of them. */
export function ownJoints({ joints }: Pick<RobotContract, 'joints'>): RosJoint[] {
  return joints.map(({ name }) => ({ name, scale: 1, offset: 0 }));
}

export interface JointVector {
  /** The header's stamp, s; undefined where the message has none, or 0, which to a controller means "now". */
  readonly time: number | undefined;
  /** Which of the reader's joints, by index. */
  readonly joints: readonly number[];
  /** Theirs. */
  readonly positions: Float32Array;
}

/** Finds joints in messages, whatever their order and whatever else they name. */
export class JointReader {
  readonly #joints: readonly RosJoint[];
  readonly #partial: boolean;
  readonly #all: readonly number[];
  /** By the names they are for: a topic has the same names in every message. */
  readonly #columns = new Map<string, Columns | undefined>();

  /** @param options `partial`: a message may name some of the joints only */
  constructor(joints: readonly RosJoint[], { partial = false }: { readonly partial?: boolean } = {}) {
    this.#joints = joints;
    this.#partial = partial;
    this.#all = joints.map((_, j) => j);
  }

  /**
   * Undefined when the message is about other joints only, or empty.
   * @param type the message's; see `COMMAND_TYPES`
   * @throws Error, one sentence, when it is no such message, names some of the joints but not all, or its
   * numbers are not finite
   */
  read(type: string, data: Uint8Array): JointVector | undefined {
    switch (type) {
      case 'sensor_msgs/msg/JointState': {
        const { header, name, position } = decode(type, data);
        return this.#vector(header.stamp, name, position);
      }
      case 'trajectory_msgs/msg/JointTrajectory': {
        const { header, joint_names, points } = decode(type, data);
        // Of several points the first is the one that is due: its chunk is followed by the next before the others are.
        return points[0] && this.#vector(header.stamp, joint_names, points[0].positions);
      }
      case 'std_msgs/msg/Float64MultiArray':
        return { time: undefined, joints: this.#all, positions: this.#plain(decode(type, data).data) };
      default:
        throw new Error(`joint positions in a ${type} cannot be read`);
    }
  }

  #vector(stamp: Time, names: readonly string[], values: Float64Array): JointVector | undefined {
    const columns = this.#find(names);
    if (!columns) return undefined;
    if (values.length !== names.length)
      throw new Error(`${names.length} joints have ${values.length} positions`);
    const time = stamp.sec === 0 && stamp.nanosec === 0 ? undefined : fromStamp(stamp);
    return { time, ...columns, positions: this.#positions(columns, values) };
  }

  /** Without names the order is the controller's, as it is for ros2_control's forward_command_controller. */
  #plain(values: Float64Array): Float32Array {
    if (values.length !== this.#joints.length)
      throw new Error(`${values.length} positions where there are ${this.#joints.length} joints`);
    return this.#positions({ joints: this.#all, columns: this.#all }, values);
  }

  #positions({ joints, columns }: Columns, values: Float64Array): Float32Array {
    const positions = new Float32Array(joints.length);
    joints.forEach((j, i) => {
      const joint = this.#joints[j];
      const value = values[columns[i]];
      if (!Number.isFinite(value)) throw new Error(`the position of ${joint.name} is ${value}`);
      positions[i] = fromRos(joint, value);
    });
    return positions;
  }

  #find(names: readonly string[]): Columns | undefined {
    const key = names.join('\n');
    if (this.#columns.has(key)) return this.#columns.get(key);
    const joints = this.#all.filter((j) => names.includes(this.#joints[j].name));
    const missing = this.#all.filter((j) => !joints.includes(j)).map((j) => this.#joints[j].name);
    if (missing.length > 0 && joints.length > 0 && !this.#partial)
      throw new Error(`there is no joint ${missing.join(', ')} among ${names.join(', ')}`);
    const found =
      joints.length > 0
        ? { joints, columns: joints.map((j) => names.indexOf(this.#joints[j].name)) }
        : undefined;
    if (this.#columns.size < KEPT_COLUMNS) this.#columns.set(key, found);
    return found;
  }
}

/** `joints[i]` stands in column `columns[i]` of the message. */
interface Columns {
  readonly joints: readonly number[];
  readonly columns: readonly number[];
}

/** More kinds of message than a topic really has. */
const KEPT_COLUMNS = 64;

/** Makes one vector of what several messages say, each of some joints. */
export class JointMerger {
  readonly #positions: Float32Array;
  readonly #times: Float64Array;

  constructor(count: number) {
    this.#positions = new Float32Array(count);
    this.#times = new Float64Array(count).fill(Number.NaN);
  }

  /**
   * What is older than what is known of a joint is left out.
   * @param indices in the whole, of the joints that a vector's `joints` are indices of
   */
  take(
    time: number,
    indices: readonly number[],
    { joints, positions }: Pick<JointVector, 'joints' | 'positions'>,
  ): void {
    for (let i = 0; i < joints.length; i++) {
      const j = indices[joints[i]];
      if (time < this.#times[j]) continue;
      this.#positions[j] = positions[i];
      this.#times[j] = time;
    }
  }

  /** Indices of the joints that nothing has been said of. */
  get missing(): number[] {
    return [...this.#times.keys()].filter((j) => Number.isNaN(this.#times[j]));
  }

  /** Undefined until every joint is known; `time` is that of the oldest part. */
  get state(): { readonly time: number; readonly positions: Float32Array } | undefined {
    let time = Number.POSITIVE_INFINITY;
    for (const each of this.#times) {
      if (Number.isNaN(each)) return undefined;
      time = Math.min(time, each);
    }
    return { time, positions: this.#positions.slice() };
  }

  clear(): void {
    this.#times.fill(Number.NaN);
  }
}

/** Some of the contract's joints, and how to read them on one topic. */
export interface JointTopic {
  readonly topic: string;
  /** The messages' type; any that a JointReader takes when absent. */
  readonly type?: string;
  /** Contract indices of the reader's joints. */
  readonly joints: readonly number[];
  readonly reader: JointReader;
}

/** Where the robot says how its joints stand. */
export function stateTopics({ joints, jointStates }: RobotContract): JointTopic[] {
  const { partial = false } = jointStates;
  return jointStates.topics.map((topic) => {
    const indices = indicesOf(joints, ({ ros }) => (ros?.topic ?? topic) === topic);
    const reader = new JointReader(
      indices.map((j) => rosJoint(joints[j])),
      { partial },
    );
    return { topic, type: 'sensor_msgs/msg/JointState', joints: indices, reader };
  });
}

/** Where the robot's controllers are told what to do. */
export function commandTopics({ joints, commands }: RobotContract): JointTopic[] {
  return commands.map(({ topic, type, joints: names }) => {
    const indices = names.map((wanted) => joints.findIndex(({ name }) => name === wanted));
    return { topic, type, joints: indices, reader: new JointReader(indices.map((j) => rosJoint(joints[j]))) };
  });
}

/** The joints of each joint-state topic as Saccade records them: those that name no topic are on the first. */
export function recordedTopics({ joints, jointStates }: RobotContract) {
  return jointStates.topics
    .map((topic, t) => {
      const on = ({ ros }: RobotContract['joints'][number]) => ros?.topic ?? (t === 0 ? topic : undefined);
      const indices = indicesOf(joints, (joint) => on(joint) === topic);
      return { topic, joints: indices, ros: indices.map((j) => rosJoint(joints[j])) };
    })
    .filter((each) => each.joints.length > 0);
}

function indicesOf(
  joints: RobotContract['joints'],
  is: (joint: RobotContract['joints'][number]) => boolean,
): number[] {
  return [...joints.keys()].filter((j) => is(joints[j]));
}
