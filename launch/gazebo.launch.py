"""Episodes of a policy in Gazebo: world, bridge, reward and policy, each a process of its own; then the summary.

ros2 launch saccade gazebo.launch.py policy:=my_policy/ episodes:=10

The world is made from the simulator's own (docs/gazebo.md), or is yours (docs/gazebo-your-world.md). It ends by itself when the
episodes are done, with exit code 0; when one of the processes dies before, it ends the others, and says which it was.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit, OnProcessIO, OnShutdown
from launch.events import Shutdown
from launch.events.process import ProcessExited, ProcessIO
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare('saccade')
WORLD = 'saccade'
# The world's services, each with its type in ROS 2. As arguments every version of the bridge takes them; in its YAML
# file only newer ones do.
SERVICES = {
    'control': 'ros_gz_interfaces/srv/ControlWorld',
    'set_pose': 'ros_gz_interfaces/srv/SetEntityPose',
    'create': 'ros_gz_interfaces/srv/SpawnEntity',
    'remove': 'ros_gz_interfaces/srv/DeleteEntity',
}
GAZEBO = {'harmonic': ['gz', 'sim'], 'fortress': ['ign', 'gazebo']}
ROS2_CONTROL = ['gz_ros2_control', 'controller_manager', 'robot_state_publisher', 'joint_state_broadcaster']
CONTROLLERS = ['joint_state_broadcaster', 'gazebo_controller']


def shipped(*path: str) -> PathJoinSubstitution:
    return PathJoinSubstitution([SHARE, *path])


ARGUMENTS = [
    DeclareLaunchArgument(
        'contract',
        default_value=shipped('config', 'robots', 'gazebo_arm.yaml'),
        description='Robot contract. One with a sim section has its world made, and its task judged by gazebo_peer.',
    ),
    DeclareLaunchArgument('policy', default_value=shipped('models', 'pick_lift'), description='Policy bundle.'),
    DeclareLaunchArgument(
        'task', default_value='pick_lift', description='Task name or file; without a sim section, any words.'
    ),
    DeclareLaunchArgument('episodes', default_value='10', description='How many; 0: none, and all stays up.'),
    DeclareLaunchArgument('seed', default_value='1', description='Of the first episode; each further one has the next.'),
    DeclareLaunchArgument(
        'record_dir', default_value='saccade_runs', description='Where the run is recorded, a bag an episode.'
    ),
    DeclareLaunchArgument(
        'images', default_value='jpeg', choices=['jpeg', 'raw'], description='How images are recorded.'
    ),
    DeclareLaunchArgument(
        'headless', default_value='true', choices=['true', 'false'], description="false: Gazebo's window opens."
    ),
    DeclareLaunchArgument(
        'lockstep',
        default_value='false',
        choices=['true', 'false'],
        description='The policy steps the world: time passes only when it has acted, however slow the machine is.',
    ),
    DeclareLaunchArgument(
        'rtf', default_value='1.0', description='Real-time factor of the simulation at most; 0: as fast as it can.'
    ),
    DeclareLaunchArgument(
        'gz',
        default_value='auto',
        choices=['auto', 'fortress', 'harmonic'],
        description='Release of Gazebo; auto: the newest that is installed.',
    ),
    DeclareLaunchArgument(
        'control',
        default_value='auto',
        choices=['auto', 'plain', 'ros2_control'],
        description="What moves the joints: Gazebo's joint controllers or gz_ros2_control; auto: that where it is installed.",
    ),
    DeclareLaunchArgument(
        'world', default_value='', description='SDF file of a world of your own, named saccade; empty: one is made.'
    ),
    DeclareLaunchArgument('bridge', default_value='', description="The bridge's YAML file for a world of your own."),
]


def episodes_in_gazebo(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = context.launch_configurations
    release = installed_release(given['gz'])
    if not installed('ros_gz_bridge'):
        raise RuntimeError('The package ros_gz_bridge is not installed: on Ubuntu, `apt install ros-$ROS_DISTRO-ros-gz`.')
    control = installed_control(given['control'], release)
    if given['lockstep'] == 'true' and float(given['rtf']) <= 0:
        raise RuntimeError(
            f'rtf:={given["rtf"]} does not go with lockstep:=true: while it is paused Gazebo would say what time it is as '
            'fast as it can; give how fast it may be at most, such as 2.'
        )
    simulated = 'sim' in yaml.safe_load(Path(given['contract']).read_text())
    if not given['world'] and not simulated:
        raise RuntimeError(f'{given["contract"]} has no sim section to make a world from: give world:= and bridge:=.')
    folder = Path(tempfile.mkdtemp(prefix='saccade-gazebo-'))
    try:
        world, bridge = (given['world'], given['bridge']) if given['world'] else made_world(given, release, control, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    run = Run(context)
    return [
        RegisterEventHandler(OnShutdown(on_shutdown=lambda *_: shutil.rmtree(folder, ignore_errors=True))),
        RegisterEventHandler(OnProcessExit(on_exit=run.on_exit)),
        *([RegisterEventHandler(OnStateTransition(goal_state='active', entities=run.begin()))] if run.wanted else []),
        ExecuteProcess(name='gazebo', cmd=server(release, world, given), output='screen'),
        Node(
            package='ros_gz_bridge',
            executable='parameter_bridge',
            name='gazebo_bridge',
            parameters=[{'config_file': bridge}],
            arguments=[f'/world/{WORLD}/{name}@{service}' for name, service in SERVICES.items()],
            output='screen',
        ),
        *(peer(given, release, control) if simulated else []),
        *(ros2_control(folder) if control == 'ros2_control' and not given['world'] else []),
        IncludeLaunchDescription(
            shipped('launch', 'policy.launch.py'),
            launch_arguments={
                'contract': given['contract'],
                'policy': given['policy'],
                'record_dir': str(Path(given['record_dir']).absolute()),
                'images': given['images'],
                'lockstep': given['lockstep'],
                'use_sim_time': 'true',
            }.items(),
        ),
    ]


def installed_release(wanted: str) -> str:
    for release in [wanted] if wanted != 'auto' else GAZEBO:
        try:
            versions = subprocess.run([*GAZEBO[release], '--versions'], capture_output=True, text=True, timeout=60)
        except (FileNotFoundError, subprocess.TimeoutExpired):
            continue
        if versions.returncode == 0 and versions.stdout.strip():
            return release
    programs = [f'`{" ".join(GAZEBO[name])}`' for name in (GAZEBO if wanted == 'auto' else [wanted])]
    none = f'neither {" nor ".join(programs)} runs' if len(programs) > 1 else f'{programs[0]} does not run'
    raise RuntimeError(f'Gazebo was not found: {none} here; docs/gazebo.md says how to install it.')


def installed_control(wanted: str, release: str) -> str:
    there = release == 'harmonic' and all(map(installed, [*ROS2_CONTROL, 'forward_command_controller']))
    if wanted == 'auto':
        return 'ros2_control' if there else 'plain'
    if wanted == 'ros2_control' and not there:
        raise RuntimeError(
            'control:=ros2_control needs Gazebo Harmonic and the packages gz_ros2_control and ros2_controllers: '
            'on Ubuntu, `apt install ros-$ROS_DISTRO-gz-ros2-control ros-$ROS_DISTRO-ros2-controllers`.'
        )
    return wanted


def installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def made_world(given: dict[str, str], release: str, control: str, folder: Path) -> tuple[str, str]:
    """The files of the world and of the bridge, in a folder that is there until the end."""
    made = subprocess.run(
        [
            *(str(Path(get_package_prefix('saccade'), 'bin', 'saccade')), 'gazebo-world'),
            *('--robot', given['contract'], '--task', given['task'], '--seed', given['seed']),
            *('--gz', release, '--control', control, '--rtf', given['rtf'], '--out', str(folder)),
        ],
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise RuntimeError(made.stderr.strip().removeprefix('error: '))
    return str(folder / f'{WORLD}.sdf'), str(folder / 'bridge.yaml')


def server(release: str, world: str, given: dict[str, str]) -> list[str]:
    # Errors alone are said: warnings are many and say little.
    # In lockstep it stands still until it is told to step: what comes then does not depend on how long that took.
    return [
        *GAZEBO[release],
        *(['-r'] if given['lockstep'] == 'false' else []),
        *('-v', '1'),
        *(['-s', '--headless-rendering'] if given['headless'] == 'true' else []),
        world,
    ]


def peer(given: dict[str, str], release: str, control: str) -> list[LaunchDescriptionEntity]:
    """Resets, reward and success of the task."""
    return [
        Node(
            package='saccade',
            executable='gazebo_peer',
            arguments=[
                *('--robot', given['contract'], '--task', given['task'], '--world', WORLD),
                *('--gz', release, '--control', control),
                *(['--lockstep'] if given['lockstep'] == 'true' else []),
            ],
            output='screen',
            emulate_tty=True,
        )
    ]


def ros2_control(folder: Path) -> list[LaunchDescriptionEntity]:
    """The description that gz_ros2_control waits for, and its controllers."""
    description = (folder / 'robot.urdf').read_text()
    return [
        Node(
            package='robot_state_publisher',
            executable='robot_state_publisher',
            parameters=[{'robot_description': description, 'use_sim_time': True}],
        ),
        Node(
            name='spawner',
            package='controller_manager',
            executable='spawner',
            arguments=[*CONTROLLERS, '--param-file', str(folder / 'controllers.yaml')],
        ),
    ]


class Run:
    """The episodes, as a goal of the policy's action; and what becomes of the launch when a process ends."""

    def __init__(self, context: LaunchContext) -> None:
        given = context.launch_configurations
        goal = {
            'count': int(given['episodes']),
            'seed': int(given['seed']),
            'task': given['task'],
            'time_limit': time_limit(context, given['task']),
            'record': True,
        }
        self.goal = ExecuteProcess(
            name='episodes',
            cmd=['ros2', 'action', 'send_goal', '/saccade/run_episodes', 'saccade/action/RunEpisodes', str(goal)],
            # The node says itself how each episode went; its result is said here.
            output='log',
        )
        self.wanted = goal['count'] > 0
        self.printed = ''
        self.begun = False

    def begin(self) -> list[LaunchDescriptionEntity]:
        return [OpaqueFunction(function=self.on_active)]

    def on_active(self, _: LaunchContext) -> list[LaunchDescriptionEntity]:
        if self.begun:
            return []
        self.begun = True
        return [RegisterEventHandler(OnProcessIO(target_action=self.goal, on_stdout=self.on_printed)), self.goal]

    def on_printed(self, event: ProcessIO) -> None:
        self.printed += event.text.decode()

    def on_exit(self, event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if context.is_shutdown:
            return []
        if event.action is self.goal:
            return self.on_end()
        name = event.process_name.rsplit('-', 1)[0]
        if name == 'spawner' and event.returncode == 0:
            return []
        raise RuntimeError(
            f'{name} ended before the episodes were done (exit code {event.returncode}): what it said last is above.'
        )

    def on_end(self) -> list[LaunchDescriptionEntity]:
        result, _, status = self.printed.partition('Goal finished with status: ')
        # Only its first line is indented.
        said = yaml.safe_load(result.partition('Result:\n')[2].lstrip()) or {}
        message = said.get('message') or f'The episodes were not run: {self.printed.strip()}'
        if not status.startswith('SUCCEEDED'):
            raise RuntimeError(message)
        return [LogInfo(msg=message), EmitEvent(event=Shutdown(reason='the episodes are done'))]


def time_limit(context: LaunchContext, task: str) -> float:
    """The task's own (s); of one that has no file, 0: the node's."""
    named = Path(shipped('config', 'tasks', f'{task}.yaml').perform(context))
    file = named if named.exists() else Path(task)
    return float(yaml.safe_load(file.read_text())['time_limit_s']) if file.is_file() else 0.0


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=episodes_in_gazebo)])
