/** The part of rclnodejs that only a managed node uses; see `rclnodejs.ts`. */
import type { RclNode, Rclnodejs } from './rclnodejs.js';

/** `rcl_interfaces/msg/ParameterType`. */
export const PARAMETER_TYPES = { bool: 1, integer: 2, double: 3, string: 4 } as const;
export type ParameterType = keyof typeof PARAMETER_TYPES;

export interface RclParameter {
  readonly name: string;
  readonly type: number;
  /** Integers as bigint. */
  readonly value: unknown;
}

export interface RclDescriptor {
  additionalConstraints: string;
  toMessage(): object;
}

/** `rcl_interfaces/msg/SetParametersResult`. */
export interface SetResult {
  readonly successful: boolean;
  readonly reason: string;
}

export interface RclLogger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RclState {
  readonly id: number;
  readonly label: string;
}

export interface RclResponse {
  readonly template: { success: boolean };
  send(response: object): void;
}

export interface RclLifecycleNode extends RclNode {
  readonly currentState: RclState;
  /** These two are private to rclnodejs, whose own transitions cannot wait for anything; see `lifecycle.ts`. */
  readonly _stateMachineHandle: object;
  _onChangeState(request: ChangeStateRequest, response: RclResponse): void;
  getLogger(): RclLogger;
  declareParameter(parameter: RclParameter, descriptor: RclDescriptor): RclParameter;
  getParameter(name: string): RclParameter;
  getParameterOverrides(): RclParameter[];
  setParameter(parameter: RclParameter): SetResult;
  /** Sees parameters first, may exchange them; declarations too. */
  addPreSetParametersCallback(callback: (parameters: RclParameter[]) => RclParameter[]): void;
  addOnSetParametersCallback(callback: (parameters: readonly RclParameter[]) => SetResult): void;
}

export interface ChangeStateRequest {
  readonly transition: { readonly id: number; readonly label: string };
}

/** Transitions of rcl's state machine. Both throw where there is no such transition from the present state. */
export interface NativeLifecycle {
  triggerLifecycleTransitionById(machine: object, id: number): RclState;
  triggerLifecycleTransitionByLabel(machine: object, label: string): RclState;
}

export interface RclGoalHandle {
  readonly request: object;
  succeed(): void;
  abort(): void;
  canceled(): void;
  publishFeedback(feedback: object): void;
}

export interface RclActionServer {
  registerCancelCallback(callback: (goal: RclGoalHandle) => number): void;
}

export interface ManagedRcl extends Rclnodejs {
  readonly lifecycle: { readonly LifecycleNode: new (name: string) => RclLifecycleNode };
  readonly Parameter: new (name: string, type: number, value: unknown) => RclParameter;
  readonly ParameterDescriptor: new (
    name: string,
    type: number,
    description: string,
    readOnly: boolean,
  ) => RclDescriptor;
  readonly ActionServer: new (
    node: RclNode,
    type: string,
    name: string,
    execute: (goal: RclGoalHandle) => Promise<object>,
  ) => RclActionServer;
}

/** `rclnodejs.CancelResponse.ACCEPT`, the value of `action_msgs/srv/CancelGoal`'s. */
export const CANCEL_ACCEPT = 2;
