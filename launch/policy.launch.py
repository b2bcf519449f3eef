"""A policy on a robot: the managed node, configured and activated.

ros2 launch saccade policy.launch.py contract:=my_robot.yaml policy:=my_policy/
"""

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = [
    DeclareLaunchArgument('contract', description='Robot contract: a YAML file.'),
    DeclareLaunchArgument('policy', description='Policy bundle: a folder with policy.onnx and policy.yaml.'),
    DeclareLaunchArgument(
        'params',
        default_value=[FindPackageShare('saccade'), '/config/ros/policy_node.yaml'],
        description='Parameter file, under `/**`; the arguments here go before it.',
    ),
    DeclareLaunchArgument(
        'autostart',
        default_value='true',
        choices=['true', 'false'],
        description='Configure and activate at once; false: `ros2 lifecycle set /saccade configure`, then activate.',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='false',
        choices=['true', 'false'],
        description='Take the time from /clock.',
    ),
    DeclareLaunchArgument(
        'lockstep',
        default_value='false',
        choices=['true', 'false'],
        description='Step the simulator, as the contract says: its time passes only when the policy has acted.',
    ),
    DeclareLaunchArgument(
        'record_dir',
        default_value='',
        description="Where runs are recorded that ask for it; empty: the parameter file's, or nowhere.",
    ),
    DeclareLaunchArgument(
        'images',
        default_value='',
        choices=['', 'jpeg', 'raw'],
        description="How images are recorded; empty: the parameter file's, or jpeg.",
    ),
    DeclareLaunchArgument('name', default_value='saccade', description="The node's name."),
    DeclareLaunchArgument('namespace', default_value='', description="The node's namespace."),
    DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='What ROS 2 logs.',
    ),
]


def parameter(name: str, quote: str = '') -> list:
    return ['-p', [f'{name}:={quote}', LaunchConfiguration(name), quote]]


def policy_node(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    # An empty one would go before the parameter file's.
    given = context.launch_configurations
    record_dir = parameter('record_dir', '"') if given['record_dir'] else []
    images = parameter('images') if given['images'] else []
    node = LifecycleNode(
        package='saccade',
        executable='policy_node',
        name=LaunchConfiguration('name'),
        namespace=LaunchConfiguration('namespace'),
        # Not `parameters=`: launch files them under the node's full name, where rclnodejs 2.2 does not look.
        # The last one that says something about a parameter is right.
        ros_arguments=[
            *('--params-file', LaunchConfiguration('params')),
            *parameter('contract', '"'),
            *parameter('policy', '"'),
            *parameter('autostart'),
            *parameter('use_sim_time'),
            *parameter('lockstep'),
            *record_dir,
            *images,
            *('--log-level', LaunchConfiguration('log_level')),
        ],
        output='screen',
        emulate_tty=True,
    )
    return [node]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=policy_node)])
