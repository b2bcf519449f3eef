/** What the ROS robot uses of a node. */
import type { RosNode } from './rosNode.js';

export type RosGraph = Pick<
  RosNode,
  'name' | 'now' | 'publishers' | 'listen' | 'subscribe' | 'advertise' | 'callService' | 'client'
>;
