import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ROOT } from '../../../test/support/cli.js';
import { loadContract } from '../../contract/load.js';
import { bridgeEntries, bridgeYaml } from './bridge.js';
import { RELEASES } from './release.js';

const text = z.string().min(1);

/** An entry as ros_gz_bridge's bridge_config.cpp reads it: both types; the topic's name for both sides, or one for each. */
const entry = z
  .strictObject({
    topic_name: text.optional(),
    ros_topic_name: text.optional(),
    gz_topic_name: text.optional(),
    ros_type_name: text,
    gz_type_name: text,
    direction: z.enum(['BIDIRECTIONAL', 'GZ_TO_ROS', 'ROS_TO_GZ']).optional(),
    publisher_queue: z.int().positive().optional(),
    subscriber_queue: z.int().positive().optional(),
    lazy: z.boolean().optional(),
  })
  .refine(({ topic_name, ros_topic_name, gz_topic_name }) =>
    topic_name === undefined ? ros_topic_name || gz_topic_name : !ros_topic_name && !gz_topic_name,
  );

/** Pairs of types that it converts, of its table in the README. */
const PAIRS: Readonly<Record<string, string>> = {
  'rosgraph_msgs/msg/Clock': 'Clock',
  'sensor_msgs/msg/Image': 'Image',
  'sensor_msgs/msg/JointState': 'Model',
  'std_msgs/msg/Float64': 'Double',
  'tf2_msgs/msg/TFMessage': 'Pose_V',
};

describe.each(RELEASES)('the bridge’s file for %s', (release) => {
  const entries = async (plain: boolean) => {
    const contract = await loadContract(join(ROOT, 'config/robots/gazebo_arm.yaml'));
    return z.array(entry).parse(parse(bridgeYaml(bridgeEntries(contract, ['cube'], release, plain))));
  };

  it('is one that the bridge takes', async () => {
    const packageName = { fortress: 'ignition.msgs', harmonic: 'gz.msgs' }[release];
    for (const { ros_type_name, gz_type_name } of await entries(true))
      expect(gz_type_name).toBe(`${packageName}.${PAIRS[ros_type_name]}`);
  });

  it('carries the clock one way, images, joints, ground truth, and commands the other', async () => {
    const carried = (await entries(true)).map(({ direction, ros_topic_name, gz_topic_name }) => [
      direction,
      ros_topic_name,
      gz_topic_name,
    ]);
    expect(carried).toEqual([
      ['GZ_TO_ROS', '/clock', '/clock'],
      ...['wrist_detail', 'wrist_context', 'head'].map((name) => [
        'GZ_TO_ROS',
        `/${name}/image_raw`,
        `/${name}/image_raw`,
      ]),
      ['GZ_TO_ROS', '/gazebo/poses', '/model/cube/pose'],
      ['GZ_TO_ROS', '/joint_states', '/model/gazebo_arm/joint_states'],
      ...['shoulder_pan', 'shoulder_lift', 'elbow', 'wrist_1', 'wrist_2', 'wrist_3', 'gripper'].map(
        (name) => ['ROS_TO_GZ', `/gazebo/${name}/cmd_pos`, `/model/gazebo_arm/joint/${name}/cmd_pos`],
      ),
    ]);
  });

  it('leaves joints to ros2_control', async () => {
    const carried = (await entries(false)).map(({ ros_topic_name }) => ros_topic_name);
    expect(carried).not.toContain('/joint_states');
    expect(carried.filter((topic) => topic?.endsWith('cmd_pos'))).toEqual([]);
  });
});
