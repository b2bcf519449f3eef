/** Episodes in a world that is spoken to as Gazebo is, and what happens when a part of it fails. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { commandTopic, POSES_TOPIC, WORLD, worldService } from '../../src/gazebo/names.js';
import { decode, encode } from '../../src/messages/cdr.js';
import type { DiagnosticArray } from '../../src/messages/types.js';
import { SimRobot } from '../../src/robots/sim/simRobot.js';
import type { Tick } from '../../src/tap.js';
import { System, type SystemOptions } from './system.js';

let system: System;
afterEach(() => system.close());

async function start(options: SystemOptions): Promise<System> {
  system = await System.start(options);
  return system;
}

/** The commands of an episode. */
async function ticksOf(
  seed: number,
  timeLimitS: number,
): Promise<{ readonly stop: string; readonly commands: number[][] }> {
  const ticks: Tick[] = [];
  const { stop } = await system.episode(seed, { timeLimitS, tap: { onTick: (tick) => ticks.push(tick) } });
  return {
    stop,
    commands: ticks.flatMap(({ command, between }) =>
      [command, ...between].map(({ positions }) => [...positions]),
    ),
  };
}

/** Resolves once the episode under way has come so far. */
function comeTo(ticks: number): { readonly tap: { onTick(): void }; readonly reached: Promise<void> } {
  let seen = 0;
  let reach = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  return {
    reached,
    tap: {
      onTick() {
        if (++seen === ticks) reach();
      },
    },
  };
}

/** What `/diagnostics` says next of a part of the peer. */
function diagnosis(part: string): Promise<string> {
  return new Promise((resolve) => {
    system.ros
      .node('/watch')
      .listen('diagnostic_msgs/msg/DiagnosticArray', '/diagnostics', 'reliable', (cdr) => {
        const { status }: DiagnosticArray = decode('diagnostic_msgs/msg/DiagnosticArray', cdr);
        const found = status.find(({ name }) => name === `gazebo_peer: ${part}`);
        if (found && found.level > 0) resolve(found.message);
      });
  });
}

describe('a world in lockstep', () => {
  it('begins an episode as the embedded simulator does', async () => {
    const { robot, world, contract, task } = await start({ lockstep: true });
    const embedded = await SimRobot.create(contract, task);
    for (const seed of [7, 8]) {
      await robot.reset({ seed });
      await embedded.reset({ seed });
      const { scene } = embedded;
      const body = scene.id('body', 'cube');
      const cube = scene.data.xpos.slice(3 * body, 3 * body + 3);
      world.where('cube').forEach((at, i) => {
        expect(Math.abs(at - cube[i])).toBeLessThan(0.001);
      });
      const states: Float32Array[] = [];
      const subscription = robot.joints.subscribe(({ positions }) => states.push(positions));
      await robot.clock.sleepUntil(robot.clock.now + 0.05);
      subscription.unsubscribe();
      embedded.measured().forEach((home, j) => {
        expect(Math.abs((states.at(-1) as Float32Array)[j] - home)).toBeLessThan(0.01);
      });
    }
    await embedded.close();
  }, 300_000);

  it('is acted on alike, however fast the machine is', async () => {
    await start({ lockstep: true });
    const first = await ticksOf(3, 1.5);
    expect(first.commands).toHaveLength(1.5 * system.contract.commandRateHz);
    await system.close();
    await start({ lockstep: true });
    // A machine that is busy with something else now and then.
    const busy = setInterval(() => {
      for (const until = performance.now() + 40; performance.now() < until; );
    }, 90);
    const second = await ticksOf(3, 1.5);
    clearInterval(busy);
    expect(second).toEqual(first);
  }, 300_000);

  it('has the policy succeed', async () => {
    await start({ lockstep: true });
    const results = [];
    for (const seed of [1, 2, 4, 5]) results.push(await system.episode(seed));
    for (const { stop, highest_reward, safety, wall } of results) {
      expect({ stop, highest_reward }).toEqual({ stop: 'success', highest_reward: 4 });
      expect(safety.hold_stale).toBe(0);
      expect(wall.missed_ticks).toBe(0);
    }
    expect(system.said).toEqual([]);
  }, 300_000);

  it('gives the episode up when Gazebo dies, and says at the next that it is gone', async () => {
    await start({ lockstep: true });
    const { tap, reached } = comeTo(10);
    const episode = system.episode(1, { tap });
    await reached;
    system.world.kill();
    system.ros.kill('/bridge');
    expect(await episode).toMatchObject({
      stop: 'aborted',
      reason: expect.stringMatching(/^the world cannot be stepped: \/gazebo_peer\/control refuses$/),
    });
    await expect(system.episode(2)).rejects.toThrow(
      /^the robot was not reset by \/gazebo_peer\/reset: the service \/world\/saccade\/control did not answer within 10 s$/,
    );
  }, 300_000);
});

describe('a world that runs by itself', () => {
  it('is brought to the start of an episode, at a fifth of real time too', async () => {
    const { robot } = await start({ lockstep: false, rtf: 0.2 });
    const began = [performance.now(), system.world.now];
    await robot.reset({ seed: 5 });
    const [wallS, simulatedS] = [(performance.now() - began[0]) / 1000, system.world.now - began[1]];
    // Slow as it is, no limit has passed.
    expect(simulatedS).toBeLessThan(3);
    expect(wallS).toBeGreaterThan(4 * simulatedS);
    // And slows down further.
    system.world.rtf = 0.05;
    await robot.clock.sleepUntil(robot.clock.now + 0.2);
  }, 300_000);

  it('gives the episode up when Gazebo dies, and brings the arm to rest', async () => {
    await start({ lockstep: false, rtf: 1 });
    const { tap, reached } = comeTo(10);
    const sent: number[][] = [];
    system.ros.onPublish = (node, topic, cdr) => {
      if (node === '/saccade' && topic === '/position_controller/commands')
        sent.push([...decode('std_msgs/msg/Float64MultiArray', cdr).data]);
    };
    const episode = system.episode(1, { tap });
    await reached;
    system.world.kill();
    system.ros.kill('/bridge');
    expect(await episode).toMatchObject({
      stop: 'aborted',
      reason: expect.stringMatching(/^nothing has come on \/clock for 2\.\d s$/),
    });
    expect(sent.at(-1)).toEqual(sent.at(-2));
    await expect(system.robot.reset({ seed: 2 })).rejects.toThrow(
      /^the robot was not reset by \/gazebo_peer\/reset: the service \/world\/saccade\/control did not answer within 10 s$/,
    );
  }, 300_000);

  it('gives the episode up when somebody pauses it', async () => {
    await start({ lockstep: false, rtf: 1 });
    const { tap, reached } = comeTo(10);
    const episode = system.episode(1, { tap });
    await reached;
    const control = system.ros
      .node('/gui')
      .client('ros_gz_interfaces/srv/ControlWorld', worldService(WORLD, 'control'));
    await control.call({ world_control: { pause: true, multi_step: 0 } }, { timeoutS: 5 });
    expect(await episode).toMatchObject({
      stop: 'aborted',
      reason: expect.stringMatching(/^the same time has come on \/clock for 2\.\d s$/),
    });
  }, 300_000);

  it.each([
    [
      POSES_TOPIC,
      'sightings',
      'nobody publishes /gazebo/poses',
      /cube was put on the table, and Gazebo does not say where it is/,
    ],
    [
      commandTopic('elbow'),
      undefined,
      '',
      /the arm does not reach its home pose: elbow at [\d.]+ instead of [\d.]+/,
    ],
    [
      worldService(WORLD, 'create'),
      'world',
      'nobody offers /world/saccade/create',
      /nobody offers the service \/world\/saccade\/create/,
    ],
    [
      '/joint_states',
      'sightings',
      'nobody publishes /joint_states',
      /nobody publishes \/joint_states: is Gazebo running/,
    ],
  ])(
    'names %s where the bridge lacks it',
    async (name, part, said, reason) => {
      const { ros, robot } = await start({ lockstep: false });
      ros.cut(name);
      if (part) expect(await diagnosis(part)).toContain(said);
      await expect(robot.reset({ seed: 5 })).rejects.toThrow(reason);
    },
    60_000,
  );

  it('names a camera that the bridge lacks', async () => {
    const { ros, robot } = await start({ lockstep: false, rtf: 1 });
    ros.cut('/head/image_raw');
    expect(robot.status().sources.find(({ source }) => source === 'camera head')?.problem).toContain(
      'nobody publishes /head/image_raw',
    );
    expect(await system.episode(1)).toMatchObject({
      stop: 'aborted',
      reason: '5 s after the reset nothing has come from camera head',
    });
  }, 300_000);

  it('does not hand on what is no command', async () => {
    const { ros, robot } = await start({ lockstep: false });
    await robot.reset({ seed: 1 });
    const node = ros.node('/other');
    const command = (data: number[]) =>
      encode('std_msgs/msg/Float64MultiArray', {
        layout: { dim: [], data_offset: 0 },
        data: Float64Array.from(data),
      });
    const publication = node.advertise('std_msgs/msg/Float64MultiArray', '/position_controller/commands');
    publication.publish(command([1, 2]));
    publication.publish(command([0, 0, 0, 0, 0, 0, Number.NaN]));
    await vi.waitFor(() =>
      expect(system.said).toEqual([
        'A command on /position_controller/commands is not handed on: it has 2 values for 7 joints.',
        'A command on /position_controller/commands is not handed on: a value of it is not finite.',
      ]),
    );
  }, 300_000);
});
