/** One policy, opened once, replaying bag after bag: what a worker thread holds. */
import { createStrategy } from '../act/strategy.js';
import type { Session } from '../crew/thread.js';
import { matchContract } from '../infer/match.js';
import { Policy } from '../infer/policy.js';
import { latencyModel } from '../latency.js';
import type { Inferrer } from '../latestInference.js';
import { runEpisode } from '../loop.js';
import type { EpisodeBag } from '../record/episode.js';
import { BagRobot } from '../robots/bag/bagRobot.js';
import { Comparison } from './comparison.js';
import { figures } from './figures.js';
import { openBag, type PreparedPolicy, preparePolicy } from './prepare.js';
import type { ReplayRecord } from './results.js';
import type { ReplayJob, ReplaySpec } from './spec.js';
import { replayWall } from './totals.js';

export interface ReplayFacts {
  /** What really runs the policy, and why not what was named before it (clauses). */
  readonly provider: string;
  readonly providerNotes: readonly string[];
}

export class ReplaySession implements Session<ReplayJob, ReplayFacts, ReplayRecord> {
  private constructor(
    private readonly prepared: PreparedPolicy,
    private readonly policy: Policy,
  ) {}

  /** @throws UserError when something named in `spec` is missing, wrong or does not fit */
  static async open(spec: ReplaySpec): Promise<ReplaySession> {
    const prepared = await preparePolicy(spec);
    return new ReplaySession(prepared, await Policy.load(prepared.bundle, spec));
  }

  get facts(): ReplayFacts {
    const { provider, providerNotes } = this.policy;
    return { provider, providerNotes };
  }

  async run({ path, name }: ReplayJob, signal: AbortSignal): Promise<ReplayRecord> {
    const { contract, strategy } = this.prepared;
    const bag = await openBag(path, contract);
    return replayBag(bag, name, { policy: this.policy, strategy, signal });
  }

  async close(): Promise<void> {
    await this.policy.close();
  }
}

export interface ReplayOptions extends Pick<PreparedPolicy, 'strategy'> {
  readonly policy: Inferrer;
  readonly signal?: AbortSignal;
}

/**
 * Runs the loop on a recording, and closes the bag.
 * @param name of the bag in the result
 */
export async function replayBag(
  bag: EpisodeBag,
  name: string,
  { policy, strategy, signal }: ReplayOptions,
): Promise<ReplayRecord> {
  const began = performance.now();
  const { bundle } = policy;
  const { rateHz } = bag.contract;
  let robot: BagRobot;
  try {
    robot = await BagRobot.open(bag);
  } catch (error) {
    await bag.close();
    throw error;
  }
  try {
    const { timeline } = robot;
    const { chunk } = bundle.action;
    const { joints } = matchContract(bag.contract, bundle);
    const seed = bag.info?.seed ?? 0;
    // Whatever the simulator added is part of what happened; delays of the sensors are in the bag itself.
    const { speed, latency } = bag.info?.policy ?? {};
    const comparison = new Comparison({ timeline, rateHz, joints, chunk });
    const { result, timings } = await runEpisode({
      robot,
      policy,
      strategy: createStrategy(strategy, { length: chunk, width: joints.length }),
      seed,
      timeLimitS: timeline.ticks / rateHz,
      tap: comparison,
      ...(speed !== undefined && { speedScale: () => speed }),
      ...(latency && { latency: latencyModel(latency, seed) }),
      ...(signal ? { signal } : {}),
    });
    const { compared } = comparison;
    const { latencyMs, runMs } = timings;
    const { stop, reason, safety } = result;
    const seconds = (performance.now() - began) / 1000;
    return {
      result: {
        bag: name,
        seed: bag.info?.seed ?? null,
        stop,
        ...(reason === undefined ? {} : { reason }),
        ...(bag.damage === undefined ? {} : { damage: bag.damage }),
        ...figures(compared, timeline.ticks, safety, { joints: bundle.joints, rateHz }),
        recorded: recorded(bag),
        wall: replayWall(compared.ticks / rateHz, seconds, [latencyMs], [runMs]),
      },
      compared,
      timings: { latencyMs, runMs },
    };
  } finally {
    await robot.close();
  }
}

function recorded({ result }: EpisodeBag): ReplayRecord['result']['recorded'] {
  if (!result) return null;
  const { success, return: sum, steps, stop, safety } = result;
  return { success, return: sum, steps, stop, safety };
}
