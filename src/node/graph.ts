/** What the policy node needs of ROS 2; a `ManagedNode` has it. */
import type { RosGraph } from '../robots/ros2/graph.js';
import type { ManagedNode } from '../robots/ros2/managedNode.js';

export type NodeGraph = RosGraph &
  Pick<
    ManagedNode,
    | 'log'
    | 'manage'
    | 'declare'
    | 'isGiven'
    | 'parameter'
    | 'setParameter'
    | 'onParameters'
    | 'advertiseObjects'
    | 'offerAction'
    | 'offerTrigger'
  >;
