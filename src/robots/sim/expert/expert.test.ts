import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../../contract/load.js';
import { SimRobot } from '../simRobot.js';
import { loadTask, type TaskSpec } from '../task.js';
import { type Demonstration, type DemonstrationStep, demonstrate } from './demonstrator.js';

const TASKS = join(import.meta.dirname, '../../../../config/tasks');

/** Episodes here; `npm run bench:expert` runs more of them. */
const RUNS = [
  { task: 'pick_lift', calm: 60, disturbed: 40 },
  { task: 'pick_at_xy', calm: 16, disturbed: 10 },
  { task: 'place_left_of', calm: 16, disturbed: 10 },
  { task: 'transfer_cube', calm: 16, disturbed: 10 },
];

describe.each(RUNS)('the scripted expert of $task', ({ task, calm, disturbed }) => {
  let robot: SimRobot;
  let spec: TaskSpec;
  beforeAll(async () => {
    spec = await loadTask(task, TASKS);
    robot = await SimRobot.create(await loadContract(spec.robot), spec);
  });
  afterAll(() => robot.close());

  const run = (seed: number, disturb: boolean, onStep?: (step: DemonstrationStep) => void) =>
    demonstrate(robot, { seed, timeLimitS: spec.time_limit_s, disturb, ...(onStep && { onStep }) });

  async function failures(first: number, count: number, disturb: boolean): Promise<Demonstration[]> {
    const failed: Demonstration[] = [];
    for (let seed = first; seed < first + count; seed++) {
      const demo = await run(seed, disturb);
      if (!demo.success) failed.push(demo);
    }
    return failed;
  }

  it('succeeds', async () => {
    expect(await failures(1000, calm, false)).toEqual([]);
  }, 240_000);

  it('recovers from noise, knocks and slips', async () => {
    expect((await failures(3000, disturbed, true)).length).toBeLessThanOrEqual(Math.ceil(0.1 * disturbed));
  }, 240_000);

  it('keeps its intended commands inside the contract’s limits, undisturbed', async () => {
    const { joints, rateHz } = robot.contract;
    for (const seed of [1, 2, 3]) {
      const steps: DemonstrationStep[] = [];
      await run(seed, false, (step) => steps.push(step));
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
    const steps = async (disturb: boolean) => {
      const taken: DemonstrationStep[] = [];
      await run(11, disturb, (step) => taken.push(step));
      return taken;
    };
    const [calmly, shaken, again] = [await steps(false), await steps(true), await steps(true)];
    expect(again).toEqual(shaken);
    expect(shaken.map(({ action }) => action)).not.toEqual(calmly.map(({ action }) => action));
    // What is executed is disturbed, what a learner sees as the action is not.
    expect(shaken.some(({ action, command }) => action.some((a, j) => Math.abs(a - command[j]) > 0.01))).toBe(
      true,
    );
  });

  it('passes every stage, and goes on past success as long as the task asks', async () => {
    const rewards: number[] = [];
    const subscription = robot.outcomes.subscribe(({ reward }) => rewards.push(reward));
    await run(1, false);
    subscription.unsubscribe();
    // Two stages may come in one tick.
    const stages = [...new Set(rewards)];
    expect(stages).toEqual([...stages].sort());
    expect([stages[0], stages.at(-1)]).toEqual([0, 4]);
    expect(stages.length).toBeGreaterThanOrEqual(4);
    const solved = rewards.indexOf(4);
    const linger = Math.round(robot.task.script.lingerS * robot.contract.rateHz);
    expect(rewards.slice(solved)).toEqual(new Array(linger + 1).fill(4));
  });
});
