/** What a configured node holds: robot, policy and recorder, opened once, running episode after episode. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { LiveStrategy } from '../act/liveStrategy.js';
import type { EmergencyStop } from '../act/safety.js';
import type { RobotContract } from '../contract/contract.js';
import { loadContract } from '../contract/load.js';
import type { StrategySpec } from '../contract/strategy.js';
import type { EpisodeRecord } from '../episode/episode.js';
import type { RunSummary } from '../episode/run.js';
import { summarise } from '../episode/statistics.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from '../infer/bundle.js';
import { loadBundle } from '../infer/load.js';
import { matchContract } from '../infer/match.js';
import { Policy } from '../infer/policy.js';
import type { ProviderOptions } from '../infer/providers.js';
import { runEpisode } from '../loop.js';
import { scheduleRealtime } from '../realtime.js';
import { bagName, type EpisodeInfo, type ImageFormat } from '../record/episode.js';
import { type EpisodeRecording, Recorder, type RecordingReport } from '../record/recorder.js';
import { ResultsFolder } from '../report/results.js';
import { RosRobot, type RosRobotStatus } from '../robots/ros2/rosRobot.js';
import type { Notice } from '../robots/ros2/source.js';
import type { Tap } from '../tap.js';
import { softwareVersions, version } from '../version.js';
import type { NodeGraph } from './graph.js';
import type { EpisodeOptions, Performance, Performer, RunRequest, Verdict } from './runs.js';

export interface SessionOptions {
  readonly graph: NodeGraph;
  /** Robot contract file, policy bundle folder. */
  readonly contract: string;
  readonly policy: string;
  readonly inference: ProviderOptions;
  /** Of the loop's thread; 0: none. See `scheduleRealtime`. */
  readonly realtimePriority: number;
  readonly simTime: boolean;
  readonly lockstep: boolean;
  readonly strategyFor: (bundle: PolicyBundle) => StrategySpec;
  readonly emergencyStop: EmergencyStop;
  /** Asked as episodes go on. */
  readonly settings: SessionSettings;
  readonly onNotice: (notice: Notice) => void;
}

export interface SessionSettings {
  readonly speedScale: () => number;
  readonly lateWaitS: () => number;
  /** Empty where nothing is recorded. */
  readonly recordDir: () => string;
  readonly images: () => ImageFormat;
}

/** What the node sees of it. */
export interface Session extends Performer {
  readonly contract: RobotContract;
  readonly bundle: PolicyBundle;
  /** What really runs the policy, and why not what was named before it (clauses). */
  readonly provider: string;
  readonly providerNotes: readonly string[];
  readonly strategy: LiveStrategy;
  /** Looks on at every episode. */
  watch(tap: Tap, wantsHorizon: () => boolean): void;
  status(): RosRobotStatus;
  close(): Promise<void>;
}

/** @throws UserError when something named in `options` is missing, wrong or does not fit */
export async function openSession(options: SessionOptions): Promise<Session> {
  const {
    graph,
    policy: folder,
    inference,
    realtimePriority,
    simTime,
    lockstep,
    strategyFor,
    onNotice,
  } = options;
  const contract = await loadContract(named('contract', options.contract));
  const bundle = await loadBundle(named('policy', folder));
  matchContract(contract, bundle);
  const shape = { length: bundle.action.chunk, width: bundle.joints.length };
  const strategy = new LiveStrategy(strategyFor(bundle), shape);
  const policy = await Policy.load(bundle, inference);
  let normal = async () => {};
  try {
    if (realtimePriority > 0) normal = await scheduleRealtime(realtimePriority);
    const robot = new RosRobot({ graph, contract, simTime, lockstep, onNotice });
    return new RosSession({ options, policy, robot, strategy, normal });
  } catch (error) {
    await normal();
    await policy.close();
    throw error;
  }
}

function named(parameter: string, value: string): string {
  if (value === '')
    throw new UserError(`parameter ${parameter} is not set: \`ros2 param set\` it, or give it at the start`);
  return value;
}

interface Parts {
  readonly options: SessionOptions;
  readonly policy: Policy;
  readonly robot: RosRobot;
  readonly strategy: LiveStrategy;
  /** Has the loop's thread scheduled as it was before the session. */
  readonly normal: () => Promise<void>;
}

class RosSession implements Session {
  readonly contract: RobotContract;
  readonly bundle: PolicyBundle;
  readonly provider: string;
  readonly providerNotes: readonly string[];
  readonly strategy: LiveStrategy;
  readonly maxReward: number;
  readonly #options: SessionOptions;
  readonly #policy: Policy;
  readonly #robot: RosRobot;
  readonly #normal: () => Promise<void>;
  #recorder: Promise<Recorder> | undefined;
  #watcher: { readonly tap: Tap; readonly wantsHorizon: () => boolean } | undefined;

  constructor({ options, policy, robot, strategy, normal }: Parts) {
    this.contract = robot.contract;
    this.bundle = policy.bundle;
    this.provider = policy.provider;
    this.providerNotes = policy.providerNotes;
    this.strategy = strategy;
    this.maxReward = robot.maxReward;
    this.#options = options;
    this.#policy = policy;
    this.#robot = robot;
    this.#normal = normal;
  }

  watch(tap: Tap, wantsHorizon: () => boolean): void {
    this.#watcher = { tap, wantsHorizon };
  }

  status(): RosRobotStatus {
    return this.#robot.status();
  }

  mark(verdict: Verdict): void {
    this.#robot.mark(verdict);
  }

  async begin(request: RunRequest): Promise<Performance> {
    const folder = request.record ? await runFolder(this.#options.settings.recordDir()) : undefined;
    return {
      episode: (options) => this.#episode(request, folder, options),
      end: async (records) => {
        if (!folder) return;
        await written(folder, () =>
          records.length === 0 ? folder.abandon() : this.#keep(folder, request, records),
        );
      },
    };
  }

  async close(): Promise<void> {
    await (await this.#recorder)?.close();
    await this.#robot.close();
    await this.#policy.close();
    await this.#normal();
  }

  async #episode(
    request: RunRequest,
    folder: ResultsFolder | undefined,
    { seed, signal, tap }: EpisodeOptions,
  ): Promise<EpisodeRecord> {
    const recording = folder && (await this.#record(request, folder, seed));
    let record: EpisodeRecord;
    try {
      const { emergencyStop, settings } = this.#options;
      record = await runEpisode({
        robot: this.#robot,
        policy: this.#policy,
        strategy: this.strategy,
        seed,
        timeLimitS: request.timeLimitS,
        emergencyStop,
        speedScale: settings.speedScale,
        lateWaitS: settings.lateWaitS,
        wantsHorizon: () => this.#watcher?.wantsHorizon() ?? false,
        signal,
        tap: all([this.#watcher?.tap, recording, tap]),
      });
    } catch (error) {
      await recording?.finish(); // Of an episode that could not end, what was recorded is kept.
      throw error;
    }
    if (!folder || !recording) return record;
    const report = await recording.finish(record.result);
    this.#complain(report);
    const { wall, ...result } = record.result;
    await written(folder, () => folder.append({ ...result, bag: relative(folder.dir, report.dir), wall }));
    return { ...record, result: { ...result, bag: report.dir, wall } };
  }

  async #record(request: RunRequest, folder: ResultsFolder, seed: number): Promise<EpisodeRecording> {
    this.#recorder ??= Recorder.start();
    return (await this.#recorder).begin({
      dir: join(folder.dir, 'bags', bagName(seed)),
      info: this.#info(request, seed),
      robot: this.#robot,
      joints: this.bundle.joints,
    });
  }

  /** Says what a recording lacks; the episode itself is not touched by it. */
  #complain({ dir, droppedImages, error }: RecordingReport): void {
    const say = (message: string) => this.#options.onNotice({ level: 'warn', source: 'recording', message });
    if (error !== undefined) say(error);
    for (const [camera, images] of Object.entries(droppedImages))
      say(`recording ${dir} lacks ${images} images of ${camera}: the disk could not keep up`);
  }

  #info({ task, timeLimitS }: RunRequest, seed: number): EpisodeInfo {
    const { contract, bundle, strategy, provider } = this;
    return {
      source: 'rollout',
      lockstep: this.#robot.clock.lockstep,
      contract: { file: basename(contract.file), text: contract.text },
      task,
      seed,
      maxReward: this.maxReward,
      policy: {
        name: bundle.name,
        graphSha256: bundle.graph.sha256,
        strategy: strategy.spec,
        provider,
        timeLimitS,
      },
      images: this.#options.settings.images(),
      software: softwareVersions(),
    };
  }

  /** The run as `saccade report` reads it. */
  async #keep(folder: ResultsFolder, request: RunRequest, records: readonly EpisodeRecord[]): Promise<void> {
    const { contract, bundle, provider, strategy, maxReward } = this;
    const kept = records.map(({ result, timings }) => {
      const { wall, ...rest } = result;
      return { result: { ...rest, ...(rest.bag && { bag: relative(folder.dir, rest.bag) }), wall }, timings };
    });
    const summary: RunSummary = {
      ...summarise(kept, { maxReward }),
      run: {
        saccade: version,
        robot: contract.name,
        contract_sha256: createHash('sha256').update(contract.text).digest('hex'),
        policy: bundle.name,
        graph_sha256: bundle.graph.sha256,
        task: request.task,
        strategy: strategy.spec,
        provider,
        control: null,
        speed: this.#options.settings.speedScale(),
        added_latency_ms: 0,
        added_latency_jitter_ms: 0,
        observation_delay_ms: 0,
        seed: request.seed,
        episodes: Math.max(1, request.episodes),
        shard: null,
        time_limit_s: request.timeLimitS,
        max_reward: maxReward,
      },
    };
    await folder.finish(summary.results, summary);
  }
}

/** A new folder in `parent`, named by the time of day. */
async function runFolder(parent: string): Promise<ResultsFolder> {
  if (parent === '') throw new UserError('nothing can be recorded: parameter record_dir is not set');
  try {
    await mkdir(parent, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UserError(`record_dir ${parent} cannot be written (${code}); set it to another folder`, 2, {
      cause,
    });
  }
  // 2026-11-21T08-15-00-123Z: sorts by time, and is a file name everywhere.
  const name = new Date().toISOString().replace(/[:.]/g, '-');
  return ResultsFolder.open(join(parent, name));
}

/** A full disk ends the run, not the node. */
async function written(folder: ResultsFolder, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw new UserError(`the results in ${folder.dir} cannot be written: ${(cause as Error).message}`, 2, {
      cause,
    });
  }
}

/** Several taps as one. */
function all(taps: readonly (Tap | undefined)[]): Tap {
  const present = taps.filter((tap) => tap !== undefined);
  const views = present.find((tap) => tap.views)?.views;
  return {
    ...(views && { views }),
    onTick(tick) {
      for (const tap of present) tap.onTick(tick);
    },
    async settled() {
      for (const tap of present) await tap.settled?.();
    },
  };
}
