/** The node's parameters: what they are, may be and when they may change. */
import {
  completeStrategy,
  DEFAULT_FADE_S,
  DEFAULT_INTERPOLATION,
  DEFAULT_LATE_EXTRAPOLATE_S,
  INTERPOLATIONS,
  STRATEGY_NAMES,
  type StrategySpec,
} from '../contract/strategy.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from '../infer/bundle.js';
import { parseProviders } from '../infer/providers.js';
import { IMAGE_FORMATS } from '../record/episode.js';
import type { ParameterChange, ParameterSpec, ParameterValue } from '../robots/ros2/managedNode.js';
import type { NodeGraph } from './graph.js';

/** Whatever the bundle's manifest names. */
const OF_BUNDLE = 'bundle';

interface Spec extends Omit<ParameterSpec, 'name' | 'constraints'> {
  readonly choices?: readonly string[];
  /** Of a text: throws what is wrong with it. */
  readonly check?: (text: string) => unknown;
  /** Read while the node is configured: it refuses to change as long as the node is. */
  readonly fixed?: true;
}

const SPECS = {
  contract: { type: 'string', default: '', fixed: true, description: 'Robot contract: a YAML file.' },
  policy: {
    type: 'string',
    default: '',
    fixed: true,
    description: 'Policy bundle: a folder with policy.yaml and its graph.',
  },
  provider: {
    type: 'string',
    default: 'auto',
    fixed: true,
    check: parseProviders,
    description:
      'What runs the graph: auto, or cpu, cuda, tensorrt and webgpu with commas between them, tried in that order.',
  },
  device_id: {
    type: 'integer',
    default: 0,
    range: [0, 255],
    fixed: true,
    description: 'Which GPU, for cuda and tensorrt.',
  },
  threads: {
    type: 'integer',
    default: 1,
    range: [1, 256],
    fixed: true,
    description: 'CPU threads of one inference.',
  },
  realtime_priority: {
    type: 'integer',
    default: 0,
    range: [0, 99],
    fixed: true,
    description: "Real-time priority (SCHED_FIFO) of the loop's thread; 0: none. Needs permission: rtprio.",
  },
  lockstep: {
    type: 'bool',
    default: false,
    fixed: true,
    description:
      "A simulator's time is stepped, as the robot contract says: it passes only when the policy has acted. Needs use_sim_time.",
  },
  strategy: {
    type: 'string',
    default: OF_BUNDLE,
    choices: [OF_BUNDLE, ...STRATEGY_NAMES],
    description: 'How chunks become actions; bundle: as its manifest says. From the next tick on.',
  },
  ensemble_m: {
    type: 'double',
    default: 0.01,
    range: [-10, 10],
    description:
      "ensemble and blend: weight exp(-m·i), i = 0 the oldest; below 0 the newest counts most. The bundle's, if not set. From the next tick on.",
  },
  receding_steps: {
    type: 'integer',
    default: 1,
    range: [1, 10_000],
    description:
      "receding: rows executed before the next chunk. The bundle's, if not set. From the next tick on.",
  },
  blend_fade: {
    type: 'double',
    default: DEFAULT_FADE_S,
    range: [0.01, 10],
    description: "blend: s to go over to a new chunk in. The bundle's, if not set. From the next tick on.",
  },
  interpolation: {
    type: 'string',
    default: DEFAULT_INTERPOLATION,
    choices: INTERPOLATIONS,
    description: "Between two rows of a chunk. The bundle's, if not set. From the next tick on.",
  },
  late_extrapolate: {
    type: 'double',
    default: DEFAULT_LATE_EXTRAPOLATE_S,
    range: [0, 10],
    description:
      "s in which the last motion fades out where the next chunk is late; 0 brakes at once. The bundle's, if not set. From the next tick on.",
  },
  late_wait: {
    type: 'double',
    default: 0,
    range: [0, 0.1],
    description:
      's that a command waits for the chunk under way where none foresees its instant; then late_extrapolate, then hold. From the next command on.',
  },
  speed_scale: {
    type: 'double',
    default: 1,
    range: [0.25, 2],
    description: 'How fast chunks are played, times the speed they were trained at. From the next chunk on.',
  },
  task: {
    type: 'string',
    default: '',
    description: "What is attempted, for recordings; empty: the bundle's task.",
  },
  seed: {
    type: 'integer',
    default: 1,
    range: [0, 2 ** 31 - 1],
    description: 'Of the next episode that ~/start begins; counts up.',
  },
  time_limit: {
    type: 'double',
    default: 60,
    range: [0.1, 86_400],
    description: "s on the robot's clock, for goals that name none.",
  },
  record_dir: {
    type: 'string',
    default: '',
    description:
      'Where runs are recorded, a folder each; empty: nowhere, and a goal that asks for it is aborted.',
  },
  images: {
    type: 'string',
    default: 'jpeg',
    choices: IMAGE_FORMATS,
    description: 'Images as they are recorded.',
  },
  diagnostics_period: {
    type: 'double',
    default: 1,
    range: [0.1, 60],
    description: 's between two messages on /diagnostics.',
  },
  autostart: {
    type: 'bool',
    default: false,
    readOnly: true,
    description: 'Configure and activate at once; the program ends where that fails.',
  },
} as const satisfies Record<string, Spec>;

export type ParameterName = keyof typeof SPECS;
type TypeOf<T extends Spec['type']> = T extends 'bool' ? boolean : T extends 'string' ? string : number;
export type ValueOf<N extends ParameterName> = TypeOf<(typeof SPECS)[N]['type']>;

/** They take the bundle's values until somebody sets them. */
const STRATEGY_PARAMETERS = [
  'strategy',
  'ensemble_m',
  'receding_steps',
  'blend_fade',
  'interpolation',
  'late_extrapolate',
] as const;

export interface ParametersOptions {
  /** Whether the node is configured: what it has read by now stays. */
  readonly configured: () => boolean;
  /** Takes on a strategy for the bundle at hand; throws where it cannot work with it. */
  readonly changeStrategy: (choose: (bundle: PolicyBundle) => StrategySpec) => void;
}

export class Parameters {
  readonly #graph: NodeGraph;
  readonly #options: ParametersOptions;
  /** Names among `STRATEGY_PARAMETERS` that somebody has set. */
  readonly #chosen: Set<string>;
  /** The node itself is setting one. */
  #own = false;

  /** @throws UserError naming the parameter that has an impossible value from the start */
  constructor(graph: NodeGraph, options: ParametersOptions) {
    this.#graph = graph;
    this.#options = options;
    for (const name of Object.keys(SPECS) as ParameterName[]) {
      const problem = misfit(name, graph.declare(described(name)));
      if (problem !== undefined) throw new UserError(problem);
    }
    this.#chosen = new Set(STRATEGY_PARAMETERS.filter((name) => graph.isGiven(name)));
    graph.onParameters((changes) => this.#consider(changes));
  }

  get<N extends ParameterName>(name: N): ValueOf<N> {
    return this.#graph.parameter(name) as ValueOf<N>;
  }

  set<N extends ParameterName>(name: N, value: ValueOf<N>): void {
    this.#own = true;
    this.#graph.setParameter(described(name), value);
    this.#own = false;
  }

  /** `use_sim_time`, which every node has. */
  get simTime(): boolean {
    return this.#graph.parameter('use_sim_time') === true;
  }

  /** What the parameters ask for; what nobody set is the bundle's. */
  strategy({ strategy, action }: PolicyBundle): StrategySpec {
    return this.#strategy(strategy, action.chunk, this.#chosen, (name) => this.get(name));
  }

  /** Shows what is in force where nobody has set it. */
  adopt(spec: StrategySpec): void {
    const values = {
      strategy: spec.name,
      ...((spec.name === 'ensemble' || spec.name === 'blend') &&
        spec.m !== undefined && { ensemble_m: spec.m }),
      ...(spec.name === 'receding' && { receding_steps: spec.steps }),
      ...(spec.name === 'blend' && { blend_fade: spec.fade_s }),
      ...(spec.interpolation !== undefined && { interpolation: spec.interpolation }),
      ...(spec.late_extrapolate_s !== undefined && { late_extrapolate: spec.late_extrapolate_s }),
    };
    for (const name of STRATEGY_PARAMETERS) {
      const value = values[name];
      if (value !== undefined && !this.#chosen.has(name)) this.set(name, value);
    }
  }

  #strategy(
    own: StrategySpec,
    chunk: number,
    chosen: ReadonlySet<string>,
    value: <N extends ParameterName>(name: N) => ValueOf<N>,
  ): StrategySpec {
    const set = <N extends ParameterName>(name: N) => (chosen.has(name) ? value(name) : undefined);
    const known = STRATEGY_NAMES.find((known) => known === set('strategy')) ?? own.name;
    return completeStrategy(known, own, chunk, {
      m: set('ensemble_m'),
      steps: set('receding_steps'),
      fadeS: set('blend_fade'),
      interpolation: INTERPOLATIONS.find((known) => known === set('interpolation')),
      lateExtrapolateS: set('late_extrapolate'),
    });
  }

  /** One sentence that says why not; otherwise they are taken on. */
  #consider(changes: readonly ParameterChange[]): string | undefined {
    if (this.#own) return undefined;
    for (const { name, value } of changes) {
      const problem = this.#problem(name, value);
      if (problem !== undefined) return problem;
    }
    return this.#takeOnStrategy(changes);
  }

  #problem(name: string, value: ParameterValue): string | undefined {
    if (this.#options.configured() && (name === 'use_sim_time' || (isOurs(name) && spec(name).fixed)))
      return `${name} is read when the node is configured: deactivate it and clean it up first`;
    return isOurs(name) ? misfit(name, value) : undefined;
  }

  #takeOnStrategy(changes: readonly ParameterChange[]): string | undefined {
    const changed = changes.filter(({ name }) => (STRATEGY_PARAMETERS as readonly string[]).includes(name));
    if (changed.length === 0) return undefined;
    const chosen = new Set([...this.#chosen, ...changed.map(({ name }) => name)]);
    const values = new Map(changed.map(({ name, value }) => [name, value]));
    if (values.get('strategy') === OF_BUNDLE) chosen.delete('strategy');
    const value = <N extends ParameterName>(name: N) => (values.get(name) as ValueOf<N>) ?? this.get(name);
    try {
      this.#options.changeStrategy(({ strategy, action }) =>
        this.#strategy(strategy, action.chunk, chosen, value),
      );
    } catch (error) {
      return (error as Error).message;
    }
    this.#chosen.clear();
    for (const name of chosen) this.#chosen.add(name);
    return undefined;
  }
}

function isOurs(name: string): name is ParameterName {
  return name in SPECS;
}

function spec(name: ParameterName): Spec {
  return SPECS[name];
}

function described(name: ParameterName): ParameterSpec {
  const { choices, check: _, fixed, ...rest } = spec(name);
  const constraints = [
    ...(choices ? [`One of ${choices.join(', ')}.`] : []),
    ...(fixed ? ['May be set while the node is unconfigured.'] : []),
  ];
  return { name, ...rest, ...(constraints.length > 0 && { constraints: constraints.join(' ') }) };
}

/** Why `value` cannot be what `name` is. */
function misfit(name: ParameterName, value: ParameterValue): string | undefined {
  const { type, range, choices, check } = spec(name);
  if (range && !((value as number) >= range[0] && (value as number) <= range[1]))
    return `${name} is ${value}, it must be ${type === 'integer' ? 'a whole number ' : ''}from ${range[0]} to ${range[1]}`;
  if (choices && !choices.includes(value as string))
    return `${name} is '${value}', it must be one of ${choices.join(', ')}`;
  try {
    check?.(value as string);
  } catch (error) {
    return `${name} is '${value}': ${(error as Error).message}`;
  }
  return undefined;
}
