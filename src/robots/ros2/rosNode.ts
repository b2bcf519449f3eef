/**
 * A node in the ROS 2 graph, as far as Saccade needs one: who publishes what, messages as the bytes they
 * arrived in or are to be sent in, services, ROS time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.js';
import { matchingQos, QOS, type QosName, type SubscriptionQos } from './qos.js';
import {
  type EndpointInfo,
  KEEP_LAST,
  type NativeClock,
  type RclClient,
  type RclNode,
  type Rclnodejs,
  type RclPublisher,
  RELIABLE,
  TRANSIENT_LOCAL,
} from './rclnodejs.js';

/** Messages that may wait while the program is busy with something else; the oldest go first. */
const QUEUE = 100;
/** How often (ms) it is looked whether a service has come up. */
const LOOK_MS = 20;

export interface Subscription {
  /** `package/msg/Name`. */
  readonly type: string;
  /** The publishers keep their last messages for those who come late, and sent them at once. */
  readonly latched: boolean;
  close(): void;
}

export interface Publication {
  /** @param cdr with its four bytes of header; done with when this returns */
  publish(cdr: Uint8Array): void;
  /** How many listen now. */
  readonly listeners: number;
  close(): void;
}

/** A publisher of a topic. */
export interface Endpoint {
  /** With its namespace. */
  readonly node: string;
  /** `package/msg/Name`. */
  readonly type: string;
  readonly reliable: boolean;
}

/** What the caller of a Trigger service is told. */
export interface TriggerReply {
  readonly success: boolean;
  readonly message: string;
}

export interface CallOptions {
  /** s, for the service to come up and for its answer: of wall time, unless `expiry` tells when they are over. */
  readonly timeoutS: number;
  readonly expiry?: AbortSignal;
  /** Once aborted nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

/** A service that is called again and again. */
export interface ServiceClient {
  /** As `callService`. */
  call(request: object, options: CallOptions): Promise<object>;
  /** Somebody offers it now. */
  readonly available: boolean;
  close(): void;
}

export class RosNode {
  readonly #rcl: Rclnodejs;
  readonly #node: RclNode;
  readonly #native: NativeClock;
  readonly #clock: object;
  #open = true;

  constructor(rcl: Rclnodejs, node: RclNode, native: NativeClock) {
    this.#rcl = rcl;
    this.#node = node;
    this.#native = native;
    this.#clock = node.getClock().handle;
  }

  /** ROS time, ns; 0 under `use_sim_time` until the first `/clock`. */
  now(): bigint {
    // A waiting loop asks thousands of times a second: rclnodejs's own answer is an object with native memory behind it.
    return this.#native.clockGetNow(this.#clock);
  }

  /** With its namespace: `/left/saccade`. */
  get name(): string {
    return fullName(this.#node.namespace(), this.#node.name());
  }

  /** Who publishes `topic`, this node included. */
  publishers(topic: string): Endpoint[] {
    return this.#publishers(topic).map(({ node_namespace, node_name, topic_type, qos_profile }) => ({
      node: fullName(node_namespace, node_name),
      type: topic_type,
      reliable: qos_profile.reliability === RELIABLE,
    }));
  }

  /** The type that `topic` is published with; undefined while nobody publishes it. */
  typeOf(topic: string): string | undefined {
    return this.#publishers(topic)[0]?.topic_type;
  }

  /**
   * Subscribes to a topic that somebody publishes, with the quality of service its publishers offer.
   *
   * @param onMessage gets CDR with its four bytes of header, the receiver's to keep; must not throw
   * @throws UserError when nobody publishes it, or its publishers do not agree on a type that is installed
   */
  subscribe(topic: string, onMessage: (cdr: Uint8Array) => void): Subscription {
    const publishers = this.#publishers(topic);
    const type = onlyType(topic, publishers);
    return this.#subscribe(type, topic, { ...matchingQos(publishers), depth: QUEUE }, onMessage);
  }

  /**
   * Subscribes to a topic whether or not somebody publishes it yet. A publisher of another type, or one that
   * offers less than `qos` asks for, is not heard.
   *
   * @param onMessage as of `subscribe`
   * @throws UserError when the type is not installed
   */
  listen(type: string, topic: string, qos: QosName, onMessage: (cdr: Uint8Array) => void): Subscription {
    return this.#subscribe(type, topic, QOS[qos], onMessage);
  }

  /** @throws UserError when the type is not installed */
  advertise(type: string, topic: string, qos: QosName): Publication {
    let publisher: RclPublisher;
    try {
      publisher = this.#node.createPublisher(type, topic, { qos: this.#qos(QOS[qos]) });
    } catch (cause) {
      throw unknownType(`${topic} cannot be published`, type, cause);
    }
    return {
      publish: ({ buffer, byteOffset, byteLength }) => {
        if (this.#open) publisher.publish(Buffer.from(buffer, byteOffset, byteLength));
      },
      get listeners() {
        return publisher.subscriptionCount;
      },
      close: () => {
        if (this.#open) this.#node.destroyPublisher(publisher);
      },
    };
  }

  /**
   * Offers a service; the caller waits for `onCall`.
   * @param onCall gets the request's fields, gives all of the response's; must not fail
   * @throws UserError when the type is not installed
   */
  offerService<Request, Response extends object>(
    type: string,
    name: string,
    onCall: (request: Request) => Promise<Response>,
  ): void {
    try {
      this.#node.createService<Request, Response>(type, name, async (request, response) => {
        const reply = await onCall(request);
        if (this.#open) response.send(reply);
      });
    } catch (cause) {
      throw unknownType(`service ${name} cannot be offered`, type, cause);
    }
  }

  /** Offers a std_srvs/Trigger service; the caller waits for `onCall`, whose failure it is told of. */
  offerTrigger(name: string, onCall: () => Promise<TriggerReply>): void {
    this.offerService<object, TriggerReply>('std_srvs/srv/Trigger', name, () =>
      onCall().catch((error: Error) => ({ success: false, message: error.message })),
    );
  }

  /**
   * Calls a service once it is there.
   * @throws UserError when nobody offers it, nobody answers in time, or its type is not installed; the reason of
   *   `signal` when that is aborted
   */
  async callService(type: string, name: string, request: object, options: CallOptions): Promise<object> {
    const client = this.client(type, name);
    try {
      return await client.call(request, options);
    } finally {
      client.close();
    }
  }

  /** @throws UserError when its type is not installed */
  client(type: string, name: string): ServiceClient {
    let client: RclClient;
    try {
      client = this.#node.createClient(type, name);
    } catch (cause) {
      throw unknownType(`service ${name} cannot be called`, type, cause);
    }
    return {
      call: (request, options) => call(client, { type, name }, request, options),
      get available() {
        return client.isServiceServerAvailable();
      },
      close: () => {
        if (this.#open) this.#node.destroyClient(client);
      },
    };
  }

  /** False once it has left the graph. */
  get open(): boolean {
    return this.#open;
  }

  /** Leaves the graph; safe twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#rcl.shutdown();
  }

  #subscribe(
    type: string,
    topic: string,
    qos: SubscriptionQos & { readonly depth: number },
    onMessage: (cdr: Uint8Array) => void,
  ): Subscription {
    // A plain array: a Buffer's `slice` shares its memory instead of copying it. (One parameter: rclnodejs asks a
    // callback's length whether it wants more.)
    const callback = ({ buffer, byteOffset, byteLength }: Buffer) =>
      onMessage(new Uint8Array(buffer, byteOffset, byteLength));
    let subscription: object;
    try {
      const options = { isRaw: true, qos: this.#qos(qos) } as const;
      subscription = this.#node.createSubscription(type, topic, options, callback);
    } catch (cause) {
      throw unknownType(`${topic} cannot be subscribed to`, type, cause);
    }
    return {
      type,
      latched: qos.durability === TRANSIENT_LOCAL,
      close: () => {
        if (this.#open) this.#node.destroySubscription(subscription);
      },
    };
  }

  #qos({ depth, reliability, durability }: SubscriptionQos & { readonly depth: number }): object {
    return new this.#rcl.QoS(KEEP_LAST, depth, reliability, durability);
  }

  #publishers(topic: string): EndpointInfo[] {
    return this.#node.getPublishersInfoByTopic(topic);
  }
}

async function call(
  client: RclClient,
  { type, name }: { readonly type: string; readonly name: string },
  request: object,
  { timeoutS, expiry, signal }: CallOptions,
): Promise<object> {
  const timeout = expiry ?? AbortSignal.timeout(1000 * timeoutS);
  const given = signal ? AbortSignal.any([signal, timeout]) : timeout;
  try {
    while (!client.isServiceServerAvailable()) {
      if (timeout.aborted)
        throw new UserError(`nobody offers the service ${name} (${type}); start the node that does`);
      signal?.throwIfAborted();
      await sleep(LOOK_MS);
    }
    return await client.sendRequestAsync(request, { signal: given });
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof UserError) throw cause;
    const why = timeout.aborted
      ? `did not answer within ${timeoutS} s`
      : `failed: ${(cause as Error).message}`;
    throw new UserError(`the service ${name} ${why}`, 2, { cause });
  }
}

function fullName(namespace: string, name: string): string {
  return namespace === '/' ? `/${name}` : `${namespace}/${name}`;
}

function unknownType(what: string, type: string, cause: unknown): UserError {
  return new UserError(
    `${what}: its type ${type} is unknown to rclnodejs; source the workspace that defines it and run \`npx generate-ros-messages\``,
    2,
    { cause },
  );
}

function onlyType(topic: string, publishers: readonly EndpointInfo[]): string {
  const types = [...new Set(publishers.map((publisher) => publisher.topic_type))];
  const [type] = types;
  if (type === undefined) throw new UserError(`${topic} cannot be subscribed to: nobody publishes it`);
  if (types.length > 1)
    throw new UserError(
      `${topic} is published with several types, ${types.join(' and ')}: stop one of the publishers`,
    );
  return type;
}
