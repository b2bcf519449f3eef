/**
 * A ROS 2 graph of several nodes in memory. What is published arrives a turn of the event loop later, in order; a
 * topic or a service can be cut, as by a bridge that does not know it.
 */

import { UserError } from '../../src/errors.js';
import type { Graph as PeerGraph } from '../../src/gazebo/peer/graph.js';
import type { RosGraph } from '../../src/robots/ros2/graph.js';
import type {
  CallOptions,
  Endpoint,
  Publication,
  ServiceClient,
  Subscription,
} from '../../src/robots/ros2/rosNode.js';

interface Listener {
  readonly type: string;
  readonly topic: string;
  readonly onMessage: (cdr: Uint8Array) => void;
}

type Service = (request: never) => Promise<object>;

export class MemoryRos {
  readonly #publishers = new Set<Endpoint & { readonly topic: string }>();
  readonly #listeners = new Set<Listener>();
  readonly #services = new Map<string, Service>();
  readonly #cut = new Set<string>();
  /** Everything that was published, in order, where it is asked for. */
  onPublish: ((node: string, topic: string, cdr: Uint8Array) => void) | undefined;

  node(name: string): MemoryNode {
    return new MemoryNode(this, name);
  }

  /** From now on nobody hears anything on a topic, or finds a service. */
  cut(name: string): void {
    this.#cut.add(name);
  }

  mend(name: string): void {
    this.#cut.delete(name);
  }

  /** A node dies. */
  kill(name: string): void {
    for (const publisher of this.#publishers) if (publisher.node === name) this.#publishers.delete(publisher);
  }

  publishers(topic: string): Endpoint[] {
    return this.#cut.has(topic) ? [] : [...this.#publishers].filter((publisher) => publisher.topic === topic);
  }

  advertise(node: string, type: string, topic: string): Publication {
    const endpoint = { node, type, topic, reliable: true };
    this.#publishers.add(endpoint);
    const heard = () => [...this.#listeners].filter((listener) => listener.topic === topic).length;
    const open = () => this.#publishers.has(endpoint);
    return {
      publish: (cdr) => {
        if (!open() || this.#cut.has(topic)) return;
        this.onPublish?.(node, topic, cdr);
        const copy = cdr.slice();
        setImmediate(() => {
          for (const listener of [...this.#listeners])
            if (listener.topic === topic && listener.type === type) listener.onMessage(copy.slice());
        });
      },
      get listeners() {
        return heard();
      },
      close: () => this.#publishers.delete(endpoint),
    };
  }

  listen(type: string, topic: string, onMessage: (cdr: Uint8Array) => void): Subscription {
    const listener = { type, topic, onMessage };
    this.#listeners.add(listener);
    return { type, latched: false, close: () => this.#listeners.delete(listener) };
  }

  offer(name: string, service: Service): void {
    this.#services.set(name, service);
  }

  /** The service, once there is one. */
  service(name: string): Service | undefined {
    return this.#cut.has(name) ? undefined : this.#services.get(name);
  }
}

export class MemoryNode implements RosGraph, PeerGraph {
  readonly #ros: MemoryRos;

  constructor(
    ros: MemoryRos,
    readonly name: string,
  ) {
    this.#ros = ros;
  }

  now(): bigint {
    return BigInt(Date.now()) * 1_000_000n;
  }

  publishers(topic: string): Endpoint[] {
    return this.#ros.publishers(topic);
  }

  advertise(type: string, topic: string): Publication {
    return this.#ros.advertise(this.name, type, topic);
  }

  listen(type: string, topic: string, _qos: string, onMessage: (cdr: Uint8Array) => void): Subscription {
    return this.#ros.listen(type, topic, onMessage);
  }

  subscribe(topic: string, onMessage: (cdr: Uint8Array) => void): Subscription {
    const [publisher] = this.publishers(topic);
    if (!publisher) throw new Error(`nobody publishes ${topic}`);
    return this.#ros.listen(publisher.type, topic, onMessage);
  }

  offerService<Request, Response extends object>(
    _type: string,
    name: string,
    onCall: (request: Request) => Promise<Response>,
  ): void {
    this.#ros.offer(name, onCall as unknown as Service);
  }

  async callService(type: string, name: string, request: object, options: CallOptions): Promise<object> {
    return await this.client(type, name).call(request, options);
  }

  client(type: string, name: string): ServiceClient {
    const ros = this.#ros;
    return {
      call: async (request, { timeoutS, expiry, signal }) => {
        const over = expiry ?? AbortSignal.timeout(1000 * timeoutS);
        const given = signal ? AbortSignal.any([signal, over]) : over;
        await new Promise(setImmediate);
        const service = ros.service(name);
        if (!service)
          throw new UserError(`nobody offers the service ${name} (${type}); start the node that does`);
        return await new Promise<object>((resolve, reject) => {
          given.addEventListener('abort', () =>
            reject(
              signal?.reason ?? new UserError(`the service ${name} did not answer within ${timeoutS} s`),
            ),
          );
          service(request as never).then((reply) => setImmediate(resolve, reply), reject);
        });
      },
      get available() {
        return ros.service(name) !== undefined;
      },
      close() {},
    };
  }
}
