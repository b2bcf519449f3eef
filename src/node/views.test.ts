import { beforeEach, describe, expect, it } from 'vitest';
import { FakeGraph } from '../../test/support/fakeGraph.js';
import { FAKE_CONTRACT, fakeBundle } from '../../test/support/fakeRobot.js';
import type { View } from '../infer/protocol.js';
import { decode } from '../messages/cdr.js';
import { fromStamp } from '../messages/time.js';
import type { Tick } from '../tap.js';
import { Views } from './views.js';

const BUNDLE = {
  ...fakeBundle(FAKE_CONTRACT, 8),
  views: [
    { kind: 'flow', output: 'flow_head', camera: 'head', rangePx: 20 },
    { kind: 'm', output: 'm_head', camera: 'head' },
    { kind: 'attention', output: 'wrist_to_head', camera: 'wrist', source: 'head', grid: [1, 2] },
    { kind: 'attention', output: 'head_to_wrist', camera: 'head', source: 'wrist', grid: [2, 2] },
  ],
} as const;

let graph: FakeGraph;
let views: Views;

beforeEach(() => {
  graph = new FakeGraph();
  views = new Views(graph, FAKE_CONTRACT, BUNDLE);
});

const flow: View = { data: new Float32Array(2 * 6).fill(0.1), shape: [1, 2, 2, 3] };
const attention: View = { data: Float32Array.of(0, 1), shape: [1, 1, 2] };
/** Grey, as it went in. */
const head: View = { data: new Float32Array(36).fill(100), shape: [1, 3, 4, 3] };

function tick(outputs: Readonly<Record<string, View>> = {}, horizon = false): Tick {
  return {
    index: 0,
    time: 7,
    inference: {
      chunk: { time: 6.5, dt: 0.05, length: 8, width: 3, actions: new Float32Array(24) },
      resizeMs: 0,
      runMs: 1,
      views: new Map(Object.entries(outputs)),
    },
    command: {
      time: 7,
      positions: Float32Array.of(0, 0.1, 0.02),
      ...(horizon && {
        horizon: { dt: 0.05, positions: [Float32Array.of(0.1, 0.1, 0.02), Float32Array.of(0.1, 0.1, 0.02)] },
      }),
    },
    between: [],
    missedCommands: 0,
    spentChunks: 0,
    interventions: [],
    reward: 0,
  };
}

async function onTick(of: Tick): Promise<string[]> {
  views.onTick(of);
  expect(graph.sent).toEqual([]); // Not before the tick's command is out.
  await new Promise((resolve) => setImmediate(resolve));
  return graph.sent.map(({ topic }) => topic);
}

const listen = (...topics: string[]) => {
  for (const topic of topics) graph.heard.add(topic);
};

describe('Views', () => {
  it('wants nothing computed and publishes nothing while nobody listens', async () => {
    expect(await onTick(tick({ flow_head: flow, head, wrist_to_head: attention }, true))).toEqual([]);
    expect(views.views).toEqual([]);
    expect(views.wantsHorizon).toBe(false);
  });

  it('wants what somebody listens to, from the next tick on, and no longer', async () => {
    const { views: wanted } = views;
    listen('~/optical_flow/head', '~/attention/head');
    await onTick(tick());
    expect(wanted).toEqual(['flow_head', 'head', 'wrist_to_head']);
    graph.heard.clear();
    await onTick(tick());
    expect(wanted).toEqual([]);
  });

  it('publishes flow in colour, with the time of the observation it is of', async () => {
    listen('~/optical_flow/head');
    expect(await onTick(tick({ flow_head: flow }))).toEqual(['~/optical_flow/head']);
    const image = decode('sensor_msgs/msg/Image', graph.sent[0]?.cdr as Uint8Array);
    expect(image).toMatchObject({
      width: 3,
      height: 2,
      step: 9,
      encoding: 'rgb8',
      header: { frame_id: 'head' },
    });
    expect(image.data).toHaveLength(18);
    expect(fromStamp(image.header.stamp)).toBe(6.5);
  });

  it('publishes attention over the image that is looked at, as the policy sees it', async () => {
    listen('~/attention/head');
    expect(await onTick(tick({ head, wrist_to_head: attention }))).toEqual(['~/attention/head']);
    const { width, height, data } = decode('sensor_msgs/msg/Image', graph.sent[0]?.cdr as Uint8Array);
    expect([width, height]).toEqual([4, 3]);
    // Half the grey where nothing is looked at, white over it where everything is.
    expect([...data.slice(0, 3), ...data.slice(9, 12)]).toEqual([50, 50, 50, 177, 177, 177]);
  });

  it('waits for an inference that was asked for the view', async () => {
    listen('~/optical_flow/head', '~/attention/head');
    expect(await onTick(tick({ head, wrist_to_head: attention }))).toEqual(['~/attention/head']);
    const { inference: _, ...without } = tick();
    graph.sent.length = 0;
    expect(await onTick(without)).toEqual([]);
  });

  it('publishes the way ahead of a command that has one', async () => {
    listen('~/horizon');
    expect(views.wantsHorizon).toBe(true);
    expect(await onTick(tick({}, true))).toEqual(['~/horizon']);
    const { joint_names, points } = decode(
      'trajectory_msgs/msg/JointTrajectory',
      graph.sent[0]?.cdr as Uint8Array,
    );
    expect(joint_names).toEqual(['pan', 'lift', 'gripper']);
    expect(points).toHaveLength(3);
    expect(points[1]?.positions[0]).toBeCloseTo(0.1);
    graph.sent.length = 0;
    expect(await onTick(tick())).toEqual([]);
  });

  it('takes its topics away', () => {
    expect(graph.publishers('~/attention/wrist')).toHaveLength(1);
    views.close();
    for (const topic of ['~/optical_flow/head', '~/attention/wrist', '~/attention/head', '~/horizon'])
      expect(graph.publishers(topic)).toEqual([]);
  });
});
