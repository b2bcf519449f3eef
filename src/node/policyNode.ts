/**
 * The managed node: what ROS 2 asks of it (transitions, parameters, goals, services) becomes runs of episodes on
 * a session, and what comes of them is published.
 */
import { EmergencyStop } from '../act/safety.js';
import type { StrategySpec } from '../contract/strategy.js';
import type { EpisodeRecord } from '../episode/episode.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from '../infer/bundle.js';
import { encode } from '../messages/cdr.js';
import { nsToStamp } from '../messages/time.js';
import type { Lifecycle } from '../robots/ros2/lifecycle.js';
import type { Goal, ObjectPublication } from '../robots/ros2/managedNode.js';
import type { Publication, TriggerReply } from '../robots/ros2/rosNode.js';
import type { Notice } from '../robots/ros2/source.js';
import { diagnose, LoopMonitor } from './diagnostics.js';
import type { NodeGraph } from './graph.js';
import {
  EPISODE_RESULT,
  EPISODE_STATUS,
  type EpisodeResultMessage,
  type EpisodeStatusMessage,
  RUN_EPISODES,
  type RunEpisodesFeedback,
  type RunEpisodesGoal,
  type RunEpisodesResult,
  refusal,
  resultMessage,
  runMessage,
  statusMessage,
} from './messages.js';
import { Parameters } from './parameters.js';
import { type RunEnd, type RunRequest, type RunStatus, Runs, type Verdict } from './runs.js';
import type { Session, SessionOptions } from './session.js';
import { Views } from './views.js';

const DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray';
/** Status and feedback are published at most so often (ms), changes of state at once. */
const STATUS_MS = 200;
/** Of an episode that goes on until it is stopped (s): nobody waits for a day. */
const UNLIMITED_S = 86_400;

export interface PolicyNodeOptions {
  readonly graph: NodeGraph;
  readonly open: (options: SessionOptions) => Promise<Session>;
}

/** What the node has while it is configured. */
interface Configured {
  readonly session: Session;
  readonly views: Views;
  readonly loop: LoopMonitor;
}

export class PolicyNode {
  /** Resolves when the node has been shut down: it is of no further use. */
  readonly finalized: Promise<void>;
  readonly #graph: NodeGraph;
  readonly #open: PolicyNodeOptions['open'];
  readonly #lifecycle: Lifecycle;
  readonly #parameters: Parameters;
  readonly #emergencyStop = new EmergencyStop();
  readonly #runs: Runs;
  readonly #status: ObjectPublication<EpisodeStatusMessage>;
  readonly #result: ObjectPublication<EpisodeResultMessage>;
  readonly #diagnostics: Publication;
  #configured: Configured | undefined;
  #error: string | undefined;
  /** As which message each episode was published. */
  readonly #published = new WeakMap<EpisodeRecord, EpisodeResultMessage>();
  #diagnosing: NodeJS.Timeout | undefined;
  /** ROS time when diagnostics were published last, ns. */
  #diagnosedAt = -1n;
  #closing = false;
  #finalize: () => void = () => {};

  /** @throws UserError for a parameter's value, or where the package's own interfaces are not installed */
  constructor({ graph, open }: PolicyNodeOptions) {
    this.#graph = graph;
    this.#open = open;
    this.finalized = new Promise((resolve) => {
      this.#finalize = resolve;
    });
    this.#parameters = new Parameters(graph, {
      configured: () => this.#configured !== undefined,
      changeStrategy: (choose) => this.#changeStrategy(choose),
    });
    this.#status = graph.advertiseObjects(EPISODE_STATUS, '~/status', 'latched');
    this.#result = graph.advertiseObjects(EPISODE_RESULT, '~/episode_result', 'latched');
    this.#diagnostics = graph.advertise(DIAGNOSTICS, '/diagnostics', 'reliable');
    const publishStatus = throttled((status) =>
      this.#status.publish(statusMessage(graph.now(), status, this.#emergencyStop.engaged)),
    );
    this.#runs = new Runs({
      emergencyStop: this.#emergencyStop,
      onStatus: publishStatus,
      onEpisode: (record, request) => this.#ended(record, request),
    });
    this.#lifecycle = graph.manage({
      configure: () => this.#configure(),
      activate: async () => this.#activate(),
      deactivate: () => this.#deactivate('the node was deactivated'),
      cleanup: () => this.#cleanUp(),
      shutdown: () => this.#shutDown(),
      error: (cause) => this.#recover(cause),
      refused: ({ message }) => graph.log.warn(sentence(message)),
    });
    this.#offerServices();
    graph.offerAction<RunEpisodesGoal, RunEpisodesResult, RunEpisodesFeedback>(
      RUN_EPISODES,
      '~/run_episodes',
      (goal) => this.#runEpisodes(goal),
    );
    publishStatus(this.#runs.status);
    this.#diagnose();
  }

  /** Configures and activates where `autostart` says so. @throws what keeps it from that */
  async start(): Promise<void> {
    if (!this.#parameters.get('autostart')) return;
    await this.#lifecycle.change('configure');
    if (!this.#closing) await this.#lifecycle.change('activate');
  }

  /** Brings the arm to rest, keeps what is being recorded and frees everything. Safe twice. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#runs.stop('the program was ended');
    await this.#lifecycle.settled();
    if (this.#lifecycle.state !== 'finalized') await this.#lifecycle.change('shutdown').catch(() => {});
    clearTimeout(this.#diagnosing);
  }

  async #configure(): Promise<void> {
    const parameters = this.#parameters;
    this.#error = undefined;
    const session = await this.#open({
      graph: this.#graph,
      contract: parameters.get('contract'),
      policy: parameters.get('policy'),
      inference: {
        provider: parameters.get('provider'),
        deviceId: parameters.get('device_id'),
        threads: parameters.get('threads'),
      },
      realtimePriority: parameters.get('realtime_priority'),
      simTime: parameters.simTime,
      lockstep: parameters.get('lockstep'),
      strategyFor: (bundle) => parameters.strategy(bundle),
      emergencyStop: this.#emergencyStop,
      settings: {
        speedScale: () => parameters.get('speed_scale'),
        lateWaitS: () => parameters.get('late_wait'),
        recordDir: () => parameters.get('record_dir'),
        images: () => parameters.get('images') as 'jpeg' | 'raw',
      },
      onNotice: (notice) => this.#say(notice),
    });
    const { contract, bundle, provider, providerNotes, strategy } = session;
    const views = new Views(this.#graph, contract, bundle);
    const loop = new LoopMonitor();
    session.watch(
      {
        views: views.views,
        onTick(tick) {
          loop.onTick(tick);
          views.onTick(tick);
        },
      },
      () => views.wantsHorizon,
    );
    parameters.adopt(strategy.spec);
    this.#configured = { session, views, loop };
    for (const note of providerNotes) this.#graph.log.info(sentence(note));
    this.#graph.log.info(`${contract.name} with policy ${bundle.name} on ${provider}: configured.`);
  }

  #activate(): void {
    this.#runs.performer = this.#configured?.session;
    this.#graph.log.info(
      `Active: ~/run_episodes or ~/start begins. ${this.#emergencyStop.engaged ? 'The emergency stop is engaged.' : ''}`.trim(),
    );
  }

  async #deactivate(why: string): Promise<void> {
    this.#runs.performer = undefined;
    await this.#runs.stop(why);
  }

  async #cleanUp(): Promise<void> {
    const configured = this.#configured;
    this.#configured = undefined;
    configured?.views.close();
    await configured?.session.close();
  }

  async #shutDown(): Promise<void> {
    try {
      await this.#deactivate('the node was shut down');
      await this.#cleanUp();
    } finally {
      this.#finalize();
    }
  }

  async #recover(cause: Error): Promise<void> {
    this.#error = cause.message;
    this.#graph.log.error(sentence(cause.message));
    if (!(cause instanceof UserError) && cause.stack) this.#graph.log.debug(cause.stack);
    await this.#deactivate('an error occurred');
    await this.#cleanUp();
  }

  #changeStrategy(choose: (bundle: PolicyBundle) => StrategySpec): void {
    const { session } = this.#configured ?? {};
    session?.strategy.change(choose(session.bundle));
  }

  #offerServices(): void {
    const offer = (name: string, onCall: () => Promise<string> | string) =>
      this.#graph.offerTrigger(`~/${name}`, async (): Promise<TriggerReply> => {
        const message = await onCall();
        this.#graph.log.info(message);
        return { success: true, message };
      });
    offer('start', () => this.#start());
    offer('stop', async () => {
      if (!(await this.#runs.stop('~/stop was called'))) throw new UserError('No run is under way.');
      return 'Stopped.';
    });
    offer('mark_success', () => this.#mark('success'));
    offer('mark_failure', () => this.#mark('failure'));
    offer('emergency_stop', () => {
      this.#emergencyStop.press();
      this.#publishStatus();
      return 'The emergency stop is engaged: the arm holds until ~/release_emergency_stop.';
    });
    offer('release_emergency_stop', () => {
      this.#emergencyStop.release();
      this.#publishStatus();
      return 'The emergency stop is released.';
    });
  }

  #start(): string {
    const parameters = this.#parameters;
    const seed = parameters.get('seed');
    const end = this.#runs.begin({
      episodes: 0,
      seed,
      timeLimitS: UNLIMITED_S,
      task: this.#task(''),
      record: parameters.get('record_dir') !== '',
    });
    parameters.set('seed', seed + 1);
    void end.then((ended) => this.#over(ended));
    return `An episode of seed ${seed} begins; ~/stop ends it.`;
  }

  #mark(verdict: Verdict): string {
    this.#runs.mark(verdict);
    return `The episode is marked as a ${verdict}.`;
  }

  async #runEpisodes(
    goal: Goal<RunEpisodesGoal, RunEpisodesResult, RunEpisodesFeedback>,
  ): Promise<RunEpisodesResult> {
    const { count, seed, task, time_limit, record } = goal.request;
    const request: RunRequest = {
      episodes: count,
      seed,
      timeLimitS: time_limit > 0 ? time_limit : this.#parameters.get('time_limit'),
      task: this.#task(task),
      record,
    };
    const problem = this.#runs.obstacle ?? impossible(goal.request, this.#parameters.get('record_dir'));
    if (problem !== undefined) {
      this.#graph.log.warn(`A goal is refused. ${problem}`);
      return goal.abort(refusal(problem));
    }
    const feedback = throttled((status) =>
      goal.feedback({ status: statusMessage(this.#graph.now(), status, this.#emergencyStop.engaged) }),
    );
    const stop = () => void this.#runs.stop('the goal was cancelled');
    goal.cancelled.addEventListener('abort', stop, { once: true });
    const end = await this.#runs.begin(request, feedback);
    const episodes = end.records.flatMap((record) => this.#published.get(record) ?? []);
    await this.#over(end);
    const result = runMessage(end, episodes);
    if (goal.cancelled.aborted) return goal.canceled(result);
    return end.how === 'done' ? goal.succeed(result) : goal.abort(result);
  }

  #task(named: string): string {
    return named || this.#parameters.get('task') || (this.#configured?.session.bundle.task ?? '');
  }

  /** A run is over: says so, and gives up where something is broken. */
  async #over({ how, message, error }: RunEnd): Promise<void> {
    this.#graph.log[how === 'failed' ? 'error' : 'info'](message);
    if (error) await this.#lifecycle.raise(error);
  }

  #ended(record: EpisodeRecord, { task }: RunRequest): void {
    const { result } = record;
    this.#configured?.loop.ended(record);
    const message = resultMessage(this.#graph.now(), task, result);
    this.#published.set(record, message);
    this.#result.publish(message);
    const why = result.reason ? ` (${result.reason})` : '';
    this.#graph.log.info(
      `Seed ${result.seed}: ${result.stop}${why}, return ${result.return} in ${result.steps} steps.`,
    );
  }

  #publishStatus(): void {
    const { engaged } = this.#emergencyStop;
    this.#status.publish(statusMessage(this.#graph.now(), this.#runs.status, engaged));
  }

  #say({ level, message }: Notice): void {
    this.#graph.log[level](sentence(message));
  }

  /** Publishes, and again in a period. */
  #diagnose(): void {
    const { session, loop } = this.#configured ?? {};
    const now = this.#graph.now();
    const status = diagnose(this.#graph.name.slice(1), {
      state: this.#lifecycle.state,
      run: this.#runs.status.state,
      emergencyStop: this.#emergencyStop.engaged,
      error: this.#error,
      ...(session &&
        loop && {
          configured: {
            hardware: session.contract.name,
            rateHz: session.contract.rateHz,
            policy: session.bundle.name,
            provider: session.provider,
            providerNotes: session.providerNotes,
            strategy: session.strategy.spec,
            robot: session.status(),
            clockStands: now === this.#diagnosedAt,
            loop,
          },
        }),
    });
    this.#diagnosedAt = now;
    const header = { stamp: nsToStamp(now), frame_id: '' };
    this.#diagnostics.publish(encode(DIAGNOSTICS, { header, status }));
    const period = 1000 * this.#parameters.get('diagnostics_period');
    this.#diagnosing = setTimeout(() => this.#diagnose(), period).unref();
  }
}

/** Why a goal cannot be one, whatever the node's state. */
function impossible(
  { count, seed, time_limit, record }: RunEpisodesGoal,
  recordDir: string,
): string | undefined {
  if (count < 1) return 'count is 0: a run has at least one episode.';
  if (seed < 0) return `seed is ${seed}: seeds begin at 0.`;
  if (!(time_limit >= 0) || time_limit > UNLIMITED_S)
    return `time_limit is ${time_limit}: it must be from 0 (the node's own) to ${UNLIMITED_S} s.`;
  if (record && recordDir === '')
    return 'Nothing can be recorded: the parameter record_dir of the node is not set.';
  return undefined;
}

/** Passes on changes of state or episode at once, and everything else every `STATUS_MS`. */
function throttled(publish: (status: RunStatus) => void): (status: RunStatus) => void {
  let last: RunStatus | undefined;
  let at = 0;
  return (status) => {
    const now = performance.now();
    if (last && status.state === last.state && status.episode === last.episode && now - at < STATUS_MS)
      return;
    last = status;
    at = now;
    publish(status);
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
