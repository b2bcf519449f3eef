/** ROS time as the loop's clock: the machine's, or what `/clock` says (`use_sim_time`). */
import { nsToSeconds } from '../../messages/time.js';
import { soon } from '../../sleep.js';
import { type Clock, EpisodeAborted } from '../robot.js';
import type { RosNode, Subscription } from './rosNode.js';
import { readStamp } from './stamp.js';

export const CLOCK_TOPIC = '/clock';
/** A step back smaller than this (s) is a clock being disciplined, not set. */
const SET_BACK_S = 0.001;
/** Simulated time that stands still for longer (s of wall time) while it is waited for is not going to move. */
const STANDSTILL_S = 2;
/** How often (ms) a wait looks whether time still moves. */
const LOOK_MS = 100;

export class RosClock implements Clock {
  readonly lockstep = false;
  readonly #graph: Pick<RosNode, 'now' | 'listen'>;
  readonly #subscription: Subscription | undefined;
  /** ns; what `/clock` said last. */
  #simulated = 0n;
  /** `performance.now()` of that, and of when it said something new, ms. A simulator that is paused goes on saying the same. */
  #heardAt: number | undefined;
  #movedAt = Number.NEGATIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;
  #setBack: string | undefined;
  readonly #sleepers = new Set<() => void>();
  #closed = false;

  constructor(graph: Pick<RosNode, 'now' | 'listen'>, { simTime }: { readonly simTime: boolean }) {
    this.#graph = graph;
    // Best effort: whoever publishes a clock is heard, reliable or not.
    this.#subscription = simTime
      ? graph.listen('rosgraph_msgs/msg/Clock', CLOCK_TOPIC, 'sensor_data', (cdr) => this.#tick(cdr))
      : undefined;
  }

  /** True once there is a time at all: under simulated time, once `/clock` has said something. */
  get running(): boolean {
    return !this.#subscription || this.#heardAt !== undefined;
  }

  get now(): number {
    const now = nsToSeconds(this.#subscription ? this.#simulated : this.#graph.now());
    if (now < this.#latest - SET_BACK_S) {
      this.#setBack ??= `the clock was set back by ${(this.#latest - now).toFixed(3)} s`;
      this.#latest = now;
    } else {
      this.#latest = Math.max(this.#latest, now);
    }
    return now;
  }

  /** For how long (s of wall time) simulated time has stood still; 0 on the machine's time. */
  get stillS(): number {
    return this.#subscription ? (performance.now() - this.#movedAt) / 1000 : 0;
  }

  /** An episode begins: what happened to the clock before is forgotten. */
  begin(): void {
    void this.now;
    this.#setBack = undefined;
  }

  /**
   * @param patienceS of wall time that simulated time may stand still for
   * @throws EpisodeAborted when the clock was set back since `begin`, or simulated time does not move
   */
  async sleepUntil(time: number, patienceS = STANDSTILL_S): Promise<void> {
    const since = performance.now();
    for (;;) {
      const left = time - this.now;
      if (this.#closed) throw new EpisodeAborted('the robot was closed');
      if (this.#setBack !== undefined) {
        const reason = this.#setBack;
        this.#setBack = undefined;
        throw new EpisodeAborted(reason);
      }
      if (left <= 0) return;
      if (!this.#subscription) {
        await this.#nap(Math.min(1000 * left, LOOK_MS), soon);
        continue;
      }
      const stillS = Math.min(this.stillS, (performance.now() - since) / 1000);
      if (stillS >= patienceS) throw new EpisodeAborted(this.#standstill(stillS), true);
      await this.#nap(LOOK_MS, later);
    }
  }

  close(): void {
    this.#closed = true;
    this.#subscription?.close();
    this.#awaken();
  }

  #tick(cdr: Uint8Array): void {
    // The message is a builtin_interfaces/Time and nothing else; at the very start it is 0.
    const time = readStamp(cdr) ?? 0n;
    const at = performance.now();
    if (this.#heardAt === undefined || time !== this.#simulated) this.#movedAt = at;
    this.#simulated = time;
    this.#heardAt = at;
    void this.now;
    this.#awaken();
  }

  #standstill(stillS: number): string {
    const heard = this.#heardAt !== undefined && performance.now() - this.#heardAt < 1000;
    const said = heard ? 'the same time' : 'nothing';
    return `${said} has come on ${CLOCK_TOPIC} for ${stillS.toFixed(1)} s`;
  }

  /** Until `ms` of wall time have passed as `timer` has it, or `/clock` says something. */
  #nap(ms: number, timer: typeof soon): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        callOff();
        this.#sleepers.delete(wake);
        resolve();
      };
      const callOff = timer(ms, wake);
      this.#sleepers.add(wake);
    });
  }

  #awaken(): void {
    for (const wake of this.#sleepers) wake();
  }
}

function later(ms: number, wake: () => void): () => void {
  const timer = setTimeout(wake, ms);
  return () => clearTimeout(timer);
}
