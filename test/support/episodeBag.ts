/** A recording in memory: what `openEpisode` would give of an episode of the fake robot. */
import type { EpisodeResult } from '../../src/episode/episode.js';
import type { EpisodeBag, EpisodeEvent } from '../../src/record/episode.js';
import { FAKE_CONTRACT, fakeImage } from './fakeRobot.js';

export interface FakeBagOptions {
  readonly contract?: EpisodeBag['contract'];
  /** Reward after tick `n`. */
  readonly reward?: (tick: number) => number;
  /** Time of the first tick on the robot's clock, s. */
  readonly start?: number;
  readonly damage?: string;
  /** Events on top, in the order of `at`. */
  readonly more?: readonly EpisodeEvent[];
}

/** `raw` images whose `data` are the pixels themselves; decode them with `fakeDecode`. */
export function fakeEpisodeBag(result: EpisodeResult, options: FakeBagOptions = {}): EpisodeBag {
  const { contract = FAKE_CONTRACT, reward = () => 0, start = 0, damage, more = [] } = options;
  return {
    path: `/fake/episode_${result.seed}`,
    info: undefined,
    contract,
    result,
    damage,
    start,
    async *events(kinds) {
      const all = [...ticks(), ...more].sort((a, b) => a.at - b.at);
      for (const event of all) if (!kinds || kinds.has(event.kind)) yield event;
    },
    async close() {},
  };

  function* ticks(): Generator<EpisodeEvent> {
    const period = 1 / contract.rateHz;
    for (let n = 0; n < result.steps; n++) {
      const at = start + n * period;
      const positions = Float32Array.from(
        contract.joints,
        ({ min, max }, j) => min + (max - min) * (0.5 + 0.4 * Math.sin(0.05 * n * (j + 1) + result.seed)),
      );
      for (const { name, width, height } of contract.cameras) {
        const data = fakeImage(width, height, positions, name.length);
        yield { kind: 'frame', at, time: at, camera: name, image: { type: 'sensor_msgs/msg/Image', data } };
      }
      yield { kind: 'joints', at, time: at, positions };
      yield { kind: 'command', at, time: at, positions: positions.map((value) => value + 0.01) };
      yield { kind: 'latency', at, ms: 8 + 3 * Math.abs(Math.sin(12.9898 * (n + result.seed))) ** 4 };
      if (n < 2) yield { kind: 'interventions', at, kinds: ['ramp_in'] };
      // What comes of a tick is known just before the next.
      yield { kind: 'reward', at: at + period, reward: reward(n) };
    }
  }
}

/** For images of the cameras of `contract`, told apart by their sizes. */
export function fakeDecode(contract = FAKE_CONTRACT) {
  return async ({ data }: { readonly data: Uint8Array }) => {
    const camera = contract.cameras.find(({ width, height }) => 3 * width * height === data.length);
    if (!camera) throw new Error(`no camera has images of ${data.length} bytes`);
    return { width: camera.width, height: camera.height, data };
  };
}
