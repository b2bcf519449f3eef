/** rcl's lifecycle state machine (rcl_lifecycle/default_state_machine.c) as rclnodejs gives it. */
import type { LifecycleNode } from '../../src/robots/ros2/lifecycle.js';
import type { ChangeStateRequest, NativeLifecycle, RclResponse } from '../../src/robots/ros2/rclManaged.js';

const IDS: Readonly<Record<string, number>> = {
  unconfigured: 1,
  inactive: 2,
  active: 3,
  finalized: 4,
  configuring: 10,
  cleaningup: 11,
  shuttingdown: 12,
  activating: 13,
  deactivating: 14,
  errorprocessing: 15,
};

/** By state and transition: ids of requests, labels of everything. */
const MACHINE: Readonly<Record<string, Readonly<Record<string | number, string>>>> = {
  unconfigured: { 1: 'configuring', configure: 'configuring', 5: 'shuttingdown', shutdown: 'shuttingdown' },
  inactive: {
    2: 'cleaningup',
    cleanup: 'cleaningup',
    3: 'activating',
    activate: 'activating',
    6: 'shuttingdown',
    shutdown: 'shuttingdown',
  },
  active: { 4: 'deactivating', deactivate: 'deactivating', 7: 'shuttingdown', shutdown: 'shuttingdown' },
  finalized: {},
  configuring: ends('inactive', 'unconfigured'),
  cleaningup: ends('unconfigured', 'inactive'),
  activating: ends('active', 'inactive'),
  deactivating: ends('inactive', 'active'),
  shuttingdown: ends('finalized', 'finalized'),
  errorprocessing: ends('unconfigured', 'finalized', 'finalized'),
};

function ends(success: string, failure: string, error = 'errorprocessing') {
  return { transition_success: success, transition_failure: failure, transition_error: error };
}

export class FakeLifecycle implements NativeLifecycle, LifecycleNode {
  readonly _stateMachineHandle = {};
  /** Every state that it was ever in. */
  readonly states = ['unconfigured'];

  _onChangeState(_request: ChangeStateRequest, _response: RclResponse): void {
    throw new Error('rclnodejs would have answered');
  }

  get currentState() {
    const label = this.states.at(-1) as string;
    return { id: IDS[label] as number, label };
  }

  triggerLifecycleTransitionById(_machine: object, id: number) {
    return this.#trigger(id);
  }

  triggerLifecycleTransitionByLabel(_machine: object, label: string) {
    return this.#trigger(label);
  }

  /** `ros2 lifecycle set`; the answer. */
  request(transition: { readonly id?: number; readonly label?: string }): Promise<boolean> {
    return new Promise((resolve) => {
      this._onChangeState(
        { transition: { id: 0, label: '', ...transition } },
        { template: { success: false }, send: (reply) => resolve((reply as { success: boolean }).success) },
      );
    });
  }

  #trigger(transition: string | number) {
    const next = MACHINE[this.currentState.label]?.[transition];
    if (next === undefined) throw new Error('No transition matching found');
    this.states.push(next);
    return this.currentState;
  }
}
