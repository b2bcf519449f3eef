/** Execution providers: which hardware runs the graph. Names only, so that a CLI can list them without loading any. */
import { UserError } from '../errors.js';

export const PROVIDERS = ['cpu', 'cuda', 'tensorrt', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/**
 * What `auto` stands for. TensorRT is not in it because it builds its engine anew at every start, which takes
 * minutes; WebGPU because it takes any adapter, even one that emulates a GPU on the CPU.
 */
export const AUTO: readonly Provider[] = ['cuda', 'cpu'];

/** They take a device id. */
const NUMBERED: readonly Provider[] = ['cuda', 'tensorrt'];

/** What runs a policy, as it is asked for. Plain data. */
export interface ProviderOptions {
  /** `auto`, or names with commas between them, tried in that order; `auto` by default. */
  readonly provider?: string;
  /** Which GPU, as the driver counts them; 0 by default. */
  readonly deviceId?: number;
  /**
   * CPU threads of one run. 1 by default: floating-point sums depend on how the work is split, so results are
   * the same on every machine and whatever the number of rollout workers, which are the better use of cores.
   */
  readonly threads?: number;
}

/** The same, with nothing left open: what a session is opened with. */
export interface ProviderSettings {
  /**
   * Tried in this order; the first that works is used. Where the CPU is among them it also takes on the nodes
   * that a GPU lacks; where it is not, a GPU has to run the whole graph.
   */
  readonly order: readonly Provider[];
  readonly deviceId: number;
  readonly threads: number;
}

/**
 * `auto`, or names with commas between them: `cuda`, `tensorrt,cuda,cpu`.
 * @throws UserError listing the choices
 */
export function parseProviders(text: string): readonly Provider[] {
  if (text === 'auto') return AUTO;
  const order = text.split(',').map((name) => {
    const provider = PROVIDERS.find((known) => known === name.trim());
    if (provider) return provider;
    throw new UserError(
      `provider '${name.trim()}' is unknown; use auto, or one or more of ${PROVIDERS.join(', ')} with commas between them`,
    );
  });
  const repeated = order.find((provider, i) => order.indexOf(provider) < i);
  if (repeated) throw new UserError(`provider ${repeated} is named twice in '${text}'`);
  return order;
}

/** @throws UserError for what cannot be meant */
export function providerSettings({
  provider = 'auto',
  deviceId,
  threads = 1,
}: ProviderOptions): ProviderSettings {
  const order = parseProviders(provider);
  if (deviceId && !order.some((name) => NUMBERED.includes(name)))
    throw new UserError(
      `device id ${deviceId} means nothing to provider ${provider}: only ${NUMBERED.join(' and ')} take one`,
    );
  return { order, deviceId: deviceId ?? 0, threads };
}
