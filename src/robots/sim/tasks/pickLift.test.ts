import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../../contract/load.js';
import { demonstrate } from '../expert/demonstrator.js';
import { SimRobot } from '../simRobot.js';
import { loadTask } from '../task.js';

describe('pick_lift', () => {
  let robot: SimRobot;
  beforeAll(async () => {
    const spec = await loadTask('pick_lift', join(import.meta.dirname, '../../../../config/tasks'));
    robot = await SimRobot.create(await loadContract(spec.robot), spec);
  });
  afterAll(() => robot.close());

  const cubeAddress = () => robot.scene.model.jnt_qposadr[robot.scene.id('joint', 'cube')];

  it('stays within the stated workspace, and uses all of it', async () => {
    const xs: number[] = [];
    const ys: number[] = [];
    for (let seed = 1; seed <= 200; seed++) {
      await robot.reset({ seed });
      const cube = 3 * robot.scene.id('body', 'cube');
      xs.push(robot.scene.data.xpos[cube]);
      ys.push(robot.scene.data.xpos[cube + 1]);
    }
    expect(Math.min(...xs)).toBeGreaterThanOrEqual(0.27);
    expect(Math.min(...xs)).toBeLessThan(0.28);
    expect(Math.max(...xs)).toBeLessThanOrEqual(0.45);
    expect(Math.max(...xs)).toBeGreaterThan(0.44);
    expect(Math.min(...ys)).toBeLessThan(-0.14);
    expect(Math.max(...ys)).toBeGreaterThan(0.14);
  });

  it('rewards 0 at reset, and every stage in turn while the expert works', async () => {
    const stages: number[] = [];
    const subscription = robot.outcomes.subscribe(({ reward }) => {
      if (stages.at(-1) !== reward) stages.push(reward);
    });
    await demonstrate(robot, { seed: 1, timeLimitS: 12, disturb: false });
    subscription.unsubscribe();
    // One finger may touch in the same tick as the other.
    expect(stages.filter((stage) => stage !== 1)).toEqual([0, 2, 3, 4]);
  });

  it('gives no reward for a cube that is high up but not held', async () => {
    await robot.reset({ seed: 1 });
    robot.scene.data.qpos[cubeAddress() + 2] = 0.3;
    robot.scene.forward();
    expect(robot.task.outcome(0).reward).toBe(0);
    expect(robot.task.outcome(1).reward).toBe(0);
  });

  it('asks for half a second at goal height, and starts counting anew after a drop', async () => {
    await demonstrate(robot, { seed: 4, timeLimitS: 12, disturb: false });
    const { time } = { time: robot.clock.now };
    expect(robot.task.outcome(time).reward).toBe(4);
    const z = robot.scene.data.qpos[cubeAddress() + 2];
    robot.scene.data.qpos[cubeAddress() + 2] = 0.3; // out of the fingers
    robot.scene.forward();
    expect(robot.task.outcome(time + 0.05).reward).toBe(0);
    robot.scene.data.qpos[cubeAddress() + 2] = z;
    robot.scene.forward();
    expect(robot.task.outcome(time + 0.1).reward).toBe(3);
    expect(robot.task.outcome(time + 0.55).reward).toBe(3);
    expect(robot.task.outcome(time + 0.6).reward).toBe(4);
  });

  it('says so when the cube is off the table', async () => {
    await robot.reset({ seed: 1 });
    robot.scene.data.qpos[cubeAddress() + 2] = -0.2;
    robot.scene.forward();
    expect(robot.task.outcome(0).failure).toBe('the cube fell off the table');
  });
});
