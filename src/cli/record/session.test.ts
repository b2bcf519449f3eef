import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FAKE_CONTRACT } from '../../../test/support/fakeRobot.js';
import type { EpisodeResult } from '../../episode/episode.js';
import { decode, encode } from '../../messages/cdr.js';
import { toStamp } from '../../messages/time.js';
import type { BagMessage } from '../../record/bag.js';
import { readStamp } from '../../robots/ros2/stamp.js';
import { type KeptEpisode, type OpenBag, RecordingSession, type SessionOptions } from './session.js';
import type { Source } from './sources.js';
import { type ActionSource, wantedTopics } from './wanted.js';

const out = mkdtempSync(join(tmpdir(), 'saccade-session-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const S = 1_000_000_000n;
const START = 100n * S;

/** A bag that only remembers. */
class FakeBag implements OpenBag {
  readonly messages: (BagMessage & { readonly droppable: boolean })[] = [];
  result: EpisodeResult | undefined;
  finished = 0;
  constructor(readonly dir: string) {
    mkdirSync(dir, { recursive: true });
  }
  message(message: BagMessage): void {
    this.messages.push({ ...message, droppable: false });
  }
  image(message: BagMessage): void {
    this.messages.push({ ...message, droppable: true });
  }
  async finish(result?: EpisodeResult) {
    this.finished++;
    this.result = result;
    return { bytes: 10, droppedImages: {} };
  }
  on(topic: string) {
    return this.messages.filter((message) => message.topic === topic);
  }
}

interface SetUp extends Partial<Pick<SessionOptions, 'episodes' | 'first'>> {
  readonly actions?: ActionSource;
  readonly rewards?: boolean;
  readonly extras?: readonly string[];
  readonly open?: SessionOptions['open'];
}

function setUp({ actions = 'command', rewards = false, extras = [], ...rest }: SetUp = {}) {
  const graph = { time: START, now: () => graph.time };
  const wanted = wantedTopics(FAKE_CONTRACT, { actions, extras });
  const sources = new Map<string, Source>();
  for (const item of wanted) {
    if (item.role === 'reward' && !rewards) continue;
    sources.set(item.topic, {
      wanted: item,
      topic: item.topic,
      type: item.types?.[0] ?? 'tf2_msgs/msg/TFMessage',
      definition: { text: 'text', stamped: item.role !== 'reward' && item.role !== 'extra' },
      latched: item.role === 'extra',
    });
  }
  const bags: FakeBag[] = [];
  const heard: KeptEpisode[] = [];
  const session = new RecordingSession({
    contract: FAKE_CONTRACT,
    out,
    wanted,
    actions,
    graph,
    sources: () => [...sources.values()],
    first: 0,
    open: async (index) => {
      const bag = new FakeBag(join(out, `episode_${index}`));
      bags.push(bag);
      return bag;
    },
    onKept: (episode) => heard.push(episode),
    ...rest,
  });
  /** `topic` sends `cdr`, `ms` after the start of the test. */
  const send = (topic: string, ms: number, cdr: Uint8Array) => {
    const source = sources.get(topic) as Source;
    graph.time = START + BigInt(ms) * 1_000_000n;
    const stamp = source.definition.stamped ? readStamp(cdr) : undefined;
    session.received({ source, at: graph.time, stamp, cdr });
  };
  return { session, send, bags, heard, graph };
}

const joints = (time: number) =>
  encode('sensor_msgs/msg/JointState', {
    header: { stamp: toStamp(time), frame_id: '' },
    name: ['gripper', 'lift', 'pan'],
    position: Float64Array.of(3, 2, time),
    velocity: new Float64Array(),
    effort: new Float64Array(),
  });
const reward = (data: number) => encode('std_msgs/msg/Float32', { data });

describe('RecordingSession', () => {
  it('keeps what arrives between start and stop, bytes and times as they came', async () => {
    const { session, send, bags } = setUp();
    send('/joint_states', 0, joints(99.99));
    expect(await session.say('start')).toEqual({ success: true, message: 'Recording episode_0.' });
    const first = joints(100.04);
    send('/joint_states', 50, first);
    send('/joint_states', 100, joints(100.09));
    expect((await session.say('stop')).message).toMatch(/say success, failure or discard/);
    send('/joint_states', 150, joints(100.14));
    expect(await session.say('success')).toEqual({
      success: true,
      message:
        'episode_0 is kept as success, 0.1 s. NOTHING came from /wrist/image_raw, /head/image_raw, /joint_commands.',
    });
    const [bag] = bags as [FakeBag];
    const kept = bag.on('/joint_states');
    expect(kept).toHaveLength(2);
    expect(kept[0]).toMatchObject({
      type: 'sensor_msgs/msg/JointState',
      logTime: START + 50_000_000n,
      publishTime: START + 40_000_000n,
      data: first,
    });
    expect([bag.finished, session.kept.length]).toEqual([1, 1]);
  });

  it('lets images be dropped, and nothing else', async () => {
    const { session, send, bags } = setUp();
    await session.say('start');
    send('/head/image_raw', 10, new Uint8Array(40));
    send('/joint_commands', 10, joints(100));
    const [bag] = bags as [FakeBag];
    expect(bag.on('/head/image_raw')).toMatchObject([{ droppable: true }]);
    expect(bag.on('/joint_commands')).toMatchObject([{ droppable: false }]);
  });

  it('makes the verdict the reward where the robot has none', async () => {
    const { session, bags, graph } = setUp();
    for (const [label, highest] of [
      ['success', FAKE_CONTRACT.reward.max],
      ['failure', 0],
    ] as const) {
      await session.say('start');
      graph.time += 2n * S;
      await session.say(label);
      const bag = bags.at(-1) as FakeBag;
      expect(bag.result).toMatchObject({
        success: label === 'success',
        stop: label,
        return: highest,
        highest_reward: highest,
        steps: 40,
        duration_s: 2,
      });
      const rewards = bag.on('/reward').map(({ data, logTime }) => ({
        reward: decode('std_msgs/msg/Float32', data).data,
        at: graph.time - logTime,
      }));
      expect(rewards).toEqual(
        label === 'success'
          ? [
              { reward: 0, at: 2n * S },
              { reward: FAKE_CONTRACT.reward.max, at: 0n },
            ]
          : [{ reward: 0, at: 2n * S }],
      );
    }
  });

  it("leaves the robot's own rewards alone, and adds them up", async () => {
    const { session, send, bags, graph } = setUp({ rewards: true });
    await session.say('start');
    send('/reward', 500, reward(1));
    send('/reward', 900, reward(4));
    graph.time = START + S;
    await session.say('success');
    const [bag] = bags as [FakeBag];
    expect(bag.on('/reward')).toHaveLength(2);
    // 20 ticks: the reward is 1 at the ends of ticks 10 … 17 and 4 at those of 18, 19 and 20.
    expect(bag.result).toMatchObject({ success: true, highest_reward: 4, return: 8 * 1 + 3 * 4 });
  });

  it('makes actions of where the joints are one control period later, when asked to', async () => {
    const { session, send, bags } = setUp({ actions: 'joints' });
    await session.say('start');
    send('/joint_states', 20, joints(100.015));
    send('/joint_states', 80, joints(100.075));
    await session.say('success');
    const actions = (bags[0] as FakeBag).on('/saccade/action');
    expect(actions).toHaveLength(1);
    const action = actions[0] as BagMessage;
    expect(action).toMatchObject({ logTime: START + 30_000_000n, publishTime: START + 25_000_000n });
    const message = decode('sensor_msgs/msg/JointState', action.data);
    expect(message.name).toEqual(['pan', 'lift', 'gripper']);
    expect([...message.position]).toEqual([Math.fround(100.075), 2, 3]);
    expect(message.header.stamp).toEqual(toStamp(100.025));
    expect(session.kept[0]?.audit.map(({ topic }) => topic)).not.toContain('/joint_commands');
  });

  it('repeats latched messages at the start of every episode', async () => {
    const { session, send, bags } = setUp({ extras: ['/tf_static'] });
    const tree = Uint8Array.of(0, 1, 0, 0, 7);
    send('/tf_static', 0, tree);
    for (let i = 0; i < 2; i++) {
      await session.say('start');
      await session.say('failure');
    }
    for (const bag of bags) expect(bag.on('/tf_static')).toMatchObject([{ data: tree, logTime: START }]);
  });

  it('removes what is discarded and gives its number to the next', async () => {
    const { session, bags } = setUp({ first: 3 });
    await session.say('start');
    expect((await session.say('discard')).message).toBe('episode_3 is discarded.');
    expect(existsSync(join(out, 'episode_3'))).toBe(false);
    expect((bags[0] as FakeBag).finished).toBe(1);
    await session.say('start');
    await session.say('success');
    await session.say('start');
    expect(bags.map((bag) => bag.dir)).toEqual([3, 3, 4].map((i) => join(out, `episode_${i}`)));
    expect(session.discarded).toBe(1);
  });

  it('keeps the running episode as interrupted when it ends, and says no more after', async () => {
    const { session, heard, bags } = setUp();
    await session.say('toggle');
    await session.say('quit');
    await session.done;
    expect(heard).toHaveLength(1);
    expect(heard[0]?.result).toMatchObject({ success: false, stop: 'interrupted' });
    expect((bags[0] as FakeBag).result?.reason).toBe('the recording ended without a verdict');
    expect((await session.say('start')).success).toBe(false);
  });

  it('ends after as many kept episodes as were asked for; discarded ones do not count', async () => {
    const { session } = setUp({ episodes: 2 });
    for (const label of ['success', 'discard', 'failure'] as const) {
      await session.say('toggle');
      await session.say('toggle');
      await session.say(label);
    }
    await session.done;
    expect(session.kept.map(({ index, result }) => [index, result.stop])).toEqual([
      [0, 'success'],
      [1, 'failure'],
    ]);
  });

  it('carries out words that are said at once one after the other', async () => {
    const { session } = setUp();
    const replies = await Promise.all(
      (['start', 'start', 'success', 'success'] as const).map((w) => session.say(w)),
    );
    expect(replies.map(({ success }) => success)).toEqual([true, false, true, false]);
  });

  it('fails as a whole when a bag cannot be opened', async () => {
    const { session } = setUp({ open: async () => Promise.reject(new Error('no space left')) });
    await expect(session.say('start')).rejects.toThrow('no space left');
    await expect(session.done).rejects.toThrow('no space left');
  });
});
