/**
 * The embedded simulator as a robot on ROS 2, a process of its own: cameras, joint states, reward and `/clock`
 * out, commands and seeded resets in. It knows nothing of policies, nor they of it.
 *
 * A control period's sensors are published before the `/clock` that says it is over: who acts on that tick has
 * them, as in process. Time goes on through resets and never back.
 */
import { nsToSeconds, nsToStamp } from '../messages/time.js';
import type { SimWorld } from '../robots/sim/simWorld.js';
import { Controllers } from './controllers.js';
import type { Graph } from './graph.js';
import { Sensors } from './sensors.js';

/** Joint states and `/clock` are published at most so often (Hz, simulated). */
const MAX_SENSE_HZ = 100;
/** 0 would mean "not set" to whoever reads ROS time. */
const START_NS = 1_000_000_000n;

export interface SimPeerOptions {
  readonly world: SimWorld;
  readonly graph: Graph;
  /** Of the scene that is there before the first reset. */
  readonly seed: number;
  readonly warn: (sentence: string) => void;
}

interface ResetReply {
  readonly success: boolean;
  readonly message: string;
}

export class SimPeer {
  readonly #world: SimWorld;
  readonly #controllers: Controllers;
  readonly #sensors: Sensors;
  /** The servos' targets at one physics step. */
  readonly #targets: Float64Array;
  readonly #timestepNs: bigint;
  /** Physics steps from one publication of joint states and `/clock` to the next. */
  readonly #stepsPerSense: number;
  /** ROS time of the last reset, and the physics steps since: time is counted, so that it does not drift. */
  #resetNs = START_NS;
  #steps = 0;

  constructor({ world, graph, seed, warn }: SimPeerOptions) {
    const { contract } = world;
    const home = world.reset(seed);
    this.#world = world;
    this.#timestepNs = BigInt(Math.round(world.scene.model.opt.timestep * 1e9));
    this.#stepsPerSense = stepsPerSense(world.stepsPerTick, contract.rateHz);
    this.#targets = Float64Array.from(home);
    this.#controllers = new Controllers({ graph, contract, home, now: () => this.now, warn });
    this.#sensors = new Sensors(graph, world);
    const service = contract.reset?.service ?? '~/reset';
    graph.offerService<{ seed: number }, ResetReply>('saccade/srv/ResetEpisode', service, async (request) =>
      this.#reset(request.seed),
    );
    this.#publish();
  }

  /** ROS time, ns. */
  get now(): bigint {
    return this.#resetNs + BigInt(this.#steps) * this.#timestepNs;
  }

  /** Simulates up to the next joint states and publishes what is seen then. @returns the time simulated, s */
  advance(): number {
    for (let i = 0; i < this.#stepsPerSense; i++) {
      this.#steps++;
      this.#controllers.aim(Number(this.now), this.#targets);
      this.#world.step(this.#targets);
    }
    this.#publish();
    return nsToSeconds(BigInt(this.#stepsPerSense) * this.#timestepNs);
  }

  #reset(seed: number): ResetReply {
    if (seed < 0) return { success: false, message: `A seed is 0 to ${2 ** 31 - 1}, not ${seed}.` };
    // A moment later than what was published last: no two samples have one stamp.
    this.#resetNs = this.now + BigInt(this.#stepsPerSense) * this.#timestepNs;
    this.#steps = 0;
    this.#controllers.reset(this.#world.reset(seed));
    this.#publish();
    return { success: true, message: `The episode of seed ${seed} is laid out.` };
  }

  #publish(): void {
    const stamp = nsToStamp(this.now);
    if (this.#steps % this.#world.stepsPerTick === 0) {
      this.#world.settle();
      this.#sensors.publishImages(stamp);
      this.#sensors.publishScene(stamp);
      const ticks = this.#steps / this.#world.stepsPerTick;
      this.#sensors.publishReward(this.#world.outcome(ticks / this.#world.contract.rateHz).reward);
    }
    this.#sensors.publishJoints(stamp);
    this.#sensors.publishClock(stamp);
  }
}

/** The fewest physics steps that divide a control period evenly and come no more often than MAX_SENSE_HZ. */
function stepsPerSense(stepsPerTick: number, rateHz: number): number {
  for (let n = 1; n < stepsPerTick; n++)
    if (stepsPerTick % n === 0 && (rateHz * stepsPerTick) / n <= MAX_SENSE_HZ + 1e-9) return n;
  return stepsPerTick;
}
