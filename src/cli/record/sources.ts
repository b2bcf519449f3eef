/**
 * The topics of a recording as they come up in the ROS 2 graph: looks for publishers, subscribes to what it
 * finds, and knows what is still missing.
 */
import { UserError } from '../../errors.js';
import type { Definition } from '../../robots/ros2/definition.js';
import type { RosNode, Subscription } from '../../robots/ros2/rosNode.js';
import { readStamp } from '../../robots/ros2/stamp.js';
import type { Wanted } from './wanted.js';

/** One topic that is subscribed to. */
export interface Source {
  readonly wanted: Wanted;
  /** The one of the candidates that somebody publishes, and its type. */
  readonly topic: string;
  readonly type: string;
  readonly definition: Definition;
  readonly latched: boolean;
}

export interface Received {
  readonly source: Source;
  /** ROS time of its arrival, and what its header says; ns. */
  readonly at: bigint;
  readonly stamp: bigint | undefined;
  /** CDR, the receiver's to keep. */
  readonly cdr: Uint8Array;
}

/** The part of a `RosNode` that is needed here. */
export type Graph = Pick<RosNode, 'now' | 'typeOf' | 'subscribe'>;

export interface SourcesOptions {
  readonly graph: Graph;
  readonly wanted: readonly Wanted[];
  readonly definition: (type: string) => Promise<Definition>;
  /** Whether a first message is of use to the robot; throws a UserError where it says that none ever will be. */
  readonly usable: (message: Received) => Promise<boolean>;
  readonly onMessage: (message: Received) => void;
}

export class Sources {
  readonly #options: SourcesOptions;
  readonly #found = new Map<Wanted, Source>();
  /** Messages of topics of which none was found usable yet, the newest of each. */
  readonly #unproven = new Map<Wanted, Received>();
  readonly #delivered = new Set<Wanted>();
  readonly #subscriptions: Subscription[] = [];

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** What is subscribed to, in the order of `wanted`. */
  get found(): Source[] {
    return this.#options.wanted.flatMap((wanted) => this.#found.get(wanted) ?? []);
  }

  /**
   * Looks once for publishers of what is not subscribed to yet, and at the first messages of what is; call it
   * now and then, one at a time.
   * @throws UserError when a topic carries something else than the contract says
   */
  async look(): Promise<void> {
    for (const wanted of this.#options.wanted) if (!this.#found.has(wanted)) await this.#find(wanted);
    for (const [wanted, message] of this.#unproven) {
      this.#unproven.delete(wanted);
      if (await this.#options.usable(message)) this.#delivered.add(wanted);
    }
  }

  /** One clause for each required topic that has not delivered anything of use yet. */
  missing(): string[] {
    return this.#options.wanted
      .filter((wanted) => wanted.required && !this.#delivered.has(wanted))
      .map((wanted) => {
        const source = this.#found.get(wanted);
        const why = source ? 'published, but nothing of use has come' : 'nobody publishes it';
        return `${source?.topic ?? wanted.topic} (${wanted.what}: ${why})`;
      });
  }

  close(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription.close();
  }

  async #find(wanted: Wanted): Promise<void> {
    const { graph, definition, onMessage } = this.#options;
    for (const topic of wanted.candidates) {
      const type = graph.typeOf(topic);
      if (type === undefined) continue;
      if (wanted.types && !wanted.types.includes(type)) {
        throw new UserError(
          `${topic} (${wanted.what}) is published as ${type}, not ${wanted.types.join(' or ')}: correct the robot contract or the publisher`,
        );
      }
      const text = await definition(type);
      // Its publisher may have left meanwhile; the next look will tell.
      if (graph.typeOf(topic) !== type) continue;
      let source: Source | undefined;
      const subscription = graph.subscribe(topic, (cdr) => {
        if (!source) return;
        const stamp = text.stamped ? readStamp(cdr) : undefined;
        const message = { source, at: graph.now(), stamp, cdr };
        if (!this.#delivered.has(wanted)) this.#unproven.set(wanted, message);
        onMessage(message);
      });
      source = { wanted, topic, type, definition: text, latched: subscription.latched };
      this.#found.set(wanted, source);
      this.#subscriptions.push(subscription);
      return;
    }
  }
}
