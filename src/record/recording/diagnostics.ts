/** `/diagnostics` of a running episode, once a second of the robot's time. */
import type { DiagnosticArray } from '../../messages/types.js';
import type { Tick } from '../../tap.js';

type Status = DiagnosticArray['status'];

const PERIOD_S = 1;
const OK = 0;
const WARN = 1;

export interface RecordingState {
  /** By camera. */
  readonly droppedImages: Readonly<Record<string, number>>;
  /** Bytes of images on their way to the bag. */
  readonly backlog: number;
}

export class Diagnostics {
  readonly #hardware: string;
  readonly #rateHz: number;
  readonly #policy: string;
  #since: number | undefined;
  #ticks = 0;
  #interventions = 0;
  #latencyMs: number | undefined;

  /** @param policy what infers, in words */
  constructor(hardware: string, rateHz: number, policy: string) {
    this.#hardware = hardware;
    this.#rateHz = rateHz;
    this.#policy = policy;
  }

  /** What to report after this tick; undefined until the next report is due. */
  onTick(tick: Tick, recording: RecordingState): Status | undefined {
    if (tick.interventions.length > 0) this.#interventions++;
    this.#latencyMs = tick.latencyMs ?? this.#latencyMs;
    if (this.#since === undefined) {
      this.#since = tick.time;
      return undefined;
    }
    this.#ticks++;
    const seconds = tick.time - this.#since;
    if (seconds < PERIOD_S - 1e-6) return undefined;
    const status = [this.#loop(this.#ticks / seconds), this.#recording(recording)];
    this.#since = tick.time;
    this.#ticks = 0;
    return status;
  }

  #loop(rateHz: number): Status[number] {
    const slow = rateHz < this.#rateHz * 0.95;
    return this.#status('loop', slow ? 'control ticks are missing' : undefined, {
      tick_rate_hz: rateHz.toFixed(2),
      latency_ms: this.#latencyMs?.toFixed(1) ?? '',
      interventions: String(this.#interventions),
      policy: this.#policy,
    });
  }

  #recording({ droppedImages, backlog }: RecordingState): Status[number] {
    const dropped = Object.entries(droppedImages).map(([camera, count]) => [
      `dropped_${camera}`,
      String(count),
    ]);
    return this.#status(
      'recording',
      dropped.length > 0 ? 'the disk cannot keep up: images dropped' : undefined,
      {
        backlog_bytes: String(backlog),
        ...Object.fromEntries(dropped),
      },
    );
  }

  #status(
    name: string,
    trouble: string | undefined,
    values: Readonly<Record<string, string>>,
  ): Status[number] {
    return {
      level: trouble ? WARN : OK,
      name: `saccade: ${name}`,
      message: trouble ?? 'ok',
      hardware_id: this.#hardware,
      values: Object.entries(values).map(([key, value]) => ({ key, value })),
    };
  }
}
