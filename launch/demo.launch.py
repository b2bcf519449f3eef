"""The simulated arm and the shipped policy, each a node of its own; nothing else needs to be installed.

ros2 launch saccade demo.launch.py

RViz and Foxglove's bridge come up where they are installed. Episodes run one after the other; afterwards both
nodes stay, and `ros2 action send_goal /saccade/run_episodes …` runs more.
"""

from pathlib import Path

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare('saccade')


def shipped(*path: str) -> PathJoinSubstitution:
    return PathJoinSubstitution([SHARE, *path])


ARGUMENTS = [
    DeclareLaunchArgument(
        'contract',
        default_value=shipped('config', 'robots', 'sim_arm.yaml'),
        description='Robot contract with a sim section.',
    ),
    DeclareLaunchArgument('policy', default_value=shipped('models', 'pick_lift'), description='Policy bundle.'),
    DeclareLaunchArgument('task', default_value='pick_lift', description='Task name or file.'),
    DeclareLaunchArgument('episodes', default_value='5', description='Run so many as soon as both are up; 0: none.'),
    DeclareLaunchArgument('seed', default_value='1', description='Of the first episode; each further one has the next.'),
    DeclareLaunchArgument('rtf', default_value='1.0', description='Real-time factor of the simulation.'),
    DeclareLaunchArgument(
        'autostart',
        default_value='true',
        choices=['true', 'false'],
        description='Configure and activate the policy at once.',
    ),
    DeclareLaunchArgument(
        'rviz', default_value='auto', choices=['auto', 'true', 'false'], description='auto: where it is installed.'
    ),
    DeclareLaunchArgument(
        'foxglove',
        default_value='auto',
        choices=['auto', 'true', 'false'],
        description="Foxglove's bridge on port 8765; its layout is in config/foxglove. auto: where it is installed.",
    ),
]


def viewers(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        arguments=['-d', shipped('config', 'rviz', 'demo.rviz')],
        parameters=[{'use_sim_time': True}],
    )
    foxglove = Node(
        package='foxglove_bridge', executable='foxglove_bridge', parameters=[{'use_sim_time': True, 'port': 8765}]
    )
    wanted = [('rviz', 'rviz2', rviz), ('foxglove', 'foxglove_bridge', foxglove)]
    return [node for argument, package, node in wanted if is_wanted(context, argument, package)]


def is_wanted(context: LaunchContext, argument: str, package: str) -> bool:
    value = context.launch_configurations[argument]
    if value != 'auto':
        return value == 'true'
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def episodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    count, seed, task = (context.launch_configurations[name] for name in ('episodes', 'seed', 'task'))
    if int(count) == 0:
        return []
    goal = {'count': int(count), 'seed': int(seed), 'task': task, 'time_limit': time_limit(context, task)}
    return [
        ExecuteProcess(
            cmd=['ros2', 'action', 'send_goal', '/saccade/run_episodes', 'saccade/action/RunEpisodes', str(goal)],
            # The node says itself how each episode went.
            output='log',
        )
    ]


def time_limit(context: LaunchContext, task: str) -> float:
    """The task's own (s); a task is named, or is a file, as `saccade sim-robot` takes it."""
    named = Path(shipped('config', 'tasks', f'{task}.yaml').perform(context))
    file = named if named.exists() else Path(task)
    return float(yaml.safe_load(file.read_text())['time_limit_s'])


def generate_launch_description() -> LaunchDescription:
    robot = Node(
        package='saccade',
        executable='sim_robot',
        arguments=[
            *('--robot', LaunchConfiguration('contract')),
            *('--task', LaunchConfiguration('task')),
            *('--rtf', LaunchConfiguration('rtf')),
            *('--seed', LaunchConfiguration('seed')),
        ],
        output='screen',
        emulate_tty=True,
    )
    policy = IncludeLaunchDescription(
        PathJoinSubstitution([SHARE, 'launch', 'policy.launch.py']),
        launch_arguments={
            'contract': LaunchConfiguration('contract'),
            'policy': LaunchConfiguration('policy'),
            'autostart': LaunchConfiguration('autostart'),
            'use_sim_time': 'true',
        }.items(),
    )
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=viewers),
            RegisterEventHandler(OnStateTransition(goal_state='active', entities=[OpaqueFunction(function=episodes)])),
            robot,
            policy,
        ]
    )
