/** One attempt being recorded: hands every message on to the bag, and keeps count of what came. */

import { noInterventions } from '../../act/interventions.js';
import type { RobotContract } from '../../contract/contract.js';
import type { EpisodeResult } from '../../episode/episode.js';
import { decode, encode } from '../../messages/cdr.js';
import { JointMerger, type JointTopic, type JointVector, stateTopics } from '../../messages/joints.js';
import { nsToSeconds, nsToStamp } from '../../messages/time.js';
import type { BagMessage } from '../../record/bag.js';
import { TOPICS } from '../../record/episode.js';
import { type TopicAudit, TopicAuditor } from './audit.js';
import type { Label } from './operator.js';
import { Rewards } from './rewards.js';
import type { Received, Source } from './sources.js';
import type { ActionSource, Wanted } from './wanted.js';

/** The bag that a take goes into. Neither method waits or throws: what goes wrong is in the bag's report. */
export interface Bag {
  message(message: BagMessage): void;
  /** An image, which may be dropped; a raw one is kept as JPEG where those are wanted. */
  image(message: BagMessage): void;
}

export interface TakeOptions {
  readonly contract: RobotContract;
  readonly index: number;
  readonly bag: Bag;
  readonly actions: ActionSource;
  readonly wanted: readonly Wanted[];
  /** What is subscribed to at the start; what comes up later is the next take's. */
  readonly sources: readonly Source[];
  /** ROS time, ns. */
  readonly start: bigint;
}

const FLOAT32 = 'std_msgs/msg/Float32';
const JOINT_STATE = 'sensor_msgs/msg/JointState';

/** Why there is no verdict of the robot's own. */
const REASONS: Partial<Record<Label, string>> = {
  failure: 'the operator judged it failed',
  interrupted: 'the recording ended without a verdict',
};

/** Without rewards of the robot's own, an episode is worth what the operator says: nothing, or the most there is. */
export function isJudged(sources: readonly Source[]): boolean {
  return !sources.some(({ wanted: { role } }) => role === 'reward');
}

export class Take {
  readonly #options: TakeOptions;
  readonly #auditors: ReadonlyMap<Wanted, TopicAuditor>;
  readonly #rewards: Rewards;
  readonly #periodNs: bigint;
  readonly #joints: readonly JointTopic[];
  readonly #pose: JointMerger;
  /** Nobody publishes rewards: the operator's verdict is the reward, 0 until a success. */
  readonly #judged: boolean;
  #end: bigint | undefined;

  constructor(options: TakeOptions) {
    const { contract, wanted, sources, start } = options;
    this.#options = options;
    this.#auditors = new Map(
      wanted.map((item) => {
        const topic = sources.find((source) => source.wanted === item)?.topic ?? item.topic;
        return [item, new TopicAuditor({ ...item, topic }, 0)];
      }),
    );
    this.#rewards = new Rewards(contract.rateHz);
    this.#periodNs = BigInt(Math.round(1e9 / contract.rateHz));
    this.#joints = stateTopics(contract);
    this.#pose = new JointMerger(contract.joints.length);
    this.#judged = isJudged(sources);
    if (this.#judged) this.#reward(start, 0);
  }

  /** Messages after `stop` are not the episode's. */
  received(message: Received): void {
    if (this.#end !== undefined || !this.#options.sources.includes(message.source)) return;
    const { bag, actions } = this.#options;
    const { at, stamp, cdr, source } = message;
    const { wanted, topic, type } = source;
    this.#auditors
      .get(wanted)
      ?.received(this.#sinceStart(at), stamp === undefined ? undefined : this.#sinceStart(stamp));
    const out: BagMessage = { topic, type, logTime: at, publishTime: stamp ?? at, data: cdr };
    if (wanted.role === 'camera') bag.image(out);
    else bag.message(out);
    if (wanted.role === 'joints' && actions === 'joints') this.#action(out);
    if (wanted.role === 'reward') this.#rewards.received(this.#sinceStart(at), decode(FLOAT32, cdr).data);
  }

  stop(at: bigint): void {
    this.#end = at;
  }

  /** How the episode ended, to be called once after `stop`; a success without the robot's own rewards earns one. */
  judge(label: Label, wallS: number): EpisodeResult {
    const { contract, index, start } = this.#options;
    const end = this.#end ?? start;
    const success = label === 'success';
    const durationS = this.#sinceStart(end);
    const steps = Math.floor(durationS * contract.rateHz + 1e-6);
    const earned = success ? contract.reward.max : 0;
    if (this.#judged && success) this.#reward(end, earned);
    const reason = REASONS[label];
    return {
      seed: index,
      success,
      return: this.#judged ? earned : this.#rewards.sum(steps),
      highest_reward: this.#judged ? earned : this.#rewards.highest,
      steps,
      duration_s: round(durationS, 1e6),
      stop: label,
      ...(reason !== undefined && { reason }),
      safety: noInterventions(),
      max_camera_skew_s: 0,
      wall: {
        seconds: wallS,
        latency_ms: null,
        run_ms: null,
        overhead_ms: null,
        reaction_ms: null,
        missed_ticks: 0,
        missed_commands: 0,
        dropped_observations: 0,
        spent_chunks: 0,
      },
    };
  }

  audit(): TopicAudit[] {
    const { actions, start } = this.#options;
    const end = this.#sinceStart(this.#end ?? start);
    return [...this.#auditors]
      .filter(
        ([{ role }]) => !(role === 'reward' && this.#judged) && !(role === 'command' && actions === 'joints'),
      )
      .map(([, auditor]) => auditor.finish(end));
  }

  /**
   * The action of a demonstration by hand: what the arm was led to do at an instant is where it was a control
   * period later, all of its joints, as Saccade's own messages speak of them.
   */
  #action({ topic, type, logTime, publishTime, data }: BagMessage): void {
    const { bag, contract, start } = this.#options;
    const part = this.#joints.find((each) => each.topic === topic);
    let vector: JointVector | undefined;
    try {
      vector = part?.reader.read(type, data);
    } catch {
      return; // It is in the bag as it came; whoever reads it there is told what is wrong with it.
    }
    if (!part || !vector) return;
    this.#pose.take(nsToSeconds(publishTime), part.joints, vector);
    const pose = this.#pose.state;
    const [at, time] = [logTime - this.#periodNs, publishTime - this.#periodNs];
    if (!pose || at < start) return;
    const none = new Float64Array();
    bag.message({
      topic: TOPICS.action,
      type: JOINT_STATE,
      logTime: at,
      publishTime: time,
      data: encode(JOINT_STATE, {
        header: { stamp: nsToStamp(time), frame_id: '' },
        name: contract.joints.map(({ name }) => name),
        position: Float64Array.from(pose.positions),
        velocity: none,
        effort: none,
      }),
    });
  }

  #reward(at: bigint, reward: number): void {
    const { bag, contract } = this.#options;
    bag.message({
      topic: contract.reward.topic,
      type: FLOAT32,
      logTime: at,
      publishTime: at,
      data: encode(FLOAT32, { data: reward }),
    });
  }

  #sinceStart(at: bigint): number {
    return nsToSeconds(at - this.#options.start);
  }
}

function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
