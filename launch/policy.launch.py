"""A policy on a robot: the managed node, configured and activated.

ros2 launch saccade policy.launch.py contract:=my_robot.yaml policy:=my_policy/
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
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


def generate_launch_description() -> LaunchDescription:
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
            *('--log-level', LaunchConfiguration('log_level')),
        ],
        output='screen',
        emulate_tty=True,
    )
    return LaunchDescription([*ARGUMENTS, node])
