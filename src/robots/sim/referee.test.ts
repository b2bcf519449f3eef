import { describe, expect, it } from 'vitest';
import { TASKS } from '../../../test/support/cli.js';
import { loadContract } from '../../contract/load.js';
import type { Outcome } from '../robot.js';
import { demonstrate } from './expert/demonstrator.js';
import { Referee, type Scenery } from './referee.js';
import { SimRobot } from './simRobot.js';
import { loadTask } from './task.js';

/** What a simulator shows of itself at one control tick, and what its own task says to that. */
interface Seen {
  readonly scenery: Scenery;
  readonly outcome: Outcome;
}

/** Half of the episodes are disturbed. Short limits: some are cut off before they succeed. */
const EPISODES = [
  { seed: 1, timeLimitS: 12, disturb: false },
  { seed: 2, timeLimitS: 12, disturb: true },
  { seed: 3, timeLimitS: 12, disturb: true },
  { seed: 4, timeLimitS: 1.5, disturb: false },
  { seed: 5, timeLimitS: 12, disturb: true },
];

async function record(
  robot: SimRobot,
  referee: Referee,
  episode: (typeof EPISODES)[number],
): Promise<Seen[]> {
  const { scene } = robot;
  const { model, data } = scene;
  const seen: Seen[] = [];
  const subscription = robot.outcomes.subscribe((outcome) => {
    const joints = [...robot.contract.joints.map(({ name }) => name), ...referee.followers.values()];
    const at = (joint: string) => data.qpos[model.jnt_qposadr[scene.id('joint', joint)]];
    const objects = referee.objects.map((name) => {
      const body = scene.id('body', name);
      const [x, y, z] = data.xpos.slice(3 * body, 3 * body + 3);
      const [w, qx, qy, qz] = data.xquat.slice(4 * body, 4 * body + 4);
      const dof = model.jnt_dofadr[scene.id('joint', name)];
      const [vx, vy, vz] = data.qvel.slice(dof, dof + 3);
      const motion = { position: [x, y, z], orientation: [qx, qy, qz, w], velocity: [vx, vy, vz] } as const;
      return [name, motion] as const;
    });
    const scenery = { joints: new Map(joints.map((joint) => [joint, at(joint)])), objects: new Map(objects) };
    seen.push({ scenery, outcome });
  });
  await demonstrate(robot, episode);
  subscription.unsubscribe();
  return seen;
}

describe.each(['pick_lift', 'pick_at_xy', 'place_left_of', 'transfer_cube'])('the referee of %s', (task) => {
  it('says of the same poses what the embedded task says', async () => {
    const spec = await loadTask(task, TASKS);
    const contract = await loadContract(spec.robot);
    const robot = await SimRobot.create(contract, spec);
    const exact = await Referee.create(contract, spec);
    const lenient = await Referee.create(contract, spec, 0.001);
    try {
      const highest = new Set<number>();
      for (const episode of EPISODES) {
        const seen = await record(robot, exact, episode);
        const rewards = seen.map(({ outcome }) => outcome.reward);
        highest.add(Math.max(...rewards));
        expect(judged(exact, episode.seed, seen)).toEqual(seen.map(({ outcome }) => outcome));
        // What touches a little earlier and lets go a little later comes to the same in the end.
        const leniently = judged(lenient, episode.seed, seen);
        expect(leniently.at(-1)?.failure).toBe(seen.at(-1)?.outcome.failure);
        expect(Math.max(...leniently.map(({ reward }) => reward))).toBe(Math.max(...rewards));
      }
      // Successes, and attempts that came to less.
      expect(highest.size).toBeGreaterThan(1);
      expect(highest).toContain(robot.maxReward);
    } finally {
      exact.free();
      lenient.free();
      await robot.close();
    }
  }, 120_000);
});

function judged(referee: Referee, seed: number, seen: readonly Seen[]): Outcome[] {
  referee.layOut(seed);
  return seen.map(({ scenery, outcome }) => referee.judge(scenery, outcome.time));
}
