/**
 * A task in Gazebo: lays out the episode of a seed, and says what reward its world is worth, at every control period of
 * simulated time. What it is worth is up to the embedded task (`Referee`). It knows nothing of policies, nor they of it.
 */
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { encode } from '../../messages/cdr.js';
import { nsToStamp, secondsToNs } from '../../messages/time.js';
import type { Publication } from '../../robots/ros2/rosNode.js';
import type { Referee, Scenery } from '../../robots/sim/referee.js';
import { WORLD_SERVICES, worldService } from '../names.js';
import { diagnose } from './diagnostics.js';
import { type Control, Drive } from './drive.js';
import type { Graph } from './graph.js';
import { Reset } from './reset.js';
import { Sightings } from './sightings.js';
import { World } from './world.js';

const DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray';
const DIAGNOSTICS_MS = 1000;
/** Where success is published when the contract does not say. */
const SUCCESS_TOPIC = '/success';

export interface GazeboPeerOptions {
  readonly graph: Graph;
  readonly contract: RobotContract;
  readonly referee: Referee;
  /** The world's name. */
  readonly world: string;
  readonly control: Control;
  /** The world is stepped, as the contract says, and stands still between. */
  readonly lockstep: boolean;
  /** Description of an object in the colours of the layout. */
  readonly sdf: (object: string) => Promise<string>;
  /** ROS time, ns, of diagnostics. */
  readonly now: () => bigint;
  readonly log: { info(sentence: string): void; warn(sentence: string): void };
}

interface ResetReply {
  readonly success: boolean;
  readonly message: string;
}

export class GazeboPeer {
  readonly #options: GazeboPeerOptions;
  readonly #periodNs: bigint;
  readonly #sightings: Sightings;
  readonly #drive: Drive;
  readonly #world: World;
  readonly #reset: Reset;
  readonly #reward: Publication;
  readonly #success: Publication;
  readonly #diagnosing: NodeJS.Timeout;
  /** Number of the control period that the episode began in, and of the one that was judged last; absent without an episode. */
  #episode: { first: bigint | undefined; last: bigint } | undefined;
  #resetting = false;

  /** @throws UserError when contract and peer do not fit, or ros_gz_interfaces is not installed */
  constructor(options: GazeboPeerOptions) {
    const { graph, contract, referee, control, lockstep, sdf, log } = options;
    const { reward, success, reset } = contract;
    if (lockstep && !contract.lockstep)
      throw new UserError(
        `${contract.file} has no lockstep section: it does not say how the world is stepped`,
      );
    this.#options = options;
    this.#periodNs = secondsToNs(1 / contract.rateHz);
    this.#reward = graph.advertise('std_msgs/msg/Float32', reward.topic, 'reliable');
    this.#success = graph.advertise('std_msgs/msg/Bool', success?.topic ?? SUCCESS_TOPIC, 'reliable');
    this.#sightings = new Sightings({
      graph,
      contract,
      objects: referee.objects,
      onScenery: (scenery, timeNs) => this.#see(scenery, timeNs),
    });
    this.#drive = new Drive({ graph, contract, control, warn: (sentence) => log.warn(sentence) });
    this.#world = new World(graph, options.world);
    this.#reset = new Reset({
      contract,
      sightings: this.#sightings,
      world: this.#world,
      drive: this.#drive,
      sdf,
      stepS: lockstep ? contract.lockstep?.stepS : undefined,
    });
    graph.offerService<{ seed: number }, ResetReply>(
      'saccade/srv/ResetEpisode',
      reset?.service ?? '~/reset',
      ({ seed }) => this.#layOut(seed),
    );
    if (lockstep) this.#offerControl();
    const diagnostics = graph.advertise(DIAGNOSTICS, '/diagnostics', 'reliable');
    this.#diagnosing = setInterval(() => {
      const status = diagnose({ sightings: this.#sightings, drive: this.#drive, world: this.#world });
      diagnostics.publish(
        encode(DIAGNOSTICS, { header: { stamp: nsToStamp(options.now()), frame_id: '' }, status }),
      );
    }, DIAGNOSTICS_MS);
  }

  close(): void {
    clearInterval(this.#diagnosing);
    this.#world.close();
  }

  async #layOut(seed: number): Promise<ResetReply> {
    if (seed < 0) return { success: false, message: `a seed is 0 to ${2 ** 31 - 1}, not ${seed}` };
    if (this.#resetting) return { success: false, message: 'another reset is under way' };
    this.#resetting = true;
    this.#episode = undefined;
    try {
      await this.#reset.run(this.#options.referee.layOut(seed));
      this.#episode = { first: undefined, last: -1n };
      const message = `The episode of seed ${seed} is laid out.`;
      this.#options.log.info(message);
      return { success: true, message };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#options.log.warn(`The episode of seed ${seed} is not laid out: ${error.message}.`);
      return { success: false, message: error.message };
    } finally {
      this.#resetting = false;
    }
  }

  /**
   * Steps the world for the loop. It asks this node and not Gazebo: a command that it has sent before has come by then, and
   * goes before the steps on the same way to Gazebo. Sent to two, they could change places.
   */
  #offerControl(): void {
    const { graph, contract, world, log } = this.#options;
    const service = contract.lockstep?.service;
    if (service === undefined || service === worldService(world, 'control')) return;
    graph.offerService<object, { success: boolean }>(WORLD_SERVICES.control, service, async (request) => {
      try {
        await this.#world.control(request);
        return { success: true };
      } catch (error) {
        log.warn(`The world is not stepped: ${(error as Error).message}.`);
        return { success: false };
      }
    });
  }

  /** Judges the first of what is seen in each control period: those of `rate_hz`, counted from time 0. */
  #see(scenery: Scenery, timeNs: bigint): void {
    const episode = this.#episode;
    if (!episode) return;
    const period = timeNs / this.#periodNs;
    if (period <= episode.last) return;
    episode.first ??= period;
    episode.last = period;
    const { referee, contract } = this.#options;
    const outcome = referee.judge(scenery, Number(period - episode.first) / contract.rateHz);
    this.#reward.publish(encode('std_msgs/msg/Float32', { data: outcome.reward }));
    const done = outcome.reward >= contract.reward.max;
    this.#success.publish(encode('std_msgs/msg/Bool', { data: done }));
  }
}
