/** A managed node's ROS graph in memory: parameters, services, goals and transitions as a test wants them. */

import type { NodeGraph } from '../../src/node/graph.js';
import { Lifecycle, type LifecycleHooks } from '../../src/robots/ros2/lifecycle.js';
import type {
  Goal,
  ObjectPublication,
  ParameterChange,
  ParameterSpec,
  ParameterValue,
} from '../../src/robots/ros2/managedNode.js';
import type { TriggerReply } from '../../src/robots/ros2/rosNode.js';
import { FakeGraph } from './fakeGraph.js';
import { FakeLifecycle } from './fakeLifecycle.js';

type AnyGoal = Goal<object, object, object>;

/** What came of a goal. */
export interface FakeGoal {
  readonly feedback: object[];
  readonly cancel: () => void;
  readonly ended: Promise<{ readonly how: 'succeeded' | 'aborted' | 'canceled'; readonly result: object }>;
}

export class FakeNodeGraph extends FakeGraph implements NodeGraph {
  readonly machine = new FakeLifecycle();
  readonly logged: string[] = [];
  /** Objects published, by topic. */
  readonly objects = new Map<string, object[]>();
  readonly specs = new Map<string, ParameterSpec>();
  readonly #given: Readonly<Record<string, ParameterValue>>;
  readonly #values = new Map<string, ParameterValue>();
  readonly #triggers = new Map<string, () => Promise<TriggerReply>>();
  #refuse: (changes: readonly ParameterChange[]) => string | undefined = () => undefined;
  #execute: (goal: AnyGoal) => Promise<object> = () => Promise.reject(new Error('no action'));

  /** @param given what the command line says */
  constructor(given: Readonly<Record<string, ParameterValue>> = {}) {
    super();
    this.#given = given;
    this.#values.set('use_sim_time', given.use_sim_time ?? false);
  }

  get log() {
    const say = (level: string) => (message: string) => void this.logged.push(`${level}: ${message}`);
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  }

  manage(hooks: LifecycleHooks): Lifecycle {
    return new Lifecycle(this.machine, this.machine, hooks);
  }

  declare(spec: ParameterSpec): ParameterValue {
    this.specs.set(spec.name, spec);
    this.#values.set(spec.name, this.#given[spec.name] ?? spec.default);
    return this.parameter(spec.name);
  }

  isGiven(name: string): boolean {
    return name in this.#given;
  }

  parameter(name: string): ParameterValue {
    return this.#values.get(name) as ParameterValue;
  }

  setParameter({ name }: ParameterSpec, value: ParameterValue): void {
    this.set({ [name]: value });
  }

  onParameters(refuse: (changes: readonly ParameterChange[]) => string | undefined): void {
    this.#refuse = refuse;
  }

  /** `ros2 param set`; why not. */
  set(values: Readonly<Record<string, ParameterValue>>): string | undefined {
    const reason = this.#refuse(Object.entries(values).map(([name, value]) => ({ name, value })));
    if (reason === undefined)
      for (const [name, value] of Object.entries(values)) this.#values.set(name, value);
    return reason;
  }

  advertiseObjects<T extends object>(_type: string, topic: string): ObjectPublication<T> {
    const sent: object[] = [];
    this.objects.set(topic, sent);
    return { publish: (message) => void sent.push(message), listeners: 0, close() {} };
  }

  offerTrigger(name: string, onCall: () => Promise<TriggerReply>): void {
    this.#triggers.set(name, () =>
      onCall().catch((error: Error) => ({ success: false, message: error.message })),
    );
  }

  /** `ros2 service call`. */
  async call(name: string): Promise<TriggerReply> {
    const trigger = this.#triggers.get(`~/${name}`);
    if (!trigger) throw new Error(`nobody offers ~/${name}`);
    return trigger();
  }

  offerAction<Request extends object, Result extends object, Feedback extends object>(
    _type: string,
    _name: string,
    execute: (goal: Goal<Request, Result, Feedback>) => Promise<Result>,
  ): void {
    this.#execute = execute as unknown as (goal: AnyGoal) => Promise<object>;
  }

  /** `ros2 action send_goal`. */
  send(request: object): FakeGoal {
    const feedback: object[] = [];
    const cancel = new AbortController();
    let how: 'succeeded' | 'aborted' | 'canceled' | undefined;
    const end = (as: NonNullable<typeof how>) => (result: object) => {
      how = as;
      return result;
    };
    const ended = this.#execute({
      request,
      feedback: (message) => void feedback.push(message),
      cancelled: cancel.signal,
      succeed: end('succeeded'),
      abort: end('aborted'),
      canceled: end('canceled'),
    }).then((result) => {
      if (!how) throw new Error('the goal has no state');
      return { how, result };
    });
    return { feedback, cancel: () => cancel.abort(), ended };
  }
}
