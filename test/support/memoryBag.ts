/** An `EpisodeBag` in memory, and a tap that makes one of an episode of a `FakeRobot`. Times go through nanoseconds, as in a file. */
import type { RobotContract } from '../../src/contract/contract.js';
import type { EpisodeResult } from '../../src/episode/episode.js';
import { encode } from '../../src/messages/cdr.js';
import { nsToSeconds, secondsToNs, toStamp } from '../../src/messages/time.js';
import type { EpisodeBag, EpisodeEvent, EpisodeInfo } from '../../src/record/episode.js';
import type { Frame, Robot } from '../../src/robots/robot.js';
import type { Tap, Tick } from '../../src/tap.js';

export type MemoryBagParts = Partial<Pick<EpisodeBag, 'info' | 'start' | 'result' | 'damage'>>;

export class MemoryBag implements EpisodeBag {
  readonly path = '/fake/bags/episode_000002';
  readonly info: EpisodeInfo | undefined;
  readonly start: number | undefined;
  readonly result: EpisodeResult | undefined;
  readonly damage: string | undefined;
  closed = false;
  /** Iterations under way; a file has one at a time. */
  open = 0;
  /** Events given away so far, and the kinds that were asked for. */
  given = 0;
  readonly asked: (readonly string[])[] = [];

  constructor(
    readonly contract: RobotContract,
    readonly all: readonly EpisodeEvent[],
    { info, start, result, damage }: MemoryBagParts = {},
  ) {
    this.info = info;
    this.start = start;
    this.result = result;
    this.damage = damage;
  }

  async *events(kinds?: ReadonlySet<EpisodeEvent['kind']>): AsyncGenerator<EpisodeEvent> {
    if (this.closed) throw new Error('the bag is closed');
    if (this.open > 0) throw new Error('the bag is being read already');
    this.asked.push([...(kinds ?? [])]);
    this.open++;
    try {
      for (const event of this.all) {
        if (kinds && !kinds.has(event.kind)) continue;
        this.given++;
        yield event;
      }
    } finally {
      this.open--;
    }
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

export function fakeInfo(contract: RobotContract, more: Partial<EpisodeInfo> = {}): EpisodeInfo {
  return {
    source: 'rollout',
    lockstep: true,
    contract: { file: 'robot.yaml', text: contract.text },
    seed: 2,
    maxReward: 4,
    images: 'raw',
    software: {},
    ...more,
  };
}

const stored = (seconds: number) => nsToSeconds(secondsToNs(seconds));

/** A frame as the recorder writes it. */
export function frameEvent({ camera, time, width, height, data }: Frame, at: number): EpisodeEvent {
  const header = { stamp: toStamp(time), frame_id: camera };
  const image = { header, height, width, encoding: 'rgb8', is_bigendian: 0, step: 3 * width, data };
  const type = 'sensor_msgs/msg/Image';
  return {
    kind: 'frame',
    at: stored(at),
    time: stored(time),
    camera,
    image: { type, data: encode(type, image) },
  };
}

/** Records what a robot sends and what the loop does, from its making to `bag`. */
export class MemoryRecording implements Tap {
  readonly events: EpisodeEvent[] = [];
  #start: number | undefined;

  /** @param joints of the policy, in bundle order */
  constructor(
    private readonly robot: Robot,
    private readonly joints: readonly string[],
  ) {
    const now = () => stored(robot.clock.now);
    robot.frames.subscribe((frame) => this.events.push(frameEvent(frame, robot.clock.now)));
    robot.joints.subscribe(({ time, positions }) =>
      this.events.push({ kind: 'joints', at: now(), time: stored(time), positions: positions.slice() }),
    );
    robot.outcomes.subscribe(({ reward }) => this.events.push({ kind: 'reward', at: now(), reward }));
  }

  onTick({ time, action, command, between, inference, latencyMs }: Tick): void {
    this.#start ??= stored(time);
    const at = stored(time);
    if (inference) this.events.push({ kind: 'chunk', at, chunk: inference.chunk, joints: this.joints });
    if (latencyMs !== undefined) this.events.push({ kind: 'latency', at, ms: latencyMs });
    if (action) this.events.push({ kind: 'action', at, time: at, positions: this.#toContract(action) });
    for (const { time, positions } of [command, ...between])
      this.events.push({ kind: 'command', at: stored(time), time: stored(time), positions });
  }

  bag(parts: MemoryBagParts = {}): MemoryBag {
    const { contract } = this.robot;
    const events = [...this.events].sort((a, b) => a.at - b.at);
    return new MemoryBag(contract, events, {
      info: fakeInfo(contract),
      ...(this.#start === undefined ? {} : { start: this.#start }),
      ...parts,
    });
  }

  #toContract(action: Float32Array): Float32Array {
    return Float32Array.from(
      this.robot.contract.joints,
      ({ name }) => action[this.joints.indexOf(name)] as number,
    );
  }
}
