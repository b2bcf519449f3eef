/**
 * Resident memory over 500 episodes in one process, against what it was after the first 50.
 *
 *     npm run bench:memory
 */
import { join } from 'node:path';
import { RolloutSession } from '../src/rollout/session.js';

const root = join(import.meta.dirname, '..');
const episodes = Number(process.argv[2] ?? 500);
const session = await RolloutSession.open({
  robot: join(root, 'config/robots/sim_arm.yaml'),
  policy: join(root, 'models/pick_lift'),
  task: 'pick_lift',
  tasksDir: join(root, 'config/tasks'),
  provider: 'cpu',
});
const residentMb = () => process.memoryUsage().rss / 2 ** 20;
let after50 = 0;
for (let episode = 1; episode <= episodes; episode++) {
  await session.run(10_000 + episode);
  if (episode === 50) after50 = residentMb();
  if (episode % 50 === 0) console.log(`${episode} episodes   ${residentMb().toFixed(0)} MB`);
}
const growth = residentMb() - after50;
await session.close();
console.log(`growth after the first 50 episodes: ${growth.toFixed(1)} MB`);
process.exitCode = growth < 50 ? 0 : 1;
