import { beforeEach, describe, expect, it } from 'vitest';
import { noInterventions } from '../act/interventions.js';
import { EmergencyStop } from '../act/safety.js';
import type { EpisodeRecord, StopReason } from '../episode/episode.js';
import { UserError } from '../errors.js';
import type { Tick } from '../tap.js';
import {
  type EpisodeOptions,
  type Performance,
  type Performer,
  type RunEnd,
  type RunRequest,
  type RunStatus,
  Runs,
  type Verdict,
} from './runs.js';

const REQUEST: RunRequest = { episodes: 2, seed: 5, timeLimitS: 10, task: 'stack', record: false };

function record(seed: number, stop: StopReason, steps = 3): EpisodeRecord {
  const none = new Float32Array();
  return {
    result: {
      seed,
      success: stop === 'success',
      return: 2 * steps,
      highest_reward: 2,
      steps,
      duration_s: 1,
      stop,
      safety: noInterventions(),
      max_camera_skew_s: 0,
      wall: {
        seconds: 1,
        latency_ms: null,
        run_ms: null,
        overhead_ms: null,
        reaction_ms: null,
        missed_ticks: 0,
        missed_commands: 0,
        dropped_observations: 0,
        spent_chunks: 0,
      },
    },
    timings: { latencyMs: none, runMs: none, overheadMs: none },
  };
}

const tick = (index: number, reward = 2): Tick => ({
  index,
  time: 100 + index / 10,
  command: { time: 0, positions: new Float32Array() },
  between: [],
  missedCommands: 0,
  spentChunks: 0,
  interventions: [],
  reward,
});

/** Episodes end when the test says so, or the run is stopped. */
class FakePerformer implements Performer {
  readonly maxReward = 4;
  readonly verdicts: Verdict[] = [];
  readonly began: EpisodeOptions[] = [];
  readonly kept: number[] = [];
  refusal: Error | undefined;
  broken: Error | undefined;
  #end: (record: EpisodeRecord) => void = () => {};
  #fail: (error: Error) => void = () => {};

  async begin(): Promise<Performance> {
    if (this.refusal) throw this.refusal;
    return {
      episode: (options) => {
        this.began.push(options);
        return new Promise((resolve, reject) => {
          this.#end = resolve;
          this.#fail = reject;
          options.signal.addEventListener('abort', () => resolve(record(options.seed, 'interrupted')));
        });
      },
      end: async (records) => {
        this.kept.push(records.length);
        if (this.broken) throw this.broken;
      },
    };
  }

  mark(verdict: Verdict): void {
    this.verdicts.push(verdict);
  }

  get now(): EpisodeOptions {
    return this.began.at(-1) as EpisodeOptions;
  }

  async end(stop: StopReason): Promise<void> {
    this.#end(record(this.now.seed, stop));
    await settled();
  }

  async fail(error: Error): Promise<void> {
    this.#fail(error);
    await settled();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

let performer: FakePerformer;
let emergencyStop: EmergencyStop;
let statuses: RunStatus[];
let results: EpisodeRecord[];
let runs: Runs;

beforeEach(() => {
  performer = new FakePerformer();
  emergencyStop = new EmergencyStop();
  [statuses, results] = [[], []];
  runs = new Runs({
    emergencyStop,
    onStatus: (status) => statuses.push(status),
    onEpisode: (record) => results.push(record),
  });
  runs.performer = performer;
});

async function begin(request: Partial<RunRequest> = {}): Promise<{ end: Promise<RunEnd> }> {
  const end = runs.begin({ ...REQUEST, ...request });
  await settled();
  return { end };
}

describe('Runs', () => {
  it('runs episode after episode from consecutive seeds and sums them up', async () => {
    const { end } = await begin();
    expect(performer.now.seed).toBe(5);
    await performer.end('success');
    expect(performer.now.seed).toBe(6);
    await performer.end('timeout');
    expect(await end).toMatchObject({
      how: 'done',
      message: '2 episodes: success rate 50.0 % (1 of 2; 95 % interval 9.5–90.5 %), average return 6.0.',
    });
    expect(results.map(({ result }) => [result.seed, result.stop])).toEqual([
      [5, 'success'],
      [6, 'timeout'],
    ]);
    expect(performer.kept).toEqual([2]);
    expect(runs.status.state).toBe('idle');
    expect(runs.obstacle).toBeUndefined();
  });

  it('says at every tick where it stands', async () => {
    const { end } = await begin();
    expect(runs.status).toMatchObject({ state: 'resetting', episode: 1, episodes: 2, seed: 5, steps: 0 });
    performer.now.tap.onTick(tick(0));
    performer.now.tap.onTick(tick(1));
    performer.now.tap.onTick(tick(4, 3));
    expect(runs.status).toMatchObject({ state: 'running', steps: 3, reward: 3, return: 7 });
    expect(runs.status.time).toBeCloseTo(0.4);
    await performer.end('success');
    expect(runs.status).toMatchObject({ state: 'resetting', episode: 2, seed: 6, successes: 1, return: 0 });
    await performer.end('success');
    await end;
    expect(statuses.at(-2)?.state).toBe('ending');
    expect(statuses.at(-1)).toMatchObject({ state: 'idle', episode: 0 });
  });

  it('runs one episode when asked for none in particular', async () => {
    const { end } = await begin({ episodes: 0 });
    await performer.end('failure');
    expect((await end).records).toHaveLength(1);
  });

  it('is stopped by whoever wants it, and waits until it has', async () => {
    const { end } = await begin();
    performer.now.tap.onTick(tick(0));
    expect(await runs.stop('lunch')).toBe(true);
    expect(await end).toMatchObject({ how: 'stopped', message: 'Stopped: lunch. No episode was finished.' });
    expect(results.map(({ result }) => result.stop)).toEqual(['interrupted']);
    expect(await runs.stop('again')).toBe(false);
  });

  it('refuses what it cannot do now, and says what is in the way', async () => {
    runs.performer = undefined;
    expect(() => runs.begin(REQUEST)).toThrow('not active');
    runs.performer = performer;
    emergencyStop.press();
    expect(() => runs.begin(REQUEST)).toThrow('emergency stop');
    emergencyStop.release();
    const { end } = await begin();
    expect(() => runs.begin(REQUEST)).toThrow('under way');
    await runs.stop('');
    await end;
  });

  it('has episodes judged by hand only while they run', async () => {
    expect(() => runs.mark('success')).toThrow(UserError);
    const { end } = await begin({ episodes: 2 });
    expect(() => runs.mark('success')).toThrow('No episode is running');
    performer.now.tap.onTick(tick(0));
    runs.mark('success');
    expect(performer.verdicts).toEqual(['success']);
    await performer.end('success');
    await performer.end('success');
    const { records } = await end;
    expect(records.map(({ result }) => result.reason)).toEqual(['marked as a success by hand', undefined]);
  });

  it('ends when the robot cannot go on, with what was done until then', async () => {
    const { end } = await begin({ episodes: 3 });
    await performer.end('success');
    await performer.fail(new UserError('the robot was not reset'));
    const { how, message, records, error } = await end;
    expect(how).toBe('failed');
    expect(message).toMatch(/^The robot was not reset\. 1 episode: success rate 100\.0 %/);
    expect(records).toHaveLength(1);
    expect(performer.kept).toEqual([1]);
    expect(error).toBeUndefined();
    expect(runs.obstacle).toBeUndefined();
  });

  it('hands on what is broken', async () => {
    const { end } = await begin();
    const error = new Error('segmentation fault');
    await performer.fail(error);
    expect(await end).toMatchObject({ how: 'failed', error });
  });

  it('fails where it cannot even begin, or what it leaves cannot be kept', async () => {
    performer.refusal = new UserError('record_dir cannot be written');
    expect(await runs.begin(REQUEST)).toMatchObject({ how: 'failed', records: [] });
    performer.refusal = undefined;
    performer.broken = new UserError('the disk is full');
    const { end } = await begin({ episodes: 1 });
    await performer.end('success');
    expect(await end).toMatchObject({ how: 'failed', message: expect.stringMatching(/^The disk is full\./) });
  });
});
