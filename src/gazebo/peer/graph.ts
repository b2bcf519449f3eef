/** What the peer needs of a ROS 2 node; a `RosNode` has it. */
import type { RosNode } from '../../robots/ros2/rosNode.js';

export type Graph = Pick<RosNode, 'advertise' | 'listen' | 'publishers' | 'offerService' | 'client'>;
