/** One episode of the simulator under a condition, and how it moved. */

import { loadContract } from '../../src/contract/load.js';
import { loadBundle } from '../../src/infer/load.js';
import { Policy } from '../../src/infer/policy.js';
import { latencyModel } from '../../src/latency.js';
import { runEpisode } from '../../src/loop.js';
import { delaySensors } from '../../src/robots/delayed.js';
import { SimRobot } from '../../src/robots/sim/simRobot.js';
import { loadTask } from '../../src/robots/sim/task.js';
import type { Tap, Tick } from '../../src/tap.js';
import { type Condition, type Contestant, strategyOf } from './cells.js';
import { type Extent, jerk, kinkShare, type Motion, stepShare } from './motion.js';

export interface Places {
  readonly robot: string;
  readonly policy: string;
  readonly task: string;
  readonly tasksDir: string;
}

/** Plain data: it crosses between processes. */
export interface Outcome {
  readonly seed: number;
  readonly success: boolean;
  readonly return: number;
  readonly durationS: number;
  /** Time that nobody had foreseen: the arm stood, or was on its way to. */
  readonly heldS: number;
  readonly inferences: number;
  readonly spentChunks: number;
  /** Of the arm's joints, rad/s³: what the strategy wanted, what was sent, what the joints did. */
  readonly jerk: Readonly<Record<'wanted' | 'sent' | 'measured', Extent>>;
  /** Of the arm's joints: greatest step at a tick on which a new chunk takes effect, over velocity limit × period. */
  readonly jump: Readonly<Record<'wanted' | 'sent', number>>;
  /** Greatest change of step there, likewise. */
  readonly kink: Readonly<Record<'wanted' | 'sent', number>>;
  /** Greatest step of any joint, gripper included, on any tick, likewise. */
  readonly greatestStep: number;
}

export class Bench {
  private constructor(
    private readonly robot: SimRobot,
    private readonly policy: Policy,
    private readonly timeLimitS: number,
  ) {}

  static async open({ robot, policy, task, tasksDir }: Places): Promise<Bench> {
    const spec = await loadTask(task, tasksDir);
    const sim = await SimRobot.create(await loadContract(robot), spec);
    return new Bench(
      sim,
      await Policy.load(await loadBundle(policy), { provider: 'cpu' }),
      spec.time_limit_s,
    );
  }

  async run(
    contestant: Contestant,
    { latencyMs, jitterMs, delayMs }: Condition,
    seed: number,
  ): Promise<Outcome> {
    const { robot, policy } = this;
    const { bundle } = policy;
    const log = new MotionLog();
    const measured: Float32Array[] = [];
    const listening = robot.joints.subscribe(({ positions }) => measured.push(positions));
    const { result } = await runEpisode({
      robot: delayMs > 0 ? delaySensors(robot, delayMs / 1000) : robot,
      policy,
      strategy: strategyOf(contestant, { length: bundle.action.chunk, width: bundle.joints.length }),
      seed,
      timeLimitS: this.timeLimitS,
      latency: latencyModel({ meanS: latencyMs / 1000, jitterS: jitterMs / 1000 }, seed),
      tap: log,
    }).finally(() => listening.unsubscribe());
    const { joints, rateHz } = robot.contract;
    const order = bundle.joints.map((name) => joints.findIndex((joint) => joint.name === name));
    const arm = joints.flatMap(({ name }, j) => (name === 'gripper' ? [] : [j]));
    // What was wanted is in the policy's order.
    const wanted = log.wanted.map((row) => {
      const inContract = new Float32Array(joints.length);
      order.forEach((index, j) => {
        inContract[index] = row[j] as number;
      });
      return inContract;
    });
    const most = joints.map(({ velocity }) => velocity / rateHz);
    const atChunks = (share: typeof stepShare, motion: Motion) =>
      Math.max(0, ...log.chunksAt.filter((n) => n >= 2).map((n) => share(motion, n, arm, most)));
    const { safety, wall } = result;
    return {
      seed,
      success: result.success,
      return: result.return,
      durationS: result.duration_s,
      heldS: (safety.hold_no_action + safety.hold_stale) / rateHz,
      inferences: log.inferences,
      spentChunks: wall.spent_chunks,
      jerk: {
        wanted: jerk(wanted, arm, rateHz),
        sent: jerk(log.sent, arm, rateHz),
        measured: jerk(measured.slice(0, log.sent.length), arm, rateHz),
      },
      jump: { wanted: atChunks(stepShare, wanted), sent: atChunks(stepShare, log.sent) },
      kink: { wanted: atChunks(kinkShare, wanted), sent: atChunks(kinkShare, log.sent) },
      greatestStep: Math.max(
        ...log.sent.slice(1).map((_, n) => stepShare(log.sent, n + 1, [...joints.keys()], most)),
      ),
    };
  }

  async close(): Promise<void> {
    await this.policy.close();
    await this.robot.close();
  }
}

/** Commands and wanted actions, a row a tick; while nothing is wanted, what was wanted last, or will be first. */
class MotionLog implements Tap {
  readonly sent: Float32Array[] = [];
  readonly wanted: Float32Array[] = [];
  /** Ticks at which a new chunk took effect. */
  readonly chunksAt: number[] = [];
  inferences = 0;

  onTick({ command, action, inference }: Tick): void {
    const n = this.sent.push(command.positions) - 1;
    if (inference) {
      this.inferences++;
      this.chunksAt.push(n);
    }
    const row = action ?? this.wanted.at(-1);
    while (row && this.wanted.length <= n) this.wanted.push(row);
  }
}
