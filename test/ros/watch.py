"""Who watches a policy node at work, and operates it: a process of its own, which no fault of a robot touches.

Every command that is sent to the arm is written to the file named by the first argument, one JSON object a
message: when it came and its stamp (ns), the joints' positions by name. What it can be told (see peer.py) are the
methods of `Watch` that have a description.
"""

import json
import sys
import threading
import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future
from rosidl_runtime_py import message_to_ordereddict, set_message_fields
from rosgraph_msgs.msg import Clock
from saccade.action import RunEpisodes
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from peer import serve

TIMEOUT_S = 100
TOPICS = {'/joint_commands': JointState, '/clock': Clock}


class Watch:
    def __init__(self, node: Node, log):
        self.node = node
        self.log = log
        self.diagnoses = {}
        self.meddlers = {}
        self.results = None
        self.actions = ActionClient(node, RunEpisodes, '/saccade/run_episodes')
        node.create_subscription(JointState, '/joint_commands', self.commanded, 1000)
        node.create_subscription(DiagnosticArray, '/diagnostics', self.diagnosed, 10)

    def commanded(self, command: JointState) -> None:
        stamp = command.header.stamp.sec * 10**9 + command.header.stamp.nanosec
        positions = dict(zip(command.name, command.position))
        self.log.write(json.dumps({'at': str(time.time_ns()), 'stamp': str(stamp), 'positions': positions}) + '\n')
        self.log.flush()

    def diagnosed(self, array: DiagnosticArray) -> None:
        for status in array.status:
            values = {value.key: value.value for value in status.values}
            self.diagnoses[status.name.removeprefix('saccade: ')] = {'level': status.level[0], 'message': status.message, 'values': values}

    def diagnosis(self, name: str) -> dict | None:
        """What /diagnostics says of a part of the node, or of another, `gazebo_peer: world`."""
        return self.diagnoses.get(name)

    def call(self, name: str) -> dict:
        """Calls a Trigger service of the node, once it is there."""
        client = self.node.create_client(Trigger, f'/saccade/{name}')
        if not client.wait_for_service(timeout_sec=TIMEOUT_S):
            raise TimeoutError(name)
        return message_to_ordereddict(wait(client.call_async(Trigger.Request())))

    def begin(self, goal: dict) -> None:
        """Has the node run episodes."""
        message = RunEpisodes.Goal()
        set_message_fields(message, goal)
        if not self.actions.wait_for_server(timeout_sec=TIMEOUT_S):
            raise TimeoutError('run_episodes')
        self.results = wait(self.actions.send_goal_async(message)).get_result_async()

    def result(self) -> dict:
        """What has come of the episodes, when they are over; `status` as action_msgs/GoalStatus has it."""
        response = wait(self.results)
        return {'status': response.status, **message_to_ordereddict(response.result)}

    def meddle(self, name: str, topic: str) -> None:
        """A node comes up that could publish on a topic of TOPICS."""
        self.meddlers[name] = rclpy.create_node(name)
        self.meddlers[name].create_publisher(TOPICS[topic], topic, 10)

    def leave(self, name: str) -> None:
        """That node goes."""
        self.meddlers.pop(name).destroy_node()


def wait(future: Future):
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(TIMEOUT_S):
        raise TimeoutError
    return future.result()


rclpy.init()
node = rclpy.create_node('watch')
with open(sys.argv[1], 'a') as log:
    serve(node, Watch(node, log))
