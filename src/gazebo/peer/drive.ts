/**
 * Where the joints are told to be: by the loop, whose commands are handed on, or by a reset. To Gazebo's own joint
 * controllers (`plain`) a joint at a time, or to one of ros2_control's.
 */
import { type RobotContract, rosJoint } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { decode, encode } from '../../messages/cdr.js';
import type { Publication } from '../../robots/ros2/rosNode.js';
import { CONTROLLER, commandTopic } from '../names.js';
import type { Graph } from './graph.js';

export const CONTROLS = ['plain', 'ros2_control'] as const;
export type Control = (typeof CONTROLS)[number];

const ARRAY = 'std_msgs/msg/Float64MultiArray';
const NUMBER = 'std_msgs/msg/Float64';

/** Sends joint positions as the robot has them, contract joint order. */
type Send = (positions: Float64Array) => void;

export interface DriveOptions {
  readonly graph: Graph;
  readonly contract: RobotContract;
  readonly control: Control;
  readonly warn: (sentence: string) => void;
}

export class Drive {
  readonly #contract: RobotContract;
  readonly #warn: DriveOptions['warn'];
  readonly #topics: ReadonlyMap<string, Publication>;
  readonly #send: Send;
  /** What was sent last, contract order and the robot's units; NaN where nothing was. */
  readonly #last: Float64Array;
  #resetting = false;
  #complaint: string | undefined;

  /** @throws UserError when the contract's commands cannot be handed on */
  constructor({ graph, contract, control, warn }: DriveOptions) {
    this.#contract = contract;
    this.#warn = warn;
    this.#last = new Float64Array(contract.joints.length).fill(Number.NaN);
    const advertise = (type: string, topic: string) =>
      [topic, graph.advertise(type, topic, 'reliable')] as const;
    if (control === 'plain') {
      const topics = contract.joints.map(({ name }) => advertise(NUMBER, commandTopic(name)));
      this.#topics = new Map(topics);
      this.#send = (positions) =>
        topics.forEach(([, publication], j) => {
          if (Number.isFinite(positions[j])) publication.publish(encode(NUMBER, { data: positions[j] }));
        });
    } else {
      const [topic, publication] = advertise(ARRAY, `/${CONTROLLER}/commands`);
      this.#topics = new Map([[topic, publication]]);
      this.#send = (positions) => {
        // Its controller takes all joints or none.
        if (!positions.every(Number.isFinite)) return;
        publication.publish(encode(ARRAY, { layout: { dim: [], data_offset: 0 }, data: positions }));
      };
    }
    for (const { topic, type, joints } of contract.commands) {
      if (type !== ARRAY)
        throw new UserError(
          `${contract.file}: commands on ${topic} are ${type}; joint controllers in Gazebo are sent ${ARRAY}`,
        );
      const indices = joints.map((joint) => contract.joints.findIndex(({ name }) => name === joint));
      graph.listen(ARRAY, topic, 'reliable', (cdr) => this.#handOn(topic, indices, cdr));
    }
  }

  /** Topics of controllers that nobody has heard of. */
  get unheard(): string[] {
    return [...this.#topics].filter(([, { listeners }]) => listeners === 0).map(([topic]) => topic);
  }

  /** While `true` the joints go where `to` says, and what the loop commands is lost. */
  set resetting(resetting: boolean) {
    this.#resetting = resetting;
  }

  /** @param positions policy units, contract joint order */
  to(positions: ArrayLike<number>): void {
    this.#contract.joints.forEach((joint, j) => {
      const { scale, offset } = rosJoint(joint);
      this.#last[j] = (positions[j] - offset) / scale;
    });
    this.#send(this.#last);
  }

  #handOn(topic: string, indices: readonly number[], cdr: Uint8Array): void {
    if (this.#resetting) return;
    try {
      const { data } = decode(ARRAY, cdr);
      if (data.length !== indices.length)
        throw new Error(`it has ${data.length} values for ${indices.length} joints`);
      if (!data.every(Number.isFinite)) throw new Error('a value of it is not finite');
      indices.forEach((index, i) => {
        this.#last[index] = data[i];
      });
      this.#send(this.#last);
      this.#complaint = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#complaint) this.#warn(`A command on ${topic} is not handed on: ${message}.`);
      this.#complaint = message;
    }
  }
}
