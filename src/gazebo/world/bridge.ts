/** What ros_gz_bridge carries between Gazebo and ROS 2, as its YAML file. */
import { stringify } from 'yaml';
import type { RobotContract } from '../../contract/contract.js';
import { commandTopic, gz, POSES_TOPIC } from '../names.js';
import { messageType, type Release } from './release.js';

export interface BridgeEntry {
  readonly ros_topic_name: string;
  readonly gz_topic_name: string;
  readonly ros_type_name: string;
  readonly gz_type_name: string;
  readonly direction: 'GZ_TO_ROS' | 'ROS_TO_GZ';
}

/** @param things models whose poses are ground truth */
export function bridgeEntries(
  { name, cameras, joints, jointStates }: RobotContract,
  things: readonly string[],
  release: Release,
  plain: boolean,
): BridgeEntry[] {
  const type = (message: string) => messageType(release, message);
  const from = (ros: string, gazebo: string, rosType: string, gzType: string): BridgeEntry => ({
    ros_topic_name: ros,
    gz_topic_name: gazebo,
    ros_type_name: rosType,
    gz_type_name: type(gzType),
    direction: 'GZ_TO_ROS',
  });
  return [
    from('/clock', gz.clock, 'rosgraph_msgs/msg/Clock', 'Clock'),
    ...cameras.map(({ topic }) => from(topic, topic, 'sensor_msgs/msg/Image', 'Image')),
    ...things.map((thing) => from(POSES_TOPIC, gz.pose(thing), 'tf2_msgs/msg/TFMessage', 'Pose_V')),
    // ros2_control has the joints to itself.
    ...(plain
      ? [
          from(jointStates.topics[0], gz.jointStates(name), 'sensor_msgs/msg/JointState', 'Model'),
          ...joints.map(
            (joint): BridgeEntry => ({
              ros_topic_name: commandTopic(joint.name),
              gz_topic_name: gz.command(name, joint.name),
              ros_type_name: 'std_msgs/msg/Float64',
              gz_type_name: type('Double'),
              direction: 'ROS_TO_GZ',
            }),
          ),
        ]
      : []),
  ];
}

export function bridgeYaml(entries: readonly BridgeEntry[]): string {
  return `# Made by \`saccade gazebo-world\`, for ros_gz_bridge's parameter_bridge.\n${stringify(entries)}`;
}
