/**
 * A managed node's transitions (ROS 2's design "Managed nodes"), whose work may take time. rclnodejs's own
 * call back at once and must be answered at once; these drive rcl's state machine in its stead, which publishes
 * every state on the way on `~/transition_event`.
 */
import type { ChangeStateRequest, NativeLifecycle, RclResponse, RclState } from './rclManaged.js';

/** Ids of `lifecycle_msgs/msg/Transition`; the one for a shutdown depends on the state, its label does not. */
const TRANSITIONS = { configure: 1, cleanup: 2, activate: 3, deactivate: 4 } as const;
const SHUTDOWN = 'shutdown';
export type TransitionName = keyof typeof TRANSITIONS | typeof SHUTDOWN;

/** What each transition does; one that throws leads through `errorprocessing` back to `unconfigured`. */
export type LifecycleHooks = {
  readonly [name in TransitionName]: () => Promise<void>;
} & {
  /** Frees everything after an error. When it throws too, the node is `finalized`. */
  readonly error: (cause: Error) => Promise<void>;
  /** Somebody has asked for a transition that cannot be begun; the service's reply has no room for the reason. */
  readonly refused: (reason: Error) => void;
};

/** By the label of the state that rcl's machine is in meanwhile. */
const HOOKS: Readonly<Record<string, TransitionName>> = {
  configuring: 'configure',
  cleaningup: 'cleanup',
  activating: 'activate',
  deactivating: 'deactivate',
  shuttingdown: 'shutdown',
};

/** The part of a rclnodejs LifecycleNode that is used here. */
export interface LifecycleNode {
  readonly currentState: RclState;
  readonly _stateMachineHandle: object;
  _onChangeState(request: ChangeStateRequest, response: RclResponse): void;
}

export class Lifecycle {
  readonly #native: NativeLifecycle;
  readonly #node: LifecycleNode;
  readonly #hooks: LifecycleHooks;
  /** The transition under way. */
  #running: Promise<Error | undefined> | undefined;

  constructor(native: NativeLifecycle, node: LifecycleNode, hooks: LifecycleHooks) {
    this.#native = native;
    this.#node = node;
    this.#hooks = hooks;
    node._onChangeState = ({ transition }, response) => void this.#requested(transition, response);
  }

  /** `unconfigured`, `inactive`, `active`, `finalized`, or a state on the way from one to another. */
  get state(): string {
    return this.#node.currentState.label;
  }

  /** @throws what the transition's hook throws; Error where there is no such transition from this state */
  async change(name: TransitionName): Promise<void> {
    const error = await this.#begin(name === SHUTDOWN ? name : TRANSITIONS[name]);
    if (error) throw error;
  }

  /** Something has failed while the node is active: it is deactivated, into the error state. */
  async raise(cause: Error): Promise<void> {
    await this.settled();
    if (this.state !== 'active') return;
    this.#running = this.#run(this.#trigger(TRANSITIONS.deactivate), async () => {
      throw cause;
    });
    await this.#running;
  }

  /** Waits for the transition under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #requested({ id, label }: ChangeStateRequest['transition'], response: RclResponse): Promise<void> {
    const reply = response.template;
    // A label goes before an id, as in rclcpp.
    reply.success = (await this.#begin(label || id)) === undefined;
    response.send(reply);
  }

  async #begin(transition: number | string): Promise<Error | undefined> {
    const before = this.state;
    // In the middle of a transition rcl's machine would take its own internal ones from anybody.
    if (HOOKS[before] || before === 'errorprocessing')
      return this.#refuse(new Error(`the node is ${before}: wait until that is done`));
    let state: RclState;
    try {
      state = this.#trigger(transition);
    } catch (cause) {
      const name = Object.entries(TRANSITIONS).find(([, id]) => id === transition)?.[0] ?? transition;
      return this.#refuse(new Error(`there is no transition '${name}' from the state ${before}`, { cause }));
    }
    const hook = HOOKS[state.label];
    this.#running = this.#run(state, () => (hook ? this.#hooks[hook]() : Promise.resolve()));
    return this.#running;
  }

  #refuse(reason: Error): Error {
    this.#hooks.refused(reason);
    return reason;
  }

  async #run(state: RclState, work: () => Promise<void>): Promise<Error | undefined> {
    try {
      await work();
      this.#trigger('transition_success');
      return undefined;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#trigger('transition_error');
      await this.#recover(error, state);
      return error;
    }
  }

  async #recover(error: Error, { label }: RclState): Promise<void> {
    try {
      await this.#hooks.error(error);
      // A node that could not even be shut down is of no further use.
      this.#trigger(label === 'shuttingdown' ? 'transition_failure' : 'transition_success');
    } catch {
      this.#trigger('transition_failure');
    }
  }

  #trigger(transition: number | string): RclState {
    const machine = this.#node._stateMachineHandle;
    return typeof transition === 'number'
      ? this.#native.triggerLifecycleTransitionById(machine, transition)
      : this.#native.triggerLifecycleTransitionByLabel(machine, transition);
  }
}
