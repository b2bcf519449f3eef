"""An arm of three joints that is where it was told to be, and can be made to fail in every way.

Two cameras look at a light that swells and fades, so that a policy that follows it never stands still, whichever
of them it sees it with: `wrist` publishes raw images, `head` JPEGs.
`python3 arm.py '{"jpegs": …, "period_s": …, "pose": …, "clock": …}'`:

  jpegs  hexadecimal, what `head` sees one after the other in a period of the light
  pose   where the joints are at first
  clock  true: publishes /clock, which its stamps are then of; otherwise they are the machine's time

What it can be told (see peer.py) are the methods of `Arm` that have a description.
"""

import json
import math
import sys
import threading
import time

import rclpy
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_srvs.srv import Trigger

from peer import serve

CAMERA_HZ, JOINT_HZ = 20, 50
WIDTH, HEIGHT = 32, 24
JOINTS = ['pan', 'lift', 'gripper']


class Arm:
    def __init__(self, node: Node, jpegs: list[str], period_s: float, pose: list[float], clock: bool):
        self.node = node
        self.jpegs = [bytes.fromhex(jpeg) for jpeg in jpegs]
        self.period_s = period_s
        self.pose = dict(zip(JOINTS, pose))
        self.lock = threading.RLock()
        self.faults = {'wrist': '', 'head': '', 'joints': '', 'reset': ''}
        self.newest = {}
        self.offset = 0
        self.clock = node.create_publisher(Clock, '/clock', 10) if clock else None
        self.publishers = {
            'wrist': node.create_publisher(Image, '/wrist/image_raw', qos_profile_sensor_data),
            'head': node.create_publisher(CompressedImage, '/head/image_raw/compressed', qos_profile_sensor_data),
            'joints': node.create_publisher(JointState, '/joint_states', 10),
        }
        node.create_subscription(JointState, '/joint_commands', self.move, 10)
        node.create_service(Trigger, '/arm/reset', self.reset)
        node.create_timer(1 / CAMERA_HZ, self.look)
        node.create_timer(1 / JOINT_HZ, self.feel)

    def fail(self, faults: dict[str, str]) -> dict[str, str]:
        """Makes parts of it fail, or mends them ('').

        Returns per part the stamp (ns) of what it has sent last without a fault.
        """
        with self.lock:
            self.faults.update(faults)
            return {part: str(stamp) for part, stamp in self.newest.items()}

    def jump(self, seconds: float) -> None:
        """Sets its clock forward, or back."""
        with self.lock:
            self.offset += int(seconds * 1e9)

    def now(self) -> int:
        return time.time_ns() + self.offset

    def move(self, command: JointState) -> None:
        with self.lock:
            self.pose.update(zip(command.name, command.position))

    def reset(self, _, response: Trigger.Response) -> Trigger.Response:
        if self.faults['reset'] == 'slow':
            time.sleep(20)
        response.success = True
        return response

    def look(self) -> None:
        with self.lock:
            stamp = self.now()
            phase = time.monotonic() / self.period_s % 1
            light = 0.5 + 0.25 * math.sin(2 * math.pi * phase)
            self.send('wrist', stamp, self.photograph(self.faults['wrist'], light))
            jpeg = self.jpegs[int(phase * len(self.jpegs))]
            cut = len(jpeg) * 3 // 4 if self.faults['head'] == 'cut jpeg' else None
            self.send('head', stamp, CompressedImage(format='jpeg', data=jpeg[:cut]))

    @staticmethod
    def photograph(fault: str, light: float) -> Image:
        width, height = (40, 30) if fault == 'size' else (WIDTH, HEIGHT)
        if fault == 'encoding':
            return Image(width=width, height=height, encoding='32FC1', step=4 * width, data=bytes(4 * width * height))
        pixels = bytes([round(255 * light)]) * (3 * width * height)
        return Image(width=width, height=height, encoding='rgb8', step=3 * width, data=pixels)

    def feel(self) -> None:
        with self.lock:
            stamp = self.now()
            names = {'order': JOINTS[::-1], 'lacking': ['pan', 'gripper']}.get(self.faults['joints'], JOINTS)
            self.send('joints', stamp, JointState(name=names, position=[self.pose[name] for name in names]))
            if self.clock:
                self.clock.publish(Clock(clock=to_time(stamp)))

    def send(self, part: str, stamp: int, message) -> None:
        fault = self.faults[part]
        if fault == 'off':
            return
        message.header.stamp = to_time(stamp)
        if fault in ('', 'order'):
            self.newest[part] = stamp
        cdr = serialize_message(message)
        self.publishers[part].publish(cdr[: len(cdr) // 2] if fault == 'cut cdr' else cdr)


def to_time(ns: int) -> Time:
    return Time(sec=ns // 10**9, nanosec=ns % 10**9)


rclpy.init()
node = rclpy.create_node('arm')
serve(node, Arm(node, **json.loads(sys.argv[1])))
