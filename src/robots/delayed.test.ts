import { describe, expect, it } from 'vitest';
import { FakeRobot } from '../../test/support/fakeRobot.js';
import { delaySensors } from './delayed.js';

/** The fake robot sends at 20 Hz. */
async function arrivals(delayS: number, ticks: number) {
  const robot = new FakeRobot();
  const late = delaySensors(robot, delayS);
  const came: [string, number, number][] = [];
  const frames = late.frames.subscribe(({ camera, time }) => came.push([camera, time, late.clock.now]));
  const joints = late.joints.subscribe(({ time }) => came.push(['joints', time, late.clock.now]));
  const rewards: number[] = [];
  late.outcomes.subscribe(({ time }) => rewards.push(late.clock.now - time));
  await late.reset({ seed: 1 });
  for (let n = 1; n <= ticks; n++) await late.clock.sleepUntil(n / 20);
  return { robot, late, came, rewards, frames, joints };
}

describe('delaySensors', () => {
  it('brings frames and joint states that much later, in their order and as they were stamped', async () => {
    const { came, rewards } = await arrivals(0.1, 6);
    for (const source of ['wrist', 'head', 'joints']) {
      const own = came.filter(([name]) => name === source);
      expect(own.map(([, time]) => Math.round(time * 20))).toEqual([0, 1, 2, 3, 4]);
      for (const [, time, at] of own) expect(at - time).toBeCloseTo(0.1, 9);
    }
    // Outcomes are not delayed.
    expect(new Set(rewards)).toEqual(new Set([0]));
  });

  it('rounds the delay up to what the robot’s period allows', async () => {
    const { came } = await arrivals(0.06, 4);
    expect(came.length).toBe(3 * 3);
    for (const [, time, at] of came) expect(at - time).toBeCloseTo(0.1, 9);
  });

  it('forgets what was on its way when the robot is reset, and listens while it is listened to', async () => {
    const { robot, late, came, frames, joints } = await arrivals(0.1, 1);
    expect(came).toEqual([]);
    await late.reset({ seed: 2 });
    for (let n = 1; n <= 2; n++) await late.clock.sleepUntil(n / 20);
    expect(came.map(([, time]) => time)).toEqual([0, 0, 0]);
    frames.unsubscribe();
    expect([robot.frames.observed, robot.joints.observed]).toEqual([false, true]);
    joints.unsubscribe();
    expect(robot.joints.observed).toBe(false);
  });
});
