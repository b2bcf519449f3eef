import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../contract/load.js';
import { type DemonstrationStep, demonstrate } from './demonstrator.js';
import { Kinematics } from './kinematics.js';
import { SimRobot } from './simRobot.js';
import { loadTask } from './task.js';

const root = join(import.meta.dirname, '../../..');
const ARM = ['shoulder_pan', 'shoulder_lift', 'elbow', 'wrist_1', 'wrist_2', 'wrist_3'];

let robot: SimRobot;
beforeAll(async () => {
  const contract = await loadContract(join(root, 'config/robots/sim_arm.yaml'));
  robot = await SimRobot.create(contract, await loadTask('pick_lift', join(root, 'config/tasks')));
});
afterAll(() => robot.close());

const successes = async (seeds: number, first: number, disturb: boolean) => {
  let count = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const demo = await demonstrate(robot, { seed, timeLimitS: 12, disturb });
    if (demo.success) count++;
  }
  return count;
};

describe('the scripted expert', () => {
  it('succeeds in at least 98 % of 200 seeds', async () => {
    expect(await successes(200, 1000, false)).toBeGreaterThanOrEqual(196);
  }, 120_000);

  it('recovers from noise, knocks and slips', async () => {
    expect(await successes(100, 2000, true)).toBeGreaterThanOrEqual(95);
  }, 120_000);

  it('keeps its intended commands inside the contract’s limits, undisturbed', async () => {
    const { joints, rateHz } = robot.contract;
    for (let seed = 1; seed <= 10; seed++) {
      const steps: DemonstrationStep[] = [];
      await demonstrate(robot, {
        seed,
        timeLimitS: 12,
        disturb: false,
        onStep: (step) => void steps.push(step),
      });
      expect(steps.length).toBeGreaterThan(20);
      let previous = steps[0].state;
      for (const { action, command } of steps) {
        expect(command).toEqual(action);
        joints.forEach((joint, j) => {
          expect(action[j]).toBeGreaterThanOrEqual(joint.min);
          expect(action[j]).toBeLessThanOrEqual(joint.max);
          expect(Math.abs(action[j] - previous[j]) * rateHz, joint.name).toBeLessThanOrEqual(joint.velocity);
        });
        previous = action;
      }
    }
  });

  it('takes different paths under disturbance, the same one for the same seed', async () => {
    const run = async (disturb: boolean) => {
      const steps: DemonstrationStep[] = [];
      await demonstrate(robot, {
        seed: 11,
        timeLimitS: 12,
        disturb,
        onStep: (step) => void steps.push(step),
      });
      return steps;
    };
    const [calm, shaken, again] = [await run(false), await run(true), await run(true)];
    expect(again).toEqual(shaken);
    expect(shaken.map(({ action }) => action)).not.toEqual(calm.map(({ action }) => action));
    // What is executed is disturbed, what a learner sees as the action is not.
    expect(shaken.some(({ action, command }) => action.some((a, j) => Math.abs(a - command[j]) > 0.01))).toBe(
      true,
    );
  });
});

describe('Kinematics', () => {
  it('finds joints for every pose of the workspace, to a tenth of a millimetre', () => {
    const kinematics = new Kinematics(robot.scene, ARM, 'tcp');
    const home = [0, 0.15, 1.75, 1.24, 0, 0];
    try {
      for (const x of [0.27, 0.36, 0.45]) {
        for (const y of [-0.15, 0, 0.15]) {
          for (const z of [0.016, 0.1, 0.16]) {
            for (const yaw of [-0.78, 0, 0.78]) {
              const { q, error } = kinematics.inverse({ position: [x, y, z], yaw }, home);
              expect(error, `${x} ${y} ${z} ${yaw}`).toBeLessThan(1e-4);
              const { position, yaw: reached } = kinematics.forward(q);
              expect(Math.hypot(position[0] - x, position[1] - y, position[2] - z)).toBeLessThan(1e-4);
              expect(Math.abs(reached - yaw)).toBeLessThan(1e-3);
            }
          }
        }
      }
    } finally {
      kinematics.free();
    }
  });

  it('says how far it stayed from a pose out of reach', () => {
    const kinematics = new Kinematics(robot.scene, ARM, 'tcp');
    const { error } = kinematics.inverse({ position: [1.5, 0, 0.1], yaw: 0 }, [0, 0.15, 1.75, 1.24, 0, 0]);
    expect(error).toBeGreaterThan(0.3);
    kinematics.free();
  });
});
