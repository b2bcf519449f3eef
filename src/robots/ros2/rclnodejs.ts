/**
 * The part of rclnodejs that Saccade uses. Declared here because the package is optional: it builds only where
 * ROS 2 is sourced, and Saccade must compile without it.
 */

/** `rmw_qos_reliability_policy_t`, as `getPublishersInfoByTopic` gives it and `QoS` takes it. */
export const RELIABLE = 1;
export const BEST_EFFORT = 2;
/** `rmw_qos_durability_policy_t`. */
export const TRANSIENT_LOCAL = 1;
export const VOLATILE = 2;
/** `rmw_qos_history_policy_t`. */
export const KEEP_LAST = 1;

export interface EndpointInfo {
  readonly node_name: string;
  readonly node_namespace: string;
  /** `package/msg/Name`. */
  readonly topic_type: string;
  readonly qos_profile: { readonly reliability: number; readonly durability: number };
}

export interface RclPublisher {
  /** CDR with its four bytes of header. */
  publish(message: Buffer): void;
  readonly subscriptionCount: number;
}

export interface RclNode {
  name(): string;
  /** Starts with a slash; `/` alone for the root. */
  namespace(): string;
  /** Follows `/clock` under `use_sim_time`. */
  getClock(): { readonly handle: object };
  spin(timeoutMs: number): void;
  getPublishersInfoByTopic(topic: string): EndpointInfo[];
  /** With one parameter in `callback`; a raw subscription's message is CDR with its four bytes of header. */
  createSubscription(
    type: string,
    topic: string,
    options: { readonly isRaw: true; readonly qos: object },
    callback: (message: Buffer) => void,
  ): object;
  destroySubscription(subscription: object): void;
  createPublisher(type: string, topic: string, options: { readonly qos: object }): RclPublisher;
  destroyPublisher(publisher: RclPublisher): void;
  /** A request's fields by their ROS names; what `send` gets must have all of the response's. */
  createService<Request, Response extends object>(
    type: string,
    name: string,
    callback: (request: Request, response: { send(response: Response): void }) => Promise<void>,
  ): object;
  createClient(type: string, name: string): RclClient;
  destroyClient(client: RclClient): void;
}

export interface RclClient {
  isServiceServerAvailable(): boolean;
  /** Rejects once `signal` is aborted. */
  sendRequestAsync(request: object, options: { readonly signal: AbortSignal }): Promise<object>;
}

/** rcl's own functions, which rclnodejs wraps. */
export interface NativeClock {
  /** ns */
  clockGetNow(clock: object): bigint;
}

export interface Rclnodejs {
  init(context: undefined, argv: readonly string[]): Promise<void>;
  shutdown(): void;
  removeSignalHandlers(): void;
  /** Code of an interface, `package/msg/Name`; throws where it was not generated. */
  require(type: string): unknown;
  readonly Node: new (name: string) => RclNode;
  readonly QoS: new (history: number, depth: number, reliability: number, durability: number) => object;
}
