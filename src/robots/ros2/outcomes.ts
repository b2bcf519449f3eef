/** What the robot's task says of an attempt: its reward, and whether it has succeeded. */
import type { RobotContract } from '../../contract/contract.js';
import { decode } from '../../messages/cdr.js';
import type { Outcome } from '../robot.js';
import type { RosGraph } from './graph.js';
import type { Subscription } from './rosNode.js';
import type { Source } from './source.js';

const FLOAT32 = 'std_msgs/msg/Float32';
const BOOL = 'std_msgs/msg/Bool';

export interface OutcomesOptions {
  readonly graph: RosGraph;
  readonly contract: RobotContract;
  readonly maxReward: number;
  readonly reward: Source;
  readonly success: Source | undefined;
  /** s, the robot's clock */
  readonly now: () => number;
  readonly onOutcome: (outcome: Outcome) => void;
}

/** Subscribes to rewards and success as soon as somebody publishes them, at the quality that is offered. */
export class Outcomes {
  readonly #options: OutcomesOptions;
  #subscriptions: (Subscription | undefined)[] = [undefined, undefined];
  #reward = 0;
  #succeeded = false;
  #rewards = 0;
  #failure: string | undefined;

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  look(): void {
    const { contract, reward, success } = this.#options;
    this.#subscribe(0, contract.reward.topic, FLOAT32, reward, (cdr) => {
      const { data } = decode(FLOAT32, cdr);
      if (!Number.isFinite(data)) throw new Error(`the reward is ${data}`);
      this.#reward = data;
      this.#rewards++;
    });
    if (!success || !contract.success) return;
    this.#subscribe(1, contract.success.topic, BOOL, success, (cdr) => {
      this.#succeeded = decode(BOOL, cdr).data;
    });
  }

  /** How many rewards have come; undefined while nobody publishes any that can be used. */
  get rewards(): number | undefined {
    return this.#subscriptions[0] && this.#rewards;
  }

  /** Somebody who watches has judged the attempt. */
  mark(verdict: 'success' | 'failure', reason: string): void {
    if (verdict === 'success') this.#succeeded = true;
    else this.#failure = reason;
    this.#emit();
  }

  /** Forgets the attempt before. */
  reset(): void {
    this.#reward = 0;
    this.#succeeded = false;
    this.#failure = undefined;
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription?.close();
    this.#subscriptions = [undefined, undefined];
  }

  #subscribe(slot: 0 | 1, topic: string, type: string, source: Source, use: (cdr: Uint8Array) => void): void {
    const { graph, now } = this.#options;
    const [publisher] = graph.publishers(topic);
    if (this.#subscriptions[slot] || !publisher) return;
    const onMessage = (cdr: Uint8Array) =>
      source.take(() => {
        use(cdr);
        source.monitor.received(now());
        this.#emit();
      });
    try {
      if (publisher.type !== type)
        throw new Error(`${publisher.node} publishes it as ${publisher.type}, not as ${type}`);
      this.#subscriptions[slot] = graph.subscribe(topic, onMessage);
    } catch (error) {
      source.fail(error);
    }
  }

  #emit(): void {
    const { maxReward, now, onOutcome } = this.#options;
    const reward = this.#succeeded ? Math.max(this.#reward, maxReward) : this.#reward;
    onOutcome({ time: now(), reward, ...(this.#failure !== undefined && { failure: this.#failure }) });
  }
}
