/** A lifecycle node: beside what any node has, parameters, transitions, an action and ROS's own log. */
import { UserError } from '../../errors.js';
import { Lifecycle, type LifecycleHooks } from './lifecycle.js';
import { QOS, type QosName } from './qos.js';
import {
  CANCEL_ACCEPT,
  type ManagedRcl,
  type NativeLifecycle,
  PARAMETER_TYPES,
  type ParameterType,
  type RclDescriptor,
  type RclGoalHandle,
  type RclLifecycleNode,
  type RclLogger,
  type RclParameter,
} from './rclManaged.js';
import { KEEP_LAST, type NativeClock } from './rclnodejs.js';
import { RosNode } from './rosNode.js';

export type ParameterValue = boolean | number | string;

export interface ParameterSpec {
  readonly name: string;
  readonly type: ParameterType;
  readonly default: ParameterValue;
  readonly description: string;
  /** Lowest and highest value of a number. */
  readonly range?: readonly [number, number];
  /** What else it must be, in words: for `ros2 param describe`. */
  readonly constraints?: string;
  readonly readOnly?: boolean;
}

/** A value that somebody wants a parameter to have. */
export interface ParameterChange {
  readonly name: string;
  readonly value: ParameterValue;
}

export interface ObjectPublication<T extends object> {
  /** @param message all of its fields, by their ROS names */
  publish(message: T): void;
  readonly listeners: number;
  close(): void;
}

/** A goal of an action, accepted and being worked on. */
export interface Goal<Request, Result, Feedback> {
  readonly request: Request;
  feedback(feedback: Feedback): void;
  /** Aborted when somebody cancels it. */
  readonly cancelled: AbortSignal;
  succeed(result: Result): Result;
  abort(result: Result): Result;
  canceled(result: Result): Result;
}

export class ManagedNode extends RosNode {
  readonly #rcl: ManagedRcl;
  readonly #node: RclLifecycleNode;
  readonly #native: NativeLifecycle;
  readonly #doubles = new Set<string>();

  constructor(rcl: ManagedRcl, node: RclLifecycleNode, native: NativeClock & NativeLifecycle) {
    super(rcl, node, native);
    this.#rcl = rcl;
    this.#node = node;
    this.#native = native;
    node.addPreSetParametersCallback((parameters) => parameters.map((parameter) => this.#widened(parameter)));
  }

  /** ROS's log: the console, `/rosout` and a file. */
  get log(): RclLogger {
    return this.#node.getLogger();
  }

  /** Takes on the transitions; from now on `ros2 lifecycle set` moves the node. */
  manage(hooks: LifecycleHooks): Lifecycle {
    return new Lifecycle(this.#native, this.#node, hooks);
  }

  /** Publishes messages given as objects: for types that `messages/` does not know, and a few a second. */
  advertiseObjects<T extends object>(type: string, topic: string, qos: QosName): ObjectPublication<T> {
    const { depth, reliability, durability } = QOS[qos];
    const publisher = this.#known(`${topic} cannot be published`, type, () =>
      this.#node.createPublisher(type, topic, {
        qos: new this.#rcl.QoS(KEEP_LAST, depth, reliability, durability),
      }),
    ) as unknown as { publish(message: T): void; readonly subscriptionCount: number };
    return {
      publish: (message) => {
        if (this.open) publisher.publish(message);
      },
      get listeners() {
        return publisher.subscriptionCount;
      },
      close: () => {
        if (this.open) this.#node.destroyPublisher(publisher as never);
      },
    };
  }

  /**
   * Declares a parameter; what the command line or a parameter file says of it goes before its default.
   * @throws UserError when that is of another type, or out of range
   */
  declare(spec: ParameterSpec): ParameterValue {
    const { name, type, description, readOnly = false } = spec;
    const id = PARAMETER_TYPES[type];
    const descriptor = new this.#rcl.ParameterDescriptor(name, id, description, readOnly);
    descriptor.additionalConstraints = spec.constraints ?? '';
    describeRange(descriptor, spec);
    if (type === 'double') this.#doubles.add(name);
    const given = this.#node.getParameterOverrides().find((parameter) => parameter.name === name);
    if (given && this.#widened(given).type !== id)
      throw new UserError(`parameter ${name} must be ${ARTICLES[type]}, not ${String(given.value)}`);
    const value = toRcl(spec, spec.default);
    try {
      this.#node.declareParameter(new this.#rcl.Parameter(name, id, value), descriptor);
    } catch (cause) {
      throw new UserError((cause as Error).message, 2, { cause });
    }
    return this.parameter(name);
  }

  /** True when the command line or a parameter file has a value for it. */
  isGiven(name: string): boolean {
    return this.#node.getParameterOverrides().some((parameter) => parameter.name === name);
  }

  parameter(name: string): ParameterValue {
    return plain(this.#node.getParameter(name));
  }

  setParameter(spec: ParameterSpec, value: ParameterValue): void {
    const { name, type } = spec;
    this.#node.setParameter(new this.#rcl.Parameter(name, PARAMETER_TYPES[type], toRcl(spec, value)));
  }

  /** @param refuse says in one sentence why not, or takes the changes on */
  onParameters(refuse: (changes: readonly ParameterChange[]) => string | undefined): void {
    this.#node.addOnSetParametersCallback((parameters) => {
      const reason = refuse(
        parameters.map((parameter) => ({ name: parameter.name, value: plain(parameter) })),
      );
      return { successful: reason === undefined, reason: reason ?? '' };
    });
  }

  /**
   * Offers an action. Every goal is accepted; one that cannot be worked on is to be aborted, for a result can
   * say why.
   * @throws UserError when the type is not installed
   */
  offerAction<Request extends object, Result extends object, Feedback extends object>(
    type: string,
    name: string,
    execute: (goal: Goal<Request, Result, Feedback>) => Promise<Result>,
  ): void {
    const cancels = new Map<RclGoalHandle, AbortController>();
    const server = this.#known(`action ${name} cannot be offered`, type, () => {
      return new this.#rcl.ActionServer(this.#node, type, name, async (handle) => {
        const cancel = new AbortController();
        cancels.set(handle, cancel);
        // Between its end and its answer a goal must not change its state once more.
        const end = (how: 'succeed' | 'abort' | 'canceled') => (result: Result) => {
          if (this.open) handle[how]();
          return result;
        };
        try {
          return await execute({
            request: handle.request as Request,
            feedback: (feedback) => {
              if (this.open && !cancel.signal.aborted) handle.publishFeedback(feedback);
            },
            cancelled: cancel.signal,
            succeed: end('succeed'),
            abort: end('abort'),
            canceled: end('canceled'),
          });
        } finally {
          cancels.delete(handle);
        }
      });
    });
    server.registerCancelCallback((handle) => {
      // The state changes once this has returned; whoever listens must find it changed.
      setImmediate(() => cancels.get(handle)?.abort());
      return CANCEL_ACCEPT;
    });
  }

  /** Who writes 1 where a double is wanted means 1.0. */
  #widened(parameter: RclParameter): RclParameter {
    const { name, type, value } = parameter;
    if (type !== PARAMETER_TYPES.integer || !this.#doubles.has(name)) return parameter;
    return new this.#rcl.Parameter(name, PARAMETER_TYPES.double, Number(value));
  }

  #known<T>(what: string, type: string, make: () => T): T {
    try {
      return make();
    } catch (cause) {
      throw new UserError(
        `${what}: its type ${type} is unknown to rclnodejs; build and source the workspace that has the package \`saccade\`, and run \`npx generate-ros-messages\``,
        2,
        { cause },
      );
    }
  }
}

const ARTICLES: Readonly<Record<ParameterType, string>> = {
  bool: 'true or false',
  integer: 'a whole number',
  double: 'a number',
  string: 'a text',
};

function toRcl({ type }: ParameterSpec, value: ParameterValue): unknown {
  return type === 'integer' ? BigInt(value) : value;
}

function plain({ value }: RclParameter): ParameterValue {
  return typeof value === 'bigint' ? Number(value) : (value as ParameterValue);
}

/** rclnodejs 2.2 knows ranges but leaves them out of its descriptions. */
function describeRange(descriptor: RclDescriptor, { type, range }: ParameterSpec): void {
  if (!range) return;
  const described = descriptor.toMessage.bind(descriptor);
  const [from_value, to_value] = type === 'integer' ? range.map(BigInt) : range;
  descriptor.toMessage = () =>
    type === 'integer'
      ? { ...described(), integer_range: [{ from_value, to_value, step: 1n }] }
      : { ...described(), floating_point_range: [{ from_value, to_value, step: 0 }] };
}
