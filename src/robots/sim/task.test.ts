import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../contract/load.js';
import { SimRobot } from './simRobot.js';
import { loadTask, type TaskSpec } from './task.js';

const CONFIG = join(import.meta.dirname, '../../../config');
const TASKS = join(CONFIG, 'tasks');
const folder = mkdtempSync(join(tmpdir(), 'saccade-tasks-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A task file of ours, with something else in it. */
function altered(task: string, from: string | RegExp, to: string): string {
  const text = readFileSync(join(TASKS, `${task}.yaml`), 'utf8').replaceAll('../', `${CONFIG}/`);
  expect(text).toMatch(from);
  const file = join(folder, `${task}.yaml`);
  writeFileSync(file, text.replace(from, to));
  return file;
}

const create = async (spec: TaskSpec, robot = spec.robot) => SimRobot.create(await loadContract(robot), spec);

describe.each(['pick_lift', 'pick_at_xy', 'place_left_of', 'transfer_cube'])('the task %s', (name) => {
  it('is the same scene for the same seed, whatever came before, and another for another', async () => {
    const spec = await loadTask(name, TASKS);
    const [a, b] = [await create(spec), await create(spec)];
    const scene = async (robot: SimRobot, seed: number) => {
      await robot.reset({ seed });
      const pictures = robot.contract.cameras.map((camera) => robot.shot(camera.name, 96, 96));
      return { joints: robot.measured(), qpos: Array.from(robot.scene.data.qpos), pictures };
    };
    try {
      await scene(b, 99);
      b.command({ time: 0, positions: b.measured().map((q) => q + 0.1) });
      await b.clock.sleepUntil(0.5);
      const [x, y, other] = [await scene(a, 5), await scene(b, 5), await scene(a, 6)];
      expect(y).toEqual(x);
      expect(other.qpos).not.toEqual(x.qpos);
      other.pictures.forEach((picture, i) => {
        expect(picture).not.toEqual(x.pictures[i]);
      });
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  it('is at rest when it begins: nothing is in anything else', async () => {
    const robot = await create(await loadTask(name, TASKS));
    try {
      for (const seed of [1, 2, 3]) {
        await robot.reset({ seed });
        const before = Float64Array.from(robot.scene.data.qpos);
        await robot.clock.sleepUntil(0.5);
        const moved = Float64Array.from(robot.scene.data.qpos).map((q, i) =>
          Math.abs(q - (before[i] as number)),
        );
        expect(Math.max(...moved)).toBeLessThan(0.003);
      }
    } finally {
      await robot.close();
    }
  });
});

describe('a task', () => {
  it('is refused on a robot with another number of arms, naming the one it is for', async () => {
    const [one, two] = [await loadTask('pick_at_xy', TASKS), await loadTask('transfer_cube', TASKS)];
    await expect(create(two, one.robot)).rejects.toThrow(
      `task transfer_cube is for a robot with 2 arms, and ${one.robot} has 1: give --robot ${two.robot}`,
    );
    await expect(create(one, two.robot)).rejects.toThrow(
      `task pick_at_xy is for a robot with 1 arm, and ${two.robot} has 2: give --robot ${one.robot}`,
    );
  });

  it('that is unknown is refused, naming where it was looked for', async () => {
    await expect(loadTask('juggle', TASKS)).rejects.toThrow(
      `task 'juggle' is unknown: no ${join(TASKS, 'juggle.yaml')}, and no file of that name can be read`,
    );
  });

  it.each([
    ['pick_at_xy', /tolerance_m: .*/, 'tolerance_m: -1', /tolerance_m/],
    ['pick_at_xy', /name: .*/, 'name: juggle', /name/],
    ['place_left_of', /gap_m: .*/, 'gap_m: [0.13, 0.06]', /gap_m.*must be \[low, high\]/],
    ['place_left_of', /hold_s:/, 'held_s:', /hold_s is missing/],
    ['transfer_cube', /objects: .*/, '', /objects/],
  ])(
    'file with a mistake is refused, naming file and key: %s with %s as "%s"',
    async (task, from, to, key) => {
      const file = altered(task, from, to);
      await expect(loadTask(file, TASKS)).rejects.toThrow(file);
      await expect(loadTask(file, TASKS)).rejects.toThrow(key);
    },
  );

  it('whose objects are not there, or not its own, is refused', async () => {
    const nowhere = await loadTask(altered('pick_at_xy', /objects: .*/, 'objects: nowhere.xml'), TASKS);
    await expect(create(nowhere)).rejects.toThrow(
      `scene ${join(folder, 'nowhere.xml')} cannot be read: check sim.scene in the robot contract and objects in the task`,
    );
    const others = await loadTask(altered('pick_at_xy', 'pick_at_xy.xml', 'pick_lift.xml'), TASKS);
    await expect(create(others)).rejects.toThrow("the scene has no joint named 'block_1'");
    const noXml = await loadTask(altered('pick_at_xy', /objects: .*/, 'objects: pick_at_xy.yaml'), TASKS);
    await expect(create(noXml)).rejects.toThrow(/pick_at_xy\.yaml does not compile/);
  });

  it('without room for its blocks is refused', async () => {
    const robot = await create(
      await loadTask(altered('pick_at_xy', /spacing_m: .*/, 'spacing_m: 0.5'), TASKS),
    );
    await expect(robot.reset({ seed: 1 })).rejects.toThrow(
      'task pick_at_xy: there is no room for 4 places 0.5 m apart: widen randomise.place_x_m and place_y_m, or lessen spacing_m',
    );
    await robot.close();
  });

  it('that means the left of a camera which the scene lacks is refused', async () => {
    const spec = await loadTask(altered('place_left_of', /seen_by: .*/, 'seen_by: tail'), TASKS);
    await expect(create(spec)).rejects.toThrow("the scene has no camera named 'tail'");
  });
});
