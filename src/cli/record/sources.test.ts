import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT } from '../../../test/support/fakeRobot.js';
import { UserError } from '../../errors.js';
import { type Received, Sources } from './sources.js';
import { wantedTopics } from './wanted.js';

const IMAGE = 'sensor_msgs/msg/Image';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';
const JOINTS = 'sensor_msgs/msg/JointState';

/** A graph whose publishers come and send when the test says so. */
class FakeGraph {
  readonly published = new Map<string, string>();
  readonly subscribed = new Map<string, (cdr: Uint8Array) => void>();
  time = 5_000_000_000n;

  now = () => this.time;
  typeOf = (topic: string) => this.published.get(topic);
  subscribe = (topic: string, onMessage: (cdr: Uint8Array) => void) => {
    this.subscribed.set(topic, onMessage);
    return {
      type: this.published.get(topic) as string,
      latched: topic === '/tf_static',
      close: () => void this.subscribed.delete(topic),
    };
  };
}

function setUp(options: Partial<Parameters<typeof wantedTopics>[1]> = {}) {
  const graph = new FakeGraph();
  const received: Received[] = [];
  const sources = new Sources({
    graph,
    wanted: wantedTopics(FAKE_CONTRACT, { actions: 'command', extras: [], ...options }),
    definition: async (type) => ({ text: `text of ${type}`, stamped: type !== 'std_msgs/msg/Float32' }),
    usable: async ({ cdr }) => {
      if (cdr[4] === BROKEN) throw new UserError('it names no joints');
      return cdr[4] !== STRANGE;
    },
    onMessage: (message) => received.push(message),
  });
  return { graph, received, sources };
}

/** Stamps (s) of messages that are about another robot, and that no robot can use. */
const [STRANGE, BROKEN] = [66, 99];

/** CDR of a message stamped `sec` s. */
const stamped = (sec: number) => Uint8Array.of(0, 1, 0, 0, sec, 0, 0, 0, 0, 0, 0, 0);

describe('Sources', () => {
  it('says of each required topic whether nobody publishes it, or nothing has come', async () => {
    const { graph, sources } = setUp();
    graph.published
      .set('/wrist/image_raw', IMAGE)
      .set('/joint_states', JOINTS)
      .set('/reward', 'std_msgs/msg/Float32');
    await sources.look();
    graph.subscribed.get('/joint_states')?.(stamped(1));
    await sources.look();
    expect(sources.missing()).toEqual([
      '/wrist/image_raw (camera wrist: published, but nothing of use has come)',
      '/head/image_raw (camera head: nobody publishes it)',
      '/joint_commands (commands: nobody publishes it)',
    ]);
    graph.published.set('/head/image_raw', IMAGE).set('/joint_commands', JOINTS);
    await sources.look();
    for (const topic of ['/wrist/image_raw', '/head/image_raw', '/joint_commands'])
      graph.subscribed.get(topic)?.(stamped(1));
    await sources.look();
    expect(sources.missing()).toEqual([]);
    expect(sources.found.map(({ topic }) => topic)).toEqual([
      '/wrist/image_raw',
      '/head/image_raw',
      '/joint_states',
      '/joint_commands',
      '/reward',
    ]);
  });

  it('needs no commands when actions come from the joints', () => {
    expect(setUp({ actions: 'joints' }).sources.missing().join()).not.toMatch(/joint_commands/);
  });

  it('takes a camera raw where it is, and compressed where only that is', async () => {
    const { graph, sources } = setUp();
    graph.published
      .set('/wrist/image_raw', IMAGE)
      .set('/wrist/image_raw/compressed', COMPRESSED)
      .set('/head/image_raw/compressed', COMPRESSED);
    await sources.look();
    expect([...graph.subscribed.keys()]).toEqual(['/wrist/image_raw', '/head/image_raw/compressed']);
  });

  it('hands on messages with their arrival and their stamp', async () => {
    const { graph, sources, received } = setUp({ extras: ['/tf_static', '/reward', '/tf_static'] });
    graph.published
      .set('/joint_states', JOINTS)
      .set('/reward', 'std_msgs/msg/Float32')
      .set('/tf_static', 'tf2_msgs/msg/TFMessage');
    await sources.look();
    graph.subscribed.get('/joint_states')?.(stamped(4));
    graph.subscribed.get('/reward')?.(stamped(4));
    expect(received).toMatchObject([
      { at: 5_000_000_000n, stamp: 4_000_000_000n, source: { type: JOINTS, latched: false } },
      { at: 5_000_000_000n, stamp: undefined, source: { wanted: { role: 'reward' } } },
    ]);
    expect(sources.found.map(({ topic, latched }) => [topic, latched])).toEqual([
      ['/joint_states', false],
      ['/reward', false],
      ['/tf_static', true],
    ]);
    sources.close();
    expect(graph.subscribed.size).toBe(0);
  });

  it('waits for a message that is of use, and refuses what never will be', async () => {
    const { graph, sources } = setUp();
    graph.published.set('/joint_states', JOINTS);
    await sources.look();
    graph.subscribed.get('/joint_states')?.(stamped(STRANGE));
    await sources.look();
    expect(sources.missing().join()).toMatch(
      /joint_states \(joint states: published, but nothing of use has come\)/,
    );
    graph.subscribed.get('/joint_states')?.(stamped(1));
    await sources.look();
    expect(sources.missing().join()).not.toMatch(/joint_states/);

    const broken = setUp();
    broken.graph.published.set('/joint_states', JOINTS);
    await broken.sources.look();
    broken.graph.subscribed.get('/joint_states')?.(stamped(BROKEN));
    await expect(broken.sources.look()).rejects.toThrow('it names no joints');
  });

  it('refuses a topic of another type than the contract says', async () => {
    const { graph, sources } = setUp();
    graph.published.set('/joint_states', 'std_msgs/msg/String');
    await expect(sources.look()).rejects.toThrow(
      '/joint_states (joint states) is published as std_msgs/msg/String, not sensor_msgs/msg/JointState: correct the robot contract or the publisher',
    );
  });
});
