import { beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { type Goal, ManagedNode } from './managedNode.js';
import {
  CANCEL_ACCEPT,
  type ManagedRcl,
  type RclDescriptor,
  type RclGoalHandle,
  type RclParameter,
  type SetResult,
} from './rclManaged.js';

/** The part of rclnodejs 2.2 that a managed node uses, as it behaves. */
class FakeRcl {
  readonly overrides: RclParameter[] = [];
  readonly values = new Map<string, RclParameter>();
  readonly descriptors = new Map<string, RclDescriptor>();
  readonly known = new Set<string>(['saccade/action/RunEpisodes', 'saccade/msg/EpisodeStatus']);
  pre: (parameters: RclParameter[]) => RclParameter[] = (parameters) => parameters;
  on: (parameters: readonly RclParameter[]) => SetResult = () => ({ successful: true, reason: '' });
  execute: (goal: RclGoalHandle) => Promise<object> = () => Promise.reject(new Error());
  cancel: (goal: RclGoalHandle) => number = () => 0;
  readonly published: object[] = [];

  set(parameter: RclParameter): SetResult {
    const [seen] = this.pre([parameter]) as [RclParameter];
    const result = this.on([seen]);
    if (result.successful) this.values.set(seen.name, seen);
    return result;
  }

  get node() {
    return {
      name: () => 'saccade',
      getClock: () => ({ handle: {} }),
      namespace: () => '/',
      addPreSetParametersCallback: (callback: FakeRcl['pre']) => {
        this.pre = callback;
      },
      addOnSetParametersCallback: (callback: FakeRcl['on']) => {
        this.on = callback;
      },
      getParameterOverrides: () => this.overrides,
      declareParameter: (parameter: RclParameter, descriptor: RclDescriptor) => {
        const given = this.overrides.find(({ name }) => name === parameter.name) ?? parameter;
        this.descriptors.set(parameter.name, descriptor);
        const { successful, reason } = this.set(given);
        if (!successful) throw new Error(reason);
        return given;
      },
      getParameter: (name: string) => this.values.get(name),
      setParameter: (parameter: RclParameter) => this.set(parameter),
      createPublisher: (type: string) => {
        if (!this.known.has(type)) throw new Error('The message required does not exist');
        return { publish: (message: object) => this.published.push(message), subscriptionCount: 2 };
      },
    };
  }

  get module() {
    const self = this;
    return {
      Parameter: class {
        constructor(
          readonly name: string,
          readonly type: number,
          readonly value: unknown,
        ) {}
      },
      ParameterDescriptor: class {
        additionalConstraints = '';
        constructor(
          readonly name: string,
          readonly type: number,
          readonly description: string,
          readonly readOnly: boolean,
        ) {}
        toMessage() {
          return { name: this.name, description: this.description };
        }
      },
      QoS: class {},
      ActionServer: class {
        constructor(_node: object, type: string, _name: string, execute: FakeRcl['execute']) {
          if (!self.known.has(type)) throw new Error('The message required does not exist');
          self.execute = execute;
        }
        registerCancelCallback(callback: FakeRcl['cancel']) {
          self.cancel = callback;
        }
      },
      shutdown() {},
    };
  }
}

let rcl: FakeRcl;
let node: ManagedNode;
const INTEGER = 2;
const DOUBLE = 3;
const speed = { name: 'speed', type: 'double', default: 1, description: 'Speed.', range: [0.25, 2] } as const;
const steps = { name: 'steps', type: 'integer', default: 3, description: 'Steps.', range: [1, 9] } as const;

beforeEach(() => {
  rcl = new FakeRcl();
  node = new ManagedNode(rcl.module as unknown as ManagedRcl, rcl.node as never, {} as never);
});

describe('ManagedNode, parameters', () => {
  it('have their defaults, or what the command line says', () => {
    rcl.overrides.push({ name: 'speed', type: DOUBLE, value: 0.5 });
    expect(node.declare(speed)).toBe(0.5);
    expect(node.isGiven('speed')).toBe(true);
    expect(node.declare(steps)).toBe(3);
    expect(node.isGiven('steps')).toBe(false);
    expect(rcl.values.get('steps')).toMatchObject({ type: INTEGER, value: 3n });
  });

  it('describe their ranges as ROS has them', () => {
    node.declare(speed);
    node.declare(steps);
    const message = (name: string) => rcl.descriptors.get(name)?.toMessage();
    expect(message('speed')).toMatchObject({
      description: 'Speed.',
      floating_point_range: [{ from_value: 0.25, to_value: 2, step: 0 }],
    });
    expect(message('steps')).toMatchObject({ integer_range: [{ from_value: 1n, to_value: 9n, step: 1n }] });
  });

  it('take a whole number for a double, from the start and later', () => {
    rcl.overrides.push({ name: 'speed', type: INTEGER, value: 2n });
    expect(node.declare(speed)).toBe(2);
    expect(rcl.values.get('speed')?.type).toBe(DOUBLE);
    const changes: unknown[] = [];
    node.onParameters((all) => {
      changes.push(...all);
      return undefined;
    });
    rcl.set({ name: 'speed', type: INTEGER, value: 1n });
    expect(changes).toEqual([{ name: 'speed', value: 1 }]);
    expect(rcl.values.get('speed')?.type).toBe(DOUBLE);
  });

  it('refuse another type from the start, and what the node refuses later', () => {
    rcl.overrides.push({ name: 'steps', type: DOUBLE, value: 2.5 });
    expect(() => node.declare(steps)).toThrow(
      new UserError('parameter steps must be a whole number, not 2.5'),
    );
    node.declare(speed);
    node.onParameters(() => 'not while it moves');
    expect(rcl.set({ name: 'speed', type: DOUBLE, value: 2 })).toEqual({
      successful: false,
      reason: 'not while it moves',
    });
    expect(node.parameter('speed')).toBe(1);
  });
});

describe('ManagedNode, its interfaces', () => {
  it('are asked for by name where they are not installed', () => {
    expect(() => node.advertiseObjects('saccade/msg/Unknown', '~/x', 'latched')).toThrow(
      /~\/x cannot be published: its type saccade\/msg\/Unknown is unknown.*generate-ros-messages/,
    );
    expect(() => node.offerAction('saccade/action/Unknown', '~/x', async () => ({}))).toThrow(UserError);
  });

  it('publish nothing once the node has left the graph', () => {
    const publication = node.advertiseObjects('saccade/msg/EpisodeStatus', '~/status', 'latched');
    publication.publish({ a: 1 });
    node.close();
    publication.publish({ a: 2 });
    expect(rcl.published).toEqual([{ a: 1 }]);
  });
});

describe('ManagedNode, its action', () => {
  const events: string[] = [];
  const handle = {
    request: { count: 3 },
    succeed: () => events.push('succeed'),
    abort: () => events.push('abort'),
    canceled: () => events.push('canceled'),
    publishFeedback: (feedback: object) => events.push(JSON.stringify(feedback)),
  } as unknown as RclGoalHandle;
  type AnyGoal = Goal<{ count: number }, { done: number }, { at: number }>;
  const offer = (execute: (goal: AnyGoal) => Promise<{ done: number }>) =>
    node.offerAction('saccade/action/RunEpisodes', '~/run', execute);

  beforeEach(() => {
    events.length = 0;
  });

  it('works on a goal and sets its state before it answers', async () => {
    offer(async (goal) => {
      goal.feedback({ at: 1 });
      return goal.succeed({ done: goal.request.count });
    });
    expect(await rcl.execute(handle)).toEqual({ done: 3 });
    expect(events).toEqual(['{"at":1}', 'succeed']);
  });

  it('tells of a cancellation once the goal is cancelling, and sends no feedback from then on', async () => {
    offer(async (goal) => {
      await new Promise((resolve) => goal.cancelled.addEventListener('abort', resolve));
      events.push('heard');
      goal.feedback({ at: 2 });
      return goal.canceled({ done: 0 });
    });
    const ended = rcl.execute(handle);
    expect(rcl.cancel(handle)).toBe(CANCEL_ACCEPT);
    events.push('cancelling');
    expect(await ended).toEqual({ done: 0 });
    expect(events).toEqual(['cancelling', 'heard', 'canceled']);
  });
});
