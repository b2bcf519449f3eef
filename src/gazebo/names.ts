/** What Gazebo's world and its topics are called on the side of ROS 2 and on Gazebo's. */

/** The world's name, which its services begin with. */
export const WORLD = 'saccade';

/** Ground truth: tf2_msgs/TFMessage, `child_frame_id` is the name of the model. */
export const POSES_TOPIC = '/gazebo/poses';
/** Where a joint is to go: std_msgs/Float64. */
export const commandTopic = (joint: string): string => `/gazebo/${joint}/cmd_pos`;

/**
 * Where gz_ros2_control is used, its forward_command_controller: takes all joints at once, contract order, on
 * `/NAME/commands` (std_msgs/Float64MultiArray). The robot contract's own command topic is `gazebo_peer`'s in either case:
 * it hands commands on, and moves the arm itself when it is reset.
 */
export const CONTROLLER = 'gazebo_controller';

/** Services of the world, and their types in ROS 2. */
export const WORLD_SERVICES = {
  control: 'ros_gz_interfaces/srv/ControlWorld',
  set_pose: 'ros_gz_interfaces/srv/SetEntityPose',
  create: 'ros_gz_interfaces/srv/SpawnEntity',
  remove: 'ros_gz_interfaces/srv/DeleteEntity',
} as const;
export type WorldService = keyof typeof WORLD_SERVICES;
export const worldService = (world: string, service: WorldService): string => `/world/${world}/${service}`;

/** Gazebo's own topics. */
export const gz = {
  clock: '/clock',
  jointStates: (model: string): string => `/model/${model}/joint_states`,
  command: (model: string, joint: string): string => `/model/${model}/joint/${joint}/cmd_pos`,
  /** Where the PosePublisher system of a model publishes, whatever it is told. */
  pose: (model: string): string => `/model/${model}/pose`,
} as const;
