/**
 * Runs of episodes, one at a time: who may begin one, what ends it, and where it stands. Knows neither ROS nor
 * what an episode is made of.
 */
import type { EmergencyStop } from '../act/safety.js';
import type { EpisodeRecord } from '../episode/episode.js';
import { summarise } from '../episode/statistics.js';
import { UserError } from '../errors.js';
import type { Tap, Tick } from '../tap.js';

export interface RunRequest {
  /** 0: one, however long it takes, until it succeeds, fails or is stopped. */
  readonly episodes: number;
  /** Of the first; each further episode has the next. */
  readonly seed: number;
  /** s on the robot's clock, an episode. */
  readonly timeLimitS: number;
  readonly task: string;
  /** Record it. */
  readonly record: boolean;
}

export interface EpisodeOptions {
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly tap: Tap;
}

/** A run being performed. */
export interface Performance {
  /** @throws UserError when the robot cannot go on; Error when something is broken */
  episode(options: EpisodeOptions): Promise<EpisodeRecord>;
  /** Puts away what the run leaves behind. */
  end(records: readonly EpisodeRecord[]): Promise<void>;
}

/** An active robot with its policy. */
export interface Performer {
  readonly maxReward: number;
  /** @throws UserError when the run cannot be begun */
  begin(request: RunRequest): Promise<Performance>;
  /** Somebody who watches says how the attempt went. */
  mark(verdict: Verdict): void;
}

export type Verdict = 'success' | 'failure';

export type RunState = 'idle' | 'resetting' | 'running' | 'ending';

export interface RunStatus {
  readonly state: RunState;
  /** 1, 2, …; 0 while idle. */
  readonly episode: number;
  readonly episodes: number;
  readonly seed: number;
  /** s since the episode's first tick. */
  readonly time: number;
  readonly steps: number;
  readonly reward: number;
  readonly return: number;
  readonly successes: number;
}

const IDLE: RunStatus = {
  state: 'idle',
  episode: 0,
  episodes: 0,
  seed: 0,
  time: 0,
  steps: 0,
  reward: 0,
  return: 0,
  successes: 0,
};

export interface RunEnd {
  /** `stopped`: somebody stopped it; `failed`: the robot could not go on. */
  readonly how: 'done' | 'stopped' | 'failed';
  readonly records: readonly EpisodeRecord[];
  /** One sentence. */
  readonly message: string;
  /** What broke; a mistake of the user's breaks nothing. */
  readonly error?: Error;
}

export interface RunsOptions {
  readonly emergencyStop: EmergencyStop;
  readonly onStatus: (status: RunStatus) => void;
  readonly onEpisode: (record: EpisodeRecord, request: RunRequest) => void;
}

interface Run {
  readonly request: RunRequest;
  readonly stop: AbortController;
  /** Why it was stopped. */
  why: string;
  marked: Verdict | undefined;
  over: Promise<unknown>;
}

export class Runs {
  /** Who performs; absent while the node is not active. */
  performer: Performer | undefined;
  readonly #options: RunsOptions;
  #run: Run | undefined;
  #status = IDLE;

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  get status(): RunStatus {
    return this.#status;
  }

  /** Why no run can be begun now, in one sentence. */
  get obstacle(): string | undefined {
    if (!this.performer) return 'The node is not active: `ros2 lifecycle set` it to active first.';
    if (this.#run) return 'A run is under way: stop it (~/stop), or wait for its end.';
    if (this.#options.emergencyStop.engaged)
      return 'The emergency stop is engaged: release it (~/release_emergency_stop) first.';
    return undefined;
  }

  /**
   * Begins a run; see `obstacle`.
   * @param onStatus is told, beside `RunsOptions.onStatus`, where it stands
   * @returns its end; never rejects
   * @throws UserError while there is an obstacle
   */
  begin(request: RunRequest, onStatus: (status: RunStatus) => void = () => {}): Promise<RunEnd> {
    const { obstacle, performer } = this;
    if (obstacle !== undefined || !performer) throw new UserError(obstacle ?? '');
    const stop = new AbortController();
    const run: Run = { request, stop, why: '', marked: undefined, over: Promise.resolve() };
    this.#run = run;
    const end = this.#perform(run, performer, (status) => {
      this.#status = status;
      this.#options.onStatus(status);
      onStatus(status);
    }).finally(() => {
      this.#run = undefined;
      this.#status = IDLE;
      this.#options.onStatus(IDLE);
    });
    run.over = end;
    return end;
  }

  /**
   * Stops the run under way, if any; its episode ends as `interrupted`. Resolves when the arm has come to rest
   * and what was recorded is on the disk.
   * @param why completes "stopped: …"
   * @returns whether there was one
   */
  async stop(why: string): Promise<boolean> {
    const run = this.#run;
    if (!run) return false;
    if (!run.stop.signal.aborted) {
      run.why = why;
      run.stop.abort();
    }
    await run.over;
    return true;
  }

  /** @throws UserError when there is no episode to judge */
  mark(verdict: Verdict): void {
    if (!this.#run || this.#status.state !== 'running') throw new UserError('No episode is running.');
    this.#run.marked = verdict;
    this.performer?.mark(verdict);
  }

  async #perform(run: Run, performer: Performer, report: (status: RunStatus) => void): Promise<RunEnd> {
    const { request, stop } = run;
    const { signal } = stop;
    const records: EpisodeRecord[] = [];
    const progress = new Progress(request, report);
    let performance: Performance | undefined;
    let failure: unknown;
    try {
      performance = await performer.begin(request);
      do {
        run.marked = undefined;
        const seed = request.seed + records.length;
        progress.reset(seed, records);
        const ending = () => progress.ending();
        signal.addEventListener('abort', ending);
        const record = withMark(
          await performance.episode({
            seed,
            signal,
            tap: { onTick: (tick) => progress.onTick(tick, signal) },
          }),
          run.marked,
        );
        signal.removeEventListener('abort', ending);
        records.push(record);
        this.#options.onEpisode(record, request);
      } while (records.length < request.episodes && !signal.aborted);
    } catch (error) {
      failure = error;
    }
    try {
      progress.ending();
      await performance?.end(records);
    } catch (error) {
      failure ??= error;
    }
    return this.#end(run, records, failure, performer.maxReward);
  }

  #end(run: Run, records: readonly EpisodeRecord[], failure: unknown, maxReward: number): RunEnd {
    const done = inWords(records, maxReward);
    if (failure !== undefined) {
      const error = failure instanceof Error ? failure : new Error(String(failure));
      const message = `${capital(error.message)}${error.message.endsWith('.') ? '' : '.'} ${done}`;
      return { how: 'failed', records, message, ...(!(error instanceof UserError) && { error }) };
    }
    if (!run.stop.signal.aborted) return { how: 'done', records, message: done };
    return { how: 'stopped', records, message: `Stopped: ${run.why}. ${done}` };
  }
}

/** What `RunStatus` says while a run goes on. */
class Progress {
  readonly #report: (status: RunStatus) => void;
  #status: RunStatus;
  #start: number | undefined;

  constructor({ episodes, seed }: RunRequest, report: (status: RunStatus) => void) {
    this.#report = report;
    this.#status = { ...IDLE, episodes, seed };
  }

  reset(seed: number, records: readonly EpisodeRecord[]): void {
    const successes = records.filter(({ result }) => result.success).length;
    const { episodes } = this.#status;
    this.#start = undefined;
    this.#tell({ ...IDLE, state: 'resetting', episode: records.length + 1, episodes, seed, successes });
  }

  onTick({ time, reward }: Tick, signal: AbortSignal): void {
    this.#start ??= time;
    const { steps } = this.#status;
    this.#tell({
      ...this.#status,
      state: signal.aborted ? 'ending' : 'running',
      time: time - this.#start,
      steps: steps + 1,
      reward,
      return: this.#status.return + reward,
    });
  }

  ending(): void {
    this.#tell({ ...this.#status, state: 'ending' });
  }

  #tell(status: RunStatus): void {
    this.#status = status;
    this.#report(status);
  }
}

function withMark({ result, timings }: EpisodeRecord, marked: Verdict | undefined): EpisodeRecord {
  if (marked !== 'success' || result.stop !== 'success') return { result, timings };
  const { wall, ...rest } = result;
  return { result: { ...rest, reason: 'marked as a success by hand', wall }, timings };
}

/** `5 episodes: success rate 80.0 % (4 of 5; 95 % interval 37.6–96.4 %), average return 61.2.` */
function inWords(records: readonly EpisodeRecord[], maxReward: number): string {
  const { episodes, success_rate, success_ci95, average_return, results } = summarise(records, { maxReward });
  if (success_rate === null || average_return === null) return 'No episode was finished.';
  const percent = (share: number) => (100 * share).toFixed(1);
  const [low, high] = success_ci95.map(percent);
  const successes = results.filter(({ success }) => success).length;
  return `${episodes} ${episodes === 1 ? 'episode' : 'episodes'}: success rate ${percent(success_rate)} % (${successes} of ${episodes}; 95 % interval ${low}–${high} %), average return ${average_return.toFixed(1)}.`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
