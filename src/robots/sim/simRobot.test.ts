import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../contract/load.js';
import type { Frame, JointState, Outcome } from '../robot.js';
import { demonstrate } from './expert/demonstrator.js';
import { SimRobot } from './simRobot.js';
import { loadTask, type TaskSpec } from './task.js';

const root = join(import.meta.dirname, '../../..');
const load = () => loadContract(join(root, 'config/robots/sim_arm.yaml'));
const loadPickLift = () => loadTask('pick_lift', join(root, 'config/tasks'));

function watch(robot: SimRobot) {
  const seen = { frames: [] as Frame[], joints: [] as JointState[], outcomes: [] as Outcome[] };
  robot.frames.subscribe((frame) => seen.frames.push(frame));
  robot.joints.subscribe((joints) => seen.joints.push(joints));
  robot.outcomes.subscribe((outcome) => seen.outcomes.push(outcome));
  return seen;
}

describe('SimRobot', () => {
  let task: TaskSpec;
  let a: SimRobot;
  let b: SimRobot;
  beforeAll(async () => {
    task = await loadPickLift();
    a = await SimRobot.create(await load(), task);
    b = await SimRobot.create(await load(), task);
  });
  afterAll(async () => {
    await a.close();
    await b.close();
  });

  const wave = async (robot: SimRobot, seed: number, ticks: number) => {
    const seen = watch(robot);
    await robot.reset({ seed });
    const start = robot.measured();
    for (let tick = 0; tick < ticks; tick++) {
      const positions = start.map((q, j) => q + 0.2 * Math.sin(tick * 0.3 + j) * (j < 6 ? 1 : 0.02));
      robot.command({ time: robot.clock.now, positions });
      await robot.clock.sleepUntil((tick + 1) / robot.contract.rateHz);
    }
    return seen;
  };

  it('gives the same pixels, joints and rewards for the same seed and commands', async () => {
    // The second robot has lived through another episode first: nothing of it may remain.
    await wave(b, 99, 3);
    const [x, y] = [await wave(a, 5, 8), await wave(b, 5, 8)];
    expect(y.frames.length).toBe(27);
    expect(y).toEqual(x);
  });

  it('gives another scene for another seed', async () => {
    const [x, y] = [await wave(a, 5, 0), await wave(a, 6, 0)];
    for (let i = 0; i < 3; i++) expect(y.frames[i].data).not.toEqual(x.frames[i].data);
  });

  it('lets time pass only in sleepUntil, one frame a camera and period', async () => {
    const seen = watch(a);
    await a.reset({ seed: 1 });
    expect(a.clock.now).toBe(0);
    expect(seen.frames.map((f) => [f.camera, f.time])).toEqual([
      ['wrist_detail', 0],
      ['wrist_context', 0],
      ['head', 0],
    ]);
    await a.clock.sleepUntil(0.15);
    expect(a.clock.now).toBeCloseTo(0.15, 12);
    expect(seen.frames.length).toBe(12);
    expect(seen.joints.map((j) => Number(j.time.toFixed(9)))).toEqual([0, 0.05, 0.1, 0.15]);
  });

  it('follows a joint command to within a degree after a second', async () => {
    await a.reset({ seed: 2 });
    const target = a.measured().map((q, j) => (j < 6 ? q + (j % 2 ? -0.15 : 0.15) : 0.01));
    for (let tick = 0; tick < 20; tick++) {
      a.command({ time: a.clock.now, positions: target });
      await a.clock.sleepUntil((tick + 1) / 20);
    }
    const reached = a.measured();
    for (let j = 0; j < 6; j++) expect(Math.abs(reached[j] - target[j])).toBeLessThan(Math.PI / 180);
    expect(Math.abs(reached[6] - 0.01)).toBeLessThan(0.001);
  });

  it('takes commands between ticks, and senses joints with each and the rest once a tick', async () => {
    const fast = await SimRobot.create({ ...(await load()), commandRateHz: 100 }, task);
    const seen = watch(fast);
    await fast.reset({ seed: 3 });
    const home = fast.measured();
    for (let n = 0; n < 50; n++) {
      const positions = home.map((position, j) => position + (j === 0 ? 0.006 * (n + 1) : 0));
      fast.command({ time: n / 100, positions });
      await fast.clock.sleepUntil((n + 1) / 100);
      expect(fast.clock.now).toBe((n + 1) / 100);
    }
    expect(seen.joints.map(({ time }) => time)).toEqual(Array.from({ length: 51 }, (_, n) => n / 100));
    expect(seen.outcomes.map(({ time }) => time)).toEqual(Array.from({ length: 11 }, (_, n) => n / 20));
    expect(seen.frames).toHaveLength(11 * 3);
    // It follows at 0.6 rad/s without a stop between two commands.
    const pan = seen.joints.map(({ positions }) => positions[0] as number);
    const speeds = pan.slice(20).map((value, i) => (value - (pan[i + 19] as number)) * 100);
    for (const speed of speeds) expect(Math.abs(speed - 0.6)).toBeLessThan(0.1);
    await fast.close();
  });

  it('renders any size, and the same view at any size', async () => {
    await a.reset({ seed: 3 });
    const small = a.shot('head', 32, 24);
    const large = a.shot('head', 64, 48);
    expect([small.length, large.length]).toEqual([32 * 24 * 3, 64 * 48 * 3]);
    const mean = (pixels: Uint8Array) => pixels.reduce((sum, v) => sum + v, 0) / pixels.length;
    expect(Math.abs(mean(small) - mean(large))).toBeLessThan(4);
    expect(() => a.shot('tail', 8, 8)).toThrow(
      "no camera 'tail': the contract has wrist_detail, wrist_context, head",
    );
  });

  it('shows the cube to every role: repainting it changes each camera’s picture', async () => {
    // Above the cube all three cameras have it in view.
    const demo = await demonstrate(a, { seed: 7, timeLimitS: 1, disturb: false });
    expect(demo.steps).toBe(20);
    const cube = a.scene.model.jnt_qposadr[a.scene.id('joint', 'cube')];
    for (const { name } of a.contract.cameras) {
      const before = a.shot(name, 96, 96);
      const z = a.scene.data.qpos[cube + 2];
      a.scene.data.qpos[cube + 2] = -0.5; // under the table
      a.scene.forward();
      const without = a.shot(name, 96, 96);
      a.scene.data.qpos[cube + 2] = z;
      a.scene.forward();
      let changed = 0;
      for (let i = 0; i < before.length; i += 3) if (before[i] !== without[i]) changed++;
      expect(changed, name).toBeGreaterThan(20);
    }
  });

  it('refuses a rate that is not a whole number of physics steps, and a task for another arm', async () => {
    const contract = await load();
    await expect(SimRobot.create({ ...contract, rateHz: 30, commandRateHz: 30 }, task)).rejects.toThrow(
      /rate_hz 30 is a period of 0\.0333\d* s, not a whole number of the scene's 0\.002 s physics steps/,
    );
    await expect(SimRobot.create({ ...contract, commandRateHz: 240 }, task)).rejects.toThrow(
      /command_rate_hz 240 is a period of 0\.00416\d* s, not a whole number/,
    );
    const short = { ...task, randomise: { ...task.randomise, home: [0, 0, 0] } } as TaskSpec;
    await expect(SimRobot.create(contract, short)).rejects.toThrow(/randomise\.home has 3 joints, .* has 7/);
    const { sim: _, ...noSim } = contract;
    await expect(SimRobot.create(noSim, task)).rejects.toThrow(/has no sim section/);
    await expect(SimRobot.create({ ...contract, sim: { scene: '/nowhere.xml' } }, task)).rejects.toThrow(
      /scene \/nowhere\.xml cannot be read/,
    );
  });
});
