/** Peer, robot and a stand-in for Gazebo on one graph in memory: what the launch file starts, in one process. */
import { join } from 'node:path';
import { createStrategy } from '../../src/act/strategy.js';
import type { RobotContract } from '../../src/contract/contract.js';
import { loadContract } from '../../src/contract/load.js';
import type { EpisodeResult } from '../../src/episode/episode.js';
import { WORLD } from '../../src/gazebo/names.js';
import { GazeboPeer } from '../../src/gazebo/peer/gazeboPeer.js';
import { Models } from '../../src/gazebo/peer/models.js';
import { loadBundle } from '../../src/infer/load.js';
import { Policy } from '../../src/infer/policy.js';
import { runEpisode } from '../../src/loop.js';
import { RosRobot } from '../../src/robots/ros2/rosRobot.js';
import type { Notice } from '../../src/robots/ros2/source.js';
import { Referee } from '../../src/robots/sim/referee.js';
import { loadTask, type TaskSpec } from '../../src/robots/sim/task.js';
import type { Tap } from '../../src/tap.js';
import { ROOT, TASKS } from '../support/cli.js';
import { MemoryRos } from '../support/memoryRos.js';
import { StandIn } from './standIn.js';

export interface SystemOptions {
  readonly lockstep: boolean;
  readonly rtf?: number;
}

export class System {
  readonly notices: Notice[] = [];
  readonly said: string[] = [];
  readonly #ended: Promise<void>;

  private constructor(
    readonly ros: MemoryRos,
    readonly contract: RobotContract,
    readonly task: TaskSpec,
    readonly world: StandIn,
    readonly robot: RosRobot,
    readonly policy: Policy,
    readonly peer: GazeboPeer,
    readonly referee: Referee,
    readonly models: Models,
    notices: Notice[],
    said: string[],
  ) {
    this.notices = notices;
    this.said = said;
    this.#ended = world.run();
  }

  static async start({ lockstep, rtf = 0 }: SystemOptions): Promise<System> {
    const ros = new MemoryRos();
    const contract = await loadContract(join(ROOT, 'config/robots/gazebo_arm.yaml'));
    const task = await loadTask('pick_lift', TASKS);
    const world = await StandIn.create({
      graph: ros.node('/bridge'),
      contract,
      task,
      world: WORLD,
      rtf,
      paused: lockstep,
    });
    const referee = await Referee.create(contract, task, 0.001);
    const models = new Models('harmonic');
    const said: string[] = [];
    const peer = new GazeboPeer({
      graph: ros.node('/gazebo_peer'),
      contract,
      referee,
      world: WORLD,
      control: 'plain',
      lockstep,
      sdf: (object) => models.sdf(referee.world, object),
      now: () => 0n,
      log: { info: () => {}, warn: (sentence) => said.push(sentence) },
    });
    const policy = await Policy.load(await loadBundle(join(ROOT, 'models/pick_lift')));
    const notices: Notice[] = [];
    const robot = new RosRobot({
      graph: ros.node('/saccade'),
      contract,
      simTime: true,
      lockstep,
      onNotice: (notice) => notices.push(notice),
    });
    return new System(ros, contract, task, world, robot, policy, peer, referee, models, notices, said);
  }

  /** @throws what the robot throws */
  async episode(
    seed: number,
    { tap, timeLimitS = this.task.time_limit_s }: { tap?: Tap; timeLimitS?: number } = {},
  ): Promise<EpisodeResult> {
    const { bundle } = this.policy;
    const shape = { length: bundle.action.chunk, width: bundle.joints.length };
    const { result } = await runEpisode({
      robot: this.robot,
      policy: this.policy,
      strategy: createStrategy(bundle.strategy, shape),
      seed,
      timeLimitS,
      ...(tap && { tap }),
    });
    return result;
  }

  async close(): Promise<void> {
    this.world.kill();
    await this.#ended;
    this.peer.close();
    this.models.close();
    await this.robot.close();
    await this.policy.close();
    this.referee.free();
  }
}
