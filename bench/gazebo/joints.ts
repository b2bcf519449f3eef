/** Where the commands of a recorded episode bring the embedded arm, against where they brought the recorded one. */
import { openEpisode } from '../../src/record/openEpisode.js';
import { SimRobot } from '../../src/robots/sim/simRobot.js';
import { loadTask } from '../../src/robots/sim/task.js';
import { TASKS, withScene } from './images.js';

export interface JointGap {
  readonly joint: string;
  /** rad, or m */
  readonly rms: number;
  readonly max: number;
}

interface At {
  readonly time: number;
  readonly positions: Float32Array;
}

export async function jointGap(bags: readonly string[], task: string): Promise<JointGap[]> {
  const spec = await loadTask(task, TASKS);
  let robot: SimRobot | undefined;
  let [names, squares, most, n]: [string[], number[], number[], number] = [[], [], [], 0];
  for (const path of bags) {
    const bag = await openEpisode(path);
    const [commands, states]: [At[], At[]] = [[], []];
    for await (const event of bag.events(new Set(['command', 'joints'])))
      if (event.kind === 'command') commands.push(event);
      else if (event.kind === 'joints') states.push(event);
    if (!robot) {
      robot = await SimRobot.create(withScene(bag.contract), spec);
      names = bag.contract.joints.map(({ name }) => name);
      squares = names.map(() => 0);
      most = names.map(() => 0);
    }
    await robot.reset({ seed: bag.info?.seed ?? 0 });
    const period = 1 / bag.contract.commandRateHz;
    for (const [k, { time, positions }] of commands.entries()) {
      robot.command({ time: robot.clock.now, positions });
      await robot.clock.sleepUntil((k + 1) * period);
      const there = at(states, time + period);
      if (!there) continue;
      const here = robot.measured();
      n++;
      names.forEach((_, j) => {
        const off = Math.abs(here[j] - there.positions[j]);
        squares[j] += off ** 2;
        most[j] = Math.max(most[j], off);
      });
    }
    await bag.close();
  }
  await robot?.close();
  return names.map((joint, j) => ({ joint, rms: Math.sqrt(squares[j] / n), max: most[j] }));
}

/** The state measured at `time`, or within half a millisecond of it. */
function at(states: readonly At[], time: number): At | undefined {
  let [low, high] = [0, states.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (states[middle].time < time - 5e-4) low = middle + 1;
    else high = middle;
  }
  const state = states[low];
  return state && Math.abs(state.time - time) < 5e-4 ? state : undefined;
}
