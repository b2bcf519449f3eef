/**
 * How far Gazebo is from the embedded simulator: the expert's episodes in MuJoCo, and the same commands again in
 * Gazebo, in lockstep, with what the cameras, the joints and the cube do in both.
 *
 *     ros2 launch saccade gazebo.launch.py episodes:=0 lockstep:=true     # in another shell
 *     npm run bench:gazebo-expert [-- --episodes N] [--seed N] [--ticks N] [--pictures DIR]
 *
 * Needs ROS 2 and the workspace sourced, and rclnodejs installed here (docs/recording.md). The embedded simulator has
 * the light and the cameras' mounting of Gazebo's world: their means. `--pictures` writes some instants of the first
 * episode: Gazebo above, MuJoCo below, the difference last.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { RobotContract } from '../../src/contract/contract.js';
import { loadContract } from '../../src/contract/load.js';
import type { Frame, Robot } from '../../src/robots/robot.js';
import { connect } from '../../src/robots/ros2/connect.js';
import { RosRobot } from '../../src/robots/ros2/rosRobot.js';
import { Expert } from '../../src/robots/sim/expert/expert.js';
import { SimRobot } from '../../src/robots/sim/simRobot.js';
import { loadTask, type TaskSpec } from '../../src/robots/sim/task.js';

const ROOT = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    episodes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    ticks: { type: 'string', default: '70' },
    pictures: { type: 'string' },
  },
});
const [episodes, first, ticks] = [values.episodes, values.seed, values.ticks].map(Number);
const contract = await loadContract(join(ROOT, 'config/robots/gazebo_arm.yaml'));
const task = averaged(await loadTask('pick_lift', join(ROOT, 'config/tasks')));
const node = await connect('gazebo_gap', { simTime: true });
const gazebo = new RosRobot({ graph: node, contract, simTime: true, lockstep: true });
const mujoco = await SimRobot.create(contract, task);

/** What both are seen to do in an episode, a row a control tick. */
interface Seen {
  readonly joints: Float32Array[];
  readonly rewards: number[];
  /** By camera. */
  readonly frames: Map<string, Frame[]>;
}

/** Light and cameras as Gazebo's world has them. */
function averaged(spec: TaskSpec): TaskSpec {
  const mean = ([low, high]: readonly [number, number]): [number, number] => [
    (low + high) / 2,
    (low + high) / 2,
  ];
  const { randomise: r } = spec;
  const randomise = {
    ...r,
    light_azimuth_rad: mean(r.light_azimuth_rad),
    light_elevation_rad: mean(r.light_elevation_rad),
    light_diffuse: mean(r.light_diffuse),
    light_ambient: mean(r.light_ambient),
    light_tint: mean(r.light_tint),
    head_camera_offset_m: 0,
    head_camera_rotation_rad: 0,
    wrist_camera_offset_m: 0,
    wrist_camera_rotation_rad: 0,
  };
  return { ...spec, randomise } as TaskSpec;
}

/** Both get the expert's target of a tick in as many steps as they take commands. */
async function run(robot: Robot, seed: number, target: (tick: number) => Float32Array): Promise<Seen> {
  const seen: Seen = {
    joints: [],
    rewards: [],
    frames: new Map(contract.cameras.map(({ name }) => [name, []])),
  };
  const newest = new Map<string, Frame>();
  let joints: Float32Array | undefined;
  let reward = 0;
  const subscriptions = [
    robot.frames.subscribe((frame) =>
      newest.set(frame.camera, { ...frame, data: Uint8Array.from(frame.data) }),
    ),
    robot.joints.subscribe((state) => {
      joints = Float32Array.from(state.positions);
    }),
    robot.outcomes.subscribe((outcome) => {
      reward = outcome.reward;
    }),
  ];
  await robot.reset({ seed });
  const start = robot.clock.now;
  const steps = Math.round(contract.commandRateHz / contract.rateHz);
  let before = joints as unknown as Float32Array;
  for (let tick = 0; tick < ticks; tick++) {
    const after = target(tick);
    for (let step = 1; step <= steps; step++) {
      const positions = after.map((q, j) => before[j] + (step / steps) * (q - before[j]));
      robot.command({ time: robot.clock.now, positions });
      await robot.clock.sleepUntil(start + (tick * steps + step) / contract.commandRateHz);
    }
    before = after;
    seen.joints.push(joints as unknown as Float32Array);
    seen.rewards.push(reward);
    for (const [name, frames] of seen.frames) {
      const frame = newest.get(name);
      if (frame) frames.push(frame);
    }
  }
  for (const subscription of subscriptions) subscription.unsubscribe();
  return seen;
}

const squares = contract.joints.map(() => 0);
const worst = contract.joints.map(() => 0);
const pixels = new Map(contract.cameras.map(({ name }) => [name, { absolute: 0, signed: 0, count: 0 }]));
const rewards: [mujoco: number, gazebo: number][] = [];
for (let seed = first; seed < first + episodes; seed++) {
  const commands: Float32Array[] = [];
  const expert = new Expert(mujoco);
  const inMujoco = await run(mujoco, seed, (tick) => {
    if (tick === 0) expert.reset();
    const command = Float32Array.from(expert.act(mujoco.measured()));
    commands.push(command);
    return command;
  });
  expert.free();
  const began = performance.now();
  const inGazebo = await run(gazebo, seed, (tick) => commands[tick]);
  const wallS = (performance.now() - began) / 1000;
  compare(inMujoco, inGazebo);
  rewards.push([Math.max(...inMujoco.rewards), Math.max(...inGazebo.rewards)]);
  console.log(
    `seed ${seed}: highest reward ${rewards.at(-1)?.join(' in MuJoCo, ')} in Gazebo; ${wallS.toFixed(1)} s for ${ticks / contract.rateHz} s and the reset`,
  );
  if (seed === first && values.pictures) await paint(inMujoco, inGazebo, values.pictures, contract);
}
report();
await gazebo.close();
await mujoco.close();
node.close();
process.exit();

function picture({ frames }: Seen, camera: string, tick: number): Uint8Array {
  const frame = frames.get(camera)?.[tick];
  if (!frame) throw new Error(`camera ${camera} had seen nothing by tick ${tick}`);
  return frame.data;
}

function compare(a: Seen, b: Seen): void {
  for (let tick = 0; tick < ticks; tick++) {
    contract.joints.forEach((_, j) => {
      const difference = Math.abs(a.joints[tick][j] - b.joints[tick][j]);
      squares[j] += difference ** 2;
      worst[j] = Math.max(worst[j], difference);
    });
    for (const [name, sums] of pixels) {
      const [mine, theirs] = [a, b].map((seen) => picture(seen, name, tick));
      for (let i = 0; i < mine.length; i++) {
        sums.absolute += Math.abs(mine[i] - theirs[i]);
        sums.signed += theirs[i] - mine[i];
      }
      sums.count += mine.length;
    }
  }
}

function report(): void {
  const row = (name: string, ...cells: string[]) =>
    console.log(`${name.padEnd(14)}${cells.map((cell) => cell.padStart(12)).join('')}`);
  row('', 'RMS', 'worst', '(mrad, mm)');
  contract.joints.forEach(({ name }, j) => {
    row(
      name,
      ...[Math.sqrt(squares[j] / (episodes * ticks)), worst[j]].map((value) => (1000 * value).toFixed(2)),
    );
  });
  row('', 'absolute', 'signed', '(of 255)');
  for (const [name, { absolute, signed, count }] of pixels)
    row(name, (absolute / count).toFixed(2), (signed / count).toFixed(2));
  const reached = (which: 0 | 1) => rewards.filter((each) => each[which] >= contract.reward.max).length;
  console.log(`success ${reached(0)} of ${episodes} in MuJoCo, ${reached(1)} in Gazebo`);
}

/** Instants of an episode side by side, each camera's in a file. */
async function paint(a: Seen, b: Seen, folder: string, { cameras }: RobotContract): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const shown = [0, 0.25, 0.4, 0.5, 0.6, 0.8, 0.99].map((share) => Math.floor(share * ticks));
  for (const { name, width, height } of cameras) {
    const of = (seen: Seen, tick: number) => picture(seen, name, tick);
    const tiles = shown.flatMap((tick, column) =>
      [of(b, tick), of(a, tick), of(b, tick).map((value, i) => Math.abs(value - of(a, tick)[i]))].map(
        (data, line) => ({
          input: Buffer.from(data),
          raw: { width, height, channels: 3 as const },
          left: column * width,
          top: line * height,
        }),
      ),
    );
    await sharp({
      create: { width: shown.length * width, height: 3 * height, channels: 3, background: 'black' },
    })
      .composite(tiles)
      .png()
      .toFile(join(folder, `${name}.png`));
  }
}
