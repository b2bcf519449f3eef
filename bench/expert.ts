/**
 * How often the scripted experts of the simulator's tasks succeed, undisturbed and disturbed as `saccade demos` records
 * them; the table is Markdown.
 *
 *     npm run bench:expert [-- TASK…]
 */
import { join } from 'node:path';
import { loadContract } from '../src/contract/load.js';
import { mean, wilson95 } from '../src/episode/statistics.js';
import { metricNames, metricText } from '../src/report/metrics.js';
import { type Demonstration, demonstrate } from '../src/robots/sim/expert/demonstrator.js';
import { SimRobot } from '../src/robots/sim/simRobot.js';
import { loadTask } from '../src/robots/sim/task.js';

const TASKS = join(import.meta.dirname, '../config/tasks');
const RUNS = [
  { disturb: false, first: 1000, episodes: 200 },
  { disturb: true, first: 3000, episodes: 100 },
];
const chosen = process.argv.slice(2);
const names = chosen.length > 0 ? chosen : ['pick_lift', 'pick_at_xy', 'place_left_of', 'transfer_cube'];

console.log('| task | seeds | run | success | 95 % interval | seconds, mean and longest | metric |');
console.log('|:--|:--|:--|--:|:--|--:|:--|');
for (const name of names) {
  const spec = await loadTask(name, TASKS);
  const robot = await SimRobot.create(await loadContract(spec.robot), spec);
  for (const { disturb, first, episodes } of RUNS) {
    const demos: Demonstration[] = [];
    for (let seed = first; seed < first + episodes; seed++)
      demos.push(await demonstrate(robot, { seed, timeLimitS: spec.time_limit_s, disturb }));
    console.log(row(name, disturb, demos));
  }
  await robot.close();
}

function row(task: string, disturb: boolean, demos: readonly Demonstration[]): string {
  const successes = demos.filter(({ success }) => success);
  const seconds = successes.map(({ durationS }) => durationS);
  const [low, high] = wilson95(successes.length, demos.length).map((share) => (100 * share).toFixed(1));
  const metrics = metricNames(successes).map((metric) => {
    const { label, unit, figure } = metricText(metric);
    const values = successes.flatMap(({ metrics }) => metrics?.[metric] ?? []);
    return `${label} ${figure(mean(values) ?? 0)} ${unit}, at most ${figure(Math.max(...values))}`;
  });
  return `| ${[
    task,
    `${demos[0]?.seed} to ${demos.at(-1)?.seed}`,
    disturb ? 'disturbed' : 'as it is',
    `${successes.length} of ${demos.length}`,
    `${low} – ${high} %`,
    `${(mean(seconds) ?? 0).toFixed(1)}, ${Math.max(...seconds).toFixed(1)}`,
    metrics.join('; '),
  ].join(' | ')} |`;
}
