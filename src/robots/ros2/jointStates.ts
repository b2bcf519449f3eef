/** Joint states from one topic or several as one vector, in policy units and contract order. */
import { type RobotContract, rosJoint } from '../../contract/contract.js';
import { JointMerger, type JointTopic, stateTopics } from '../../messages/joints.js';
import type { JointState } from '../robot.js';
import type { RosGraph } from './graph.js';
import type { Subscription } from './rosNode.js';
import type { Source } from './source.js';

const JOINT_STATE = 'sensor_msgs/msg/JointState';

export interface JointStatesOptions {
  readonly graph: RosGraph;
  readonly contract: RobotContract;
  /** One for each topic of the contract, in its order. */
  readonly sources: readonly Source[];
  /** s, the robot's clock */
  readonly now: () => number;
  readonly onState: (state: JointState) => void;
}

export class JointStates {
  readonly #options: JointStatesOptions;
  readonly #merger: JointMerger;
  readonly #subscriptions: readonly Subscription[];
  /** Whether a message has come since the last `reset`. */
  #came = false;

  constructor(options: JointStatesOptions) {
    const { graph, contract, sources } = options;
    this.#options = options;
    this.#merger = new JointMerger(contract.joints.length);
    this.#subscriptions = stateTopics(contract).map((topic, t) =>
      // Best effort: whoever publishes them is heard, reliable or not, and only the newest counts.
      graph.listen(JOINT_STATE, topic.topic, 'sensor_data', (cdr) => this.#take(topic, sources[t], cdr)),
    );
  }

  /** What keeps the joints from being known although messages come, one clause; undefined where none come. */
  get problem(): string | undefined {
    const { contract, sources } = this.#options;
    const { missing } = this.#merger;
    if (!this.#came || missing.length === 0) return undefined;
    const faulty = sources.map((source) => source.status()).find(({ state }) => state === 'faulty');
    const names = missing.map((j) => rosJoint(contract.joints[j]).name).join(', ');
    return faulty?.problem ?? `no message names ${names}`;
  }

  /** Forgets what the joints were. */
  reset(): void {
    this.#merger.clear();
    this.#came = false;
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #take({ joints, reader }: JointTopic, source: Source, cdr: Uint8Array): void {
    const { contract, now, onState } = this.#options;
    source.take(() => {
      const at = now();
      this.#came = true;
      const vector = reader.read(JOINT_STATE, cdr);
      // Other joints, of a gripper's driver say, that publishes on the same topic.
      if (!vector) return;
      // A driver that does not stamp its messages sends what it has just measured.
      if (!source.monitor.received(at, vector.time, !contract.jointStates.partial)) return;
      this.#merger.take(vector.time ?? at, joints, vector);
      const { state } = this.#merger;
      if (state) onState(state);
    });
  }
}
