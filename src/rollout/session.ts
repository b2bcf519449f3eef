/** One robot and one policy, opened once, running episode after episode: what a worker thread holds. */
import { createStrategy } from '../act/strategy.js';
import type { EpisodeRecord } from '../episode/episode.js';
import { Policy } from '../infer/policy.js';
import type { Inferrer } from '../latestInference.js';
import { runEpisode } from '../loop.js';
import type { Robot } from '../robots/robot.js';
import { SimRobot } from '../robots/sim/simRobot.js';
import type { Tap } from '../tap.js';
import { blankCameras, CommandLog, Replay } from './controls.js';
import { Film } from './film.js';
import type { WorkerFacts } from './messages.js';
import { type PreparedRollout, prepare } from './prepare.js';
import type { RolloutSpec } from './spec.js';

export interface SessionEpisode {
  readonly record: EpisodeRecord;
  readonly film?: Uint8Array;
}

export interface SessionRunOptions {
  readonly signal?: AbortSignal;
  /** Make an animation of the episode. */
  readonly film?: boolean;
}

export class RolloutSession {
  readonly #spec: RolloutSpec;
  readonly #prepared: PreparedRollout;
  readonly #robot: Robot;
  readonly #policy: Policy;

  private constructor(spec: RolloutSpec, prepared: PreparedRollout, robot: Robot, policy: Policy) {
    this.#spec = spec;
    this.#prepared = prepared;
    this.#robot = robot;
    this.#policy = policy;
  }

  /** @throws UserError when something named in `spec` is missing, wrong or does not fit */
  static async open(spec: RolloutSpec): Promise<RolloutSession> {
    const prepared = await prepare(spec);
    const robot = await SimRobot.create(prepared.contract, prepared.task);
    try {
      const policy = await Policy.load(prepared.bundle, { provider: spec.provider });
      const seen = spec.control === 'blank-cameras' ? blankCameras(robot) : robot;
      return new RolloutSession(spec, prepared, seen, policy);
    } catch (error) {
      await robot.close();
      throw error;
    }
  }

  get facts(): WorkerFacts {
    return { provider: this.#policy.provider, maxReward: this.#robot.maxReward };
  }

  async run(seed: number, options: SessionRunOptions = {}): Promise<SessionEpisode> {
    const film = options.film ? new Film(this.#prepared.bundle, seed) : undefined;
    const record =
      this.#spec.control === 'replay-other-seed'
        ? await this.#replay(seed, options.signal, film)
        : await this.#episode(this.#policy, seed, options.signal, film);
    const picture = await film?.encode();
    return { record, ...(picture ? { film: picture } : {}) };
  }

  async close(): Promise<void> {
    await this.#policy.close();
    await this.#robot.close();
  }

  /** Drives the robot with the commands that the policy gave on the next seed. */
  async #replay(seed: number, signal: AbortSignal | undefined, tap: Tap | undefined): Promise<EpisodeRecord> {
    const log = new CommandLog();
    await this.#episode(this.#policy, seed + 1, signal, log);
    const { contract } = this.#prepared;
    const replay = new Replay(this.#policy.bundle, log.commands, {
      joints: contract.joints.map(({ name }) => name),
      dt: 1 / contract.rateHz,
    });
    return this.#episode(replay, seed, signal, tap);
  }

  #episode(
    policy: Inferrer,
    seed: number,
    signal: AbortSignal | undefined,
    tap: Tap | undefined,
  ): Promise<EpisodeRecord> {
    const { bundle, strategy, timeLimitS } = this.#prepared;
    const width = bundle.joints.length;
    return runEpisode({
      robot: this.#robot,
      policy,
      strategy:
        policy instanceof Replay
          ? createStrategy({ name: 'latest' }, { length: 1, width })
          : createStrategy(strategy, { length: bundle.action.chunk, width }),
      seed,
      timeLimitS,
      ...(signal ? { signal } : {}),
      ...(tap ? { tap } : {}),
    });
  }
}
