/**
 * The stand-in for Gazebo and its bridge as a node of its own.
 *
 *     vite-node test/gazebo/standInNode.ts ROBOT TASK WORLD RTF paused|running [WITHOUT…]
 *
 * WITHOUT are topics and services that it does not have. A line on stdin is its real-time factor from then on.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadContract } from '../../src/contract/load.js';
import { connect } from '../../src/robots/ros2/connect.js';
import type { Publication } from '../../src/robots/ros2/rosNode.js';
import { loadTask } from '../../src/robots/sim/task.js';
import { StandIn } from './standIn.js';

const [robot, task, world, rtf, state, ...without] = process.argv.slice(2);
const node = await connect('gazebo', { simTime: false });
const nobody: Publication = { publish() {}, listeners: 0, close() {} };
const standIn = await StandIn.create({
  graph: {
    advertise: (type, topic, qos) => (without.includes(topic) ? nobody : node.advertise(type, topic, qos)),
    listen: (type, topic, qos, onMessage) =>
      node.listen(type, without.includes(topic) ? `${topic}/nobody` : topic, qos, onMessage),
    offerService: (type, name, onCall) => {
      if (!without.includes(name)) node.offerService(type, name, onCall);
    },
  },
  contract: await loadContract(robot),
  task: await loadTask(task, join(import.meta.dirname, '../../config/tasks')),
  world,
  rtf: Number(rtf),
  paused: state === 'paused',
});
createInterface(process.stdin).on('line', (line) => {
  standIn.rtf = Number(line);
});
console.log('It goes.');
await standIn.run();
