import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { RobotContract } from '../contract/contract.js';
import { loadContract } from '../contract/load.js';
import { decode, encode } from '../messages/cdr.js';
import { stampToNs } from '../messages/time.js';
import type { Messages, MessageType } from '../messages/types.js';
import type { Frame } from '../robots/robot.js';
import { SimRobot } from '../robots/sim/simRobot.js';
import { SimWorld } from '../robots/sim/simWorld.js';
import { loadTask } from '../robots/sim/task.js';
import type { Graph } from './graph.js';
import { SimPeer } from './simPeer.js';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const contract = await loadContract(path('config/robots/sim_arm.yaml'));
const task = await loadTask('pick_lift', path('config/tasks'));
const JOINT_NAMES = contract.joints.map(({ name }) => name);
const [COMMANDS] = contract.commands;

interface Reply {
  success: boolean;
  message: string;
}

/** A graph that keeps what is published, in order, and sends what it is told to. */
class FakeGraph implements Graph {
  readonly sent: { topic: string; type: string; cdr: Uint8Array }[] = [];
  watched = true;
  send: Record<string, (cdr: Uint8Array) => void> = {};
  reset: (request: { seed: number }) => Promise<Reply> = () => expect.unreachable();

  advertise(type: string, topic: string) {
    const graph = this;
    return {
      publish: (cdr: Uint8Array) => void graph.sent.push({ topic, type, cdr }),
      get listeners() {
        return graph.watched ? 1 : 0;
      },
    };
  }

  listen(_type: string, topic: string, _qos: string, onMessage: (cdr: Uint8Array) => void): object {
    this.send[topic] = onMessage;
    return {};
  }

  offerService<Request, Response>(
    _type: string,
    _name: string,
    onCall: (request: Request) => Promise<Response>,
  ) {
    this.reset = onCall as unknown as FakeGraph['reset'];
  }

  /** What was published on `topic` since the last `clear`. */
  on<T extends MessageType>(type: T, topic: string): Messages[T][] {
    return this.sent.filter((each) => each.topic === topic).map(({ cdr }) => decode(type, cdr));
  }

  clear(): void {
    this.sent.length = 0;
  }
}

const worlds: SimWorld[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world.free();
});

async function start({ seed = 1, on = contract }: { seed?: number; on?: RobotContract } = {}) {
  const world = await SimWorld.create(on, task);
  worlds.push(world);
  const graph = new FakeGraph();
  const warnings: string[] = [];
  const peer = new SimPeer({ world, graph, seed, warn: (sentence) => warnings.push(sentence) });
  const advance = (periods: number) => {
    for (const end = world.stepsPerTick * periods * 2_000_000 + Number(peer.now); Number(peer.now) < end; )
      peer.advance();
  };
  return { world, graph, peer, warnings, advance };
}

/** The arm sags a little under its weight. */
function expectNear(measured: Float32Array, wanted: Float32Array): void {
  const off = measured.map((q, j) => Math.abs(q - wanted[j]));
  expect(Math.max(...off)).toBeLessThan(0.005);
}

const command = (positions: ArrayLike<number>, name = JOINT_NAMES) =>
  encode('sensor_msgs/msg/JointState', {
    header: { stamp: { sec: 0, nanosec: 0 }, frame_id: '' },
    name,
    position: Float64Array.from(positions),
    velocity: new Float64Array(),
    effort: new Float64Array(),
  });

describe('SimPeer', () => {
  it('shows the same pixels and moves as the simulator in process does', async () => {
    const robot = await SimRobot.create(contract, task);
    const { graph, advance } = await start({ seed: 9 });
    try {
      const frames: Frame[] = [];
      robot.frames.subscribe((frame) => frames.push(frame));
      await robot.reset({ seed: 4 });
      graph.clear();
      await graph.reset({ seed: 4 });
      for (let tick = 0; tick < 20; tick++) {
        const positions = robot.measured();
        positions[0] += 0.05;
        positions[2] -= 0.04;
        robot.command({ time: robot.clock.now, positions });
        graph.send[COMMANDS.topic](command(positions));
        await robot.clock.sleepUntil((tick + 1) / contract.rateHz);
        advance(1);
      }
      for (const { name, topic } of contract.cameras) {
        const here = frames.filter(({ camera }) => camera === name);
        const there = graph.on('sensor_msgs/msg/Image', topic);
        expect(there).toHaveLength(21);
        expect(there.every((image, i) => Buffer.compare(image.data, here[i].data) === 0)).toBe(true);
      }
      const states = graph.on('sensor_msgs/msg/JointState', contract.jointStates.topics[0]);
      const last = states[states.length - 1];
      expect(last.name).toEqual(JOINT_NAMES);
      expect(Float32Array.from(last.position)).toEqual(robot.measured());
    } finally {
      await robot.close();
    }
  });

  it('publishes sensors before the clock that says their time, which never stands still or goes back', async () => {
    const { graph, peer, advance } = await start();
    advance(2);
    await graph.reset({ seed: 3 });
    advance(1);
    let clock = 0n;
    for (const { topic, type, cdr } of graph.sent) {
      if (topic === '/clock') {
        const time = stampToNs(decode('rosgraph_msgs/msg/Clock', cdr).clock);
        expect(time).toBeGreaterThan(clock);
        clock = time;
      } else if (type === 'sensor_msgs/msg/Image' || type === 'sensor_msgs/msg/JointState') {
        expect(stampToNs(decode(type, cdr).header.stamp)).toBeGreaterThan(clock);
      }
    }
    expect(clock).toBe(peer.now);
    // Joint states and clock at 100 Hz, one more each at the start and at the reset.
    expect(graph.on('rosgraph_msgs/msg/Clock', '/clock')).toHaveLength(2 + 3 * 5);
    expect(graph.on('std_msgs/msg/Float32', contract.reward.topic)).toHaveLength(2 + 3);
  });

  it('renders only for those who look', async () => {
    const { graph, advance } = await start();
    graph.watched = false;
    graph.clear();
    advance(2);
    expect(graph.sent.filter(({ type }) => type === 'sensor_msgs/msg/Image')).toEqual([]);
    expect(graph.on('rosgraph_msgs/msg/Clock', '/clock').length).toBeGreaterThan(0);
  });

  it('shows its world in three dimensions, the cube where it is', async () => {
    const { world, graph } = await start();
    const [{ markers }] = graph.on('visualization_msgs/msg/MarkerArray', '~/scene');
    const [x, y] = world.scene.data.xpos.slice(3 * world.scene.id('body', 'cube'));
    const cube = markers.find(({ pose }) => pose.position.x === x && pose.position.y === y);
    expect(cube).toMatchObject({ type: 1, header: { frame_id: 'world' }, color: { a: 1 } });
    expect(new Set(markers.map(({ id }) => id)).size).toBe(markers.length);
  });

  it('lays out the episode of a seed, and stays there when old commands are forgotten', async () => {
    const { world, graph, advance } = await start({ seed: 1 });
    const start1 = world.measured();
    graph.send[COMMANDS.topic](command(start1.map((q) => q + 0.2)));
    advance(1);
    expect(await graph.reset({ seed: 2 })).toMatchObject({ success: true });
    const start2 = world.measured();
    expect(start2).not.toEqual(start1);
    advance(4);
    expectNear(world.measured(), start2);
    await graph.reset({ seed: 1 });
    expect(world.measured()).toEqual(start1);
    expect(await graph.reset({ seed: -1 })).toMatchObject({ success: false });
  });

  it('does not follow a bad command, and says so once', async () => {
    const { world, graph, warnings, advance } = await start();
    const before = world.measured();
    const bad = before.map(() => Number.NaN);
    graph.send[COMMANDS.topic](command(bad));
    graph.send[COMMANDS.topic](command(bad));
    advance(3);
    expectNear(world.measured(), before);
    expect(warnings).toEqual([
      `A command on ${COMMANDS.topic} is not followed: its value for ${JOINT_NAMES[0]} is NaN.`,
    ]);
    graph.send[COMMANDS.topic](command(before));
    graph.send[COMMANDS.topic](command(before.subarray(1), JOINT_NAMES.slice(1)));
    expect(warnings[1]).toContain(`it lacks ${JOINT_NAMES[0]}`);
  });

  it('speaks of joints as the contract says that the robot does', async () => {
    const degrees = 180 / Math.PI;
    const joints = contract.joints.map((joint, j) =>
      j === 0 ? { ...joint, ros: { name: 'pan', scale: 1 / degrees, offset: 0 } } : joint,
    );
    const { world, graph, advance } = await start({ on: { ...contract, joints } });
    const [state] = graph.on('sensor_msgs/msg/JointState', contract.jointStates.topics[0]);
    expect(state.name[0]).toBe('pan');
    expect(state.position[0]).toBeCloseTo(world.measured()[0] * degrees, 6);
    const positions = Float64Array.from(world.measured());
    positions[0] = 20;
    graph.send[COMMANDS.topic](command(positions, ['pan', ...JOINT_NAMES.slice(1)]));
    advance(20);
    expect(world.measured()[0] * degrees).toBeCloseTo(20, 0);
  });
});
