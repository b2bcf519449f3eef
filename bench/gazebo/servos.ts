/**
 * What Gazebo cannot have of the MJCF's arm, and what that moves: the expert's episodes in MuJoCo, and their commands
 * again on an arm that lacks it.
 *
 *     npm run bench:gazebo-servos [-- --episodes N]
 *
 * Differences are RMS over all control ticks, mrad of a hinge and mm of the gripper.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadContract } from '../../src/contract/load.js';
import { Expert } from '../../src/robots/sim/expert/expert.js';
import type { Scene } from '../../src/robots/sim/mujoco.js';
import { SimRobot } from '../../src/robots/sim/simRobot.js';
import { loadTask } from '../../src/robots/sim/task.js';

const ROOT = join(import.meta.dirname, '../..');
const TICKS = 60;
const { values } = parseArgs({ options: { episodes: { type: 'string', default: '10' } } });
const seeds = Array.from({ length: Number(values.episodes) }, (_, i) => i + 1);
const task = await loadTask('pick_lift', join(ROOT, 'config/tasks'));
const contract = await loadContract(task.robot);

type Change = (scene: Scene) => void;
const CHANGES: Readonly<Record<string, Change>> = {
  'no rotor inertia': ({ model }) => model.dof_armature.fill(0),
  'no dry friction': ({ model }) => model.dof_frictionloss.fill(0),
  'weight, as of a Gazebo that knows no <gravity>': ({ model }) => model.body_gravcomp.fill(0),
  'kv as damping, forcerange on the rest alone': (scene) => damp(scene, 0),
  'the same, forcerange wider by kv · 4 rad/s (or 0.2 m/s)': (scene) => damp(scene, 1),
};

/** As the world for Gazebo has its servos. */
function damp({ model }: Scene, wider: number): void {
  for (let i = 0; i < model.nu; i++) {
    const dof = model.jnt_dofadr[model.actuator_trnid[2 * i]];
    const kv = -model.actuator_biasprm[10 * i + 2];
    model.dof_damping[dof] += kv;
    model.actuator_biasprm[10 * i + 2] = 0;
    const room = wider * kv * contract.joints[i].velocity;
    model.actuator_forcerange[2 * i] -= room;
    model.actuator_forcerange[2 * i + 1] += room;
  }
}

/** Joints after every tick of an episode, and what they were told. */
async function episode(seed: number, change: Change, told?: readonly Float32Array[]) {
  const robot = await SimRobot.create(contract, task);
  try {
    change(robot.scene);
    await robot.reset({ seed });
    const expert = new Expert(robot);
    expert.reset();
    const [commands, joints]: [Float32Array[], Float32Array[]] = [[], []];
    for (let tick = 0; tick < TICKS; tick++) {
      const positions = told?.[tick] ?? Float32Array.from(expert.act(robot.measured()));
      commands.push(positions);
      robot.command({ time: robot.clock.now, positions });
      await robot.clock.sleepUntil((tick + 1) / contract.rateHz);
      joints.push(robot.measured());
    }
    expert.free();
    return { commands, joints };
  } finally {
    await robot.close();
  }
}

const whole = [];
for (const seed of seeds) whole.push({ seed, ...(await episode(seed, () => {})) });
console.log(
  `${seeds.length} episodes of ${TICKS} ticks; ${contract.joints.map(({ name }) => name).join(', ')}`,
);
for (const [name, change] of Object.entries(CHANGES)) {
  const squares = contract.joints.map(() => 0);
  for (const { seed, commands, joints } of whole) {
    const changed = await episode(seed, change, commands);
    changed.joints.forEach((row, tick) => {
      row.forEach((q, j) => {
        squares[j] += (q - joints[tick][j]) ** 2;
      });
    });
  }
  const rms = squares.map((sum) => (1000 * Math.sqrt(sum / (seeds.length * TICKS))).toFixed(2));
  console.log(`${name.padEnd(58)} ${rms.map((value) => value.padStart(7)).join('')}`);
}
