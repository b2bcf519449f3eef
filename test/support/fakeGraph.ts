/** A ROS graph in memory: what a robot subscribes to is delivered at once, what it publishes is kept. */
import type { CommandType } from '../../src/contract/contract.js';
import { UserError } from '../../src/errors.js';
import { decode, encode } from '../../src/messages/cdr.js';
import { nsToStamp } from '../../src/messages/time.js';
import type { Header, Messages, MessageType } from '../../src/messages/types.js';
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

export interface Sent {
  readonly topic: string;
  readonly type: string;
  readonly cdr: Uint8Array;
}

type Service = (request: object) => object | Promise<object>;

export class FakeGraph implements RosGraph {
  readonly name = '/saccade';
  /** ROS time, ns. */
  time = 0n;
  /** Publishers other than the robot, by topic. */
  readonly others = new Map<string, Endpoint[]>();
  readonly services = new Map<string, Service>();
  readonly calls: { readonly name: string; readonly request: object }[] = [];
  readonly sent: Sent[] = [];
  /** Topics that somebody listens to. */
  readonly heard = new Set<string>();
  readonly #listeners = new Set<Listener>();
  readonly #own = new Map<string, Endpoint>();

  now(): bigint {
    return this.time;
  }

  publishers(topic: string): Endpoint[] {
    const own = this.#own.get(topic);
    return [...(own ? [own] : []), ...(this.others.get(topic) ?? [])];
  }

  listen(type: string, topic: string, _qos: string, onMessage: (cdr: Uint8Array) => void): Subscription {
    const listener = { type, topic, onMessage };
    this.#listeners.add(listener);
    return { type, latched: false, close: () => this.#listeners.delete(listener) };
  }

  subscribe(topic: string, onMessage: (cdr: Uint8Array) => void): Subscription {
    const type = this.others.get(topic)?.[0]?.type;
    if (type === undefined) throw new Error(`nobody publishes ${topic}`);
    return this.listen(type, topic, 'reliable', onMessage);
  }

  advertise(type: string, topic: string): Publication {
    this.#own.set(topic, { node: this.name, type, reliable: true });
    const heard = () => (this.heard.has(topic) ? 1 : 0);
    return {
      publish: (cdr) => void this.sent.push({ topic, type, cdr: cdr.slice() }),
      get listeners() {
        return heard();
      },
      close: () => this.#own.delete(topic),
    };
  }

  async callService(type: string, name: string, request: object, options: CallOptions): Promise<object> {
    return await this.client(type, name).call(request, options);
  }

  client(_type: string, name: string): ServiceClient {
    return {
      call: async (request, { timeoutS, expiry, signal }) => {
        this.calls.push({ name, request });
        const service = this.services.get(name);
        if (!service) throw new UserError(`nobody offers the service ${name}`);
        const over = AbortSignal.any([...(signal ? [signal] : []), ...(expiry ? [expiry] : [])]);
        const aborted = new Promise<never>((_, reject) => {
          const late = () => reject(new UserError(`the service ${name} did not answer within ${timeoutS} s`));
          over.addEventListener('abort', () => (signal?.aborted ? reject(signal.reason) : late()));
          if (!expiry) setTimeout(late, 1000 * timeoutS).unref();
        });
        return await Promise.race([service(request), aborted]);
      },
      available: this.services.has(name),
      close() {},
    };
  }

  /** Somebody comes up who publishes `topic`. */
  offer(topic: string, type: string, node = '/driver', reliable = true): void {
    this.others.set(topic, [...(this.others.get(topic) ?? []), { node, type, reliable }]);
  }

  get subscribed(): string[] {
    return [...this.#listeners].map(({ topic }) => topic);
  }

  /** Delivers bytes as they are. */
  deliver(type: string, topic: string, cdr: Uint8Array): void {
    for (const listener of [...this.#listeners])
      if (listener.topic === topic && listener.type === type) listener.onMessage(cdr);
  }

  publish<T extends MessageType>(type: T, topic: string, message: Messages[T]): void {
    this.deliver(type, topic, encode(type, message));
  }

  header(stamp = this.time): Header {
    return { stamp: nsToStamp(stamp), frame_id: '' };
  }

  joints(topic: string, positions: Readonly<Record<string, number>>, stamp = this.time): void {
    const none = new Float64Array();
    this.publish('sensor_msgs/msg/JointState', topic, {
      header: this.header(stamp),
      name: Object.keys(positions),
      position: Float64Array.from(Object.values(positions)),
      velocity: none,
      effort: none,
    });
  }

  image(topic: string, width: number, height: number, fill: number, stamp = this.time): Uint8Array {
    const cdr = encode('sensor_msgs/msg/Image', {
      header: this.header(stamp),
      height,
      width,
      encoding: 'rgb8',
      is_bigendian: 0,
      step: 3 * width,
      data: new Uint8Array(3 * width * height).fill(fill),
    });
    this.deliver('sensor_msgs/msg/Image', topic, cdr);
    return cdr;
  }

  clock(): void {
    const { sec, nanosec } = nsToStamp(this.time);
    const cdr = new Uint8Array(12);
    cdr[1] = 1;
    new DataView(cdr.buffer).setInt32(4, sec, true);
    new DataView(cdr.buffer).setUint32(8, nanosec, true);
    this.deliver('rosgraph_msgs/msg/Clock', '/clock', cdr);
  }

  /** What was sent on a topic, decoded. */
  commands<T extends CommandType>(type: T, topic: string): Messages[T][] {
    return this.sent.filter((sent) => sent.topic === topic).map(({ cdr }) => decode(type, cdr));
  }
}
