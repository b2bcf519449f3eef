/** One robot and one policy, opened once, running episode after episode: what a worker thread holds. */
import { basename, dirname, join, relative } from 'node:path';
import { createStrategy } from '../act/strategy.js';
import type { EpisodeRecord, EpisodeResult } from '../episode/episode.js';
import { Policy } from '../infer/policy.js';
import { latencyModel } from '../latency.js';
import type { Inferrer } from '../latestInference.js';
import { runEpisode } from '../loop.js';
import { bagName, type EpisodeInfo } from '../record/episode.js';
import { type EpisodeRecording, Recorder, type RecordingReport } from '../record/recorder.js';
import { delaySensors } from '../robots/delayed.js';
import type { Robot } from '../robots/robot.js';
import { SimRobot } from '../robots/sim/simRobot.js';
import type { Tap } from '../tap.js';
import { softwareVersions } from '../version.js';
import { blankCameras, CommandLog, Replay } from './controls.js';
import { Film } from './film.js';
import type { WorkerFacts } from './messages.js';
import { type PreparedRollout, prepare } from './prepare.js';
import type { RolloutSpec } from './spec.js';

export interface SessionEpisode {
  readonly record: EpisodeRecord;
  readonly film?: Uint8Array;
  readonly recording?: RecordingReport;
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
  readonly #recorder: Recorder | undefined;

  private constructor(
    spec: RolloutSpec,
    prepared: PreparedRollout,
    robot: Robot,
    policy: Policy,
    recorder: Recorder | undefined,
  ) {
    this.#spec = spec;
    this.#prepared = prepared;
    this.#robot = robot;
    this.#policy = policy;
    this.#recorder = recorder;
  }

  /** @throws UserError when something named in `spec` is missing, wrong or does not fit */
  static async open(spec: RolloutSpec): Promise<RolloutSession> {
    const prepared = await prepare(spec);
    const robot = await SimRobot.create(prepared.contract, prepared.task);
    let policy: Policy | undefined;
    try {
      policy = await Policy.load(prepared.bundle, spec);
      const late = spec.observationDelayS ? delaySensors(robot, spec.observationDelayS) : robot;
      const seen = spec.control === 'blank-cameras' ? blankCameras(late) : late;
      const recorder = spec.record && (await Recorder.start());
      return new RolloutSession(spec, prepared, seen, policy, recorder);
    } catch (error) {
      await policy?.close();
      await robot.close();
      throw error;
    }
  }

  get facts(): WorkerFacts {
    const { provider, providerNotes } = this.#policy;
    return { provider, providerNotes, maxReward: this.#robot.maxReward };
  }

  async run(seed: number, options: SessionRunOptions = {}): Promise<SessionEpisode> {
    const film = options.film ? new Film(this.#prepared.bundle, seed) : undefined;
    const policy =
      this.#spec.control === 'replay-other-seed' ? await this.#otherSeed(seed, options.signal) : this.#policy;
    const recording = await this.#recorder?.begin({
      dir: join(this.#spec.record?.dir ?? '', bagName(seed)),
      info: this.#info(seed),
      robot: this.#robot,
      joints: this.#policy.bundle.joints,
    });
    let record: EpisodeRecord;
    try {
      record = await this.#episode(policy, seed, options.signal, both(film, recording));
    } catch (error) {
      await recording?.finish(); // Of an episode that could not end, what was recorded is kept.
      throw error;
    }
    const report = await recording?.finish(record.result);
    const picture = await film?.encode();
    return {
      record: report ? { ...record, result: withBag(record.result, report.dir) } : record,
      ...(picture ? { film: picture } : {}),
      ...(report ? { recording: report } : {}),
    };
  }

  async close(): Promise<void> {
    await this.#recorder?.close();
    await this.#policy.close();
    await this.#robot.close();
  }

  /** The commands that the policy gives on the next seed, to drive the robot with. */
  async #otherSeed(seed: number, signal: AbortSignal | undefined): Promise<Replay> {
    const log = new CommandLog();
    await this.#episode(this.#policy, seed + 1, signal, log);
    const { contract } = this.#prepared;
    return new Replay(this.#policy.bundle, log.commands, {
      joints: contract.joints.map(({ name }) => name),
      dt: 1 / contract.rateHz,
    });
  }

  #info(seed: number): EpisodeInfo {
    const { contract, bundle, task, strategy, timeLimitS } = this.#prepared;
    const { control, speed, latency, observationDelayS, record } = this.#spec;
    return {
      source: 'rollout',
      lockstep: this.#robot.clock.lockstep,
      contract: { file: basename(contract.file), text: contract.text },
      task: task.name,
      instruction: task.instruction,
      seed,
      maxReward: this.#robot.maxReward,
      policy: {
        name: bundle.name,
        graphSha256: bundle.graph.sha256,
        strategy,
        provider: this.#policy.provider,
        timeLimitS,
        ...(control ? { control } : {}),
        ...(speed === undefined ? {} : { speed }),
        ...(latency ? { latency } : {}),
        ...(observationDelayS === undefined ? {} : { observationDelayS }),
      },
      images: record?.images ?? 'raw',
      software: softwareVersions(),
    };
  }

  #episode(
    policy: Inferrer,
    seed: number,
    signal: AbortSignal | undefined,
    tap: Tap | undefined,
  ): Promise<EpisodeRecord> {
    const { bundle, strategy, timeLimitS } = this.#prepared;
    const { speed, latency } = this.#spec;
    const width = bundle.joints.length;
    // Commands that are repeated open loop are there at once: they are no policy's.
    const how =
      policy instanceof Replay
        ? { strategy: createStrategy({ name: 'latest' }, { length: 1, width }) }
        : {
            strategy: createStrategy(strategy, { length: bundle.action.chunk, width }),
            ...(speed === undefined ? {} : { speedScale: () => speed }),
            ...(latency ? { latency: latencyModel(latency, seed) } : {}),
          };
    return runEpisode({
      robot: this.#robot,
      policy,
      ...how,
      seed,
      timeLimitS,
      ...(signal ? { signal } : {}),
      ...(tap ? { tap } : {}),
    });
  }
}

/** Two taps as one; the pictures ask for views, the recording for patience. */
function both(film: Film | undefined, recording: EpisodeRecording | undefined): Tap | undefined {
  if (!film || !recording) return film ?? recording;
  return {
    views: film.views,
    onTick(tick) {
      film.onTick(tick);
      recording.onTick(tick);
    },
    settled: () => recording.settled(),
  };
}

/** The result with its bag, `bags/episode_000001`; what is read off a wall clock stays last. */
function withBag({ wall, ...result }: EpisodeResult, dir: string): EpisodeResult {
  return { ...result, bag: relative(dirname(dirname(dir)), dir), wall };
}
