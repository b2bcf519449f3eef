"""A robot that is not there: publishes two cameras, joint states, commands and a static transform.

Every message of a topic differs from those before it. What was published is written to the file named by the
first argument, one JSON object a message: topic, stamp (ns), number of CDR bytes, their SHA-256. What it can be
told (see peer.py) are the methods of `Robot` that have a description.
"""

import hashlib
import json
import sys
import threading

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.serialization import serialize_message
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from peer import serve

RATE_HZ = 20
WIDTH, HEIGHT = 32, 24
JOINTS = ['pan', 'lift', 'gripper']
# A number after the end of the picture makes every message another, and no decoder minds it.
JPEG = bytes.fromhex(sys.argv[2])


class Robot(Node):
    def __init__(self, log):
        super().__init__('robot')
        self.log = log
        self.count = 0
        self.ticked = threading.Condition()
        self.paused = False
        self.muted = set()
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.topics = {
            '/wrist/image_raw': self.create_publisher(Image, '/wrist/image_raw', qos_profile_sensor_data),
            '/head/image_raw/compressed': self.create_publisher(
                CompressedImage, '/head/image_raw/compressed', qos_profile_sensor_data
            ),
            '/joint_states': self.create_publisher(JointState, '/joint_states', 10),
            '/leader/joint_states': self.create_publisher(JointState, '/leader/joint_states', 10),
            '/tf_static': self.create_publisher(TFMessage, '/tf_static', latched),
        }
        transform = TransformStamped(child_frame_id='wrist')
        transform.header.frame_id = 'base'
        self.send('/tf_static', TFMessage(transforms=[transform]), 0)
        self.create_timer(1 / RATE_HZ, self.publish)

    def publish(self):
        if self.paused:
            return
        n, stamp = self.count, self.get_clock().now()
        self.count += 1
        pixels = bytes((n + i) % 256 for i in range(WIDTH * HEIGHT * 3))
        image = Image(width=WIDTH, height=HEIGHT, encoding='rgb8', step=WIDTH * 3, data=pixels)
        compressed = CompressedImage(format='jpeg', data=JPEG + n.to_bytes(4, 'little'))
        joints = JointState(name=JOINTS[::-1], position=[n / 100, n / 50, n / 1000])
        command = JointState(name=JOINTS, position=[n / 1000, n / 50, n / 100])
        for topic, message in (
            ('/wrist/image_raw', image),
            ('/head/image_raw/compressed', compressed),
            ('/joint_states', joints),
            ('/leader/joint_states', command),
        ):
            message.header.stamp = stamp.to_msg()
            message.header.frame_id = topic
            self.send(topic, message, stamp.nanoseconds)
        with self.ticked:
            self.ticked.notify_all()

    def ticks(self, number):
        """Answers after so many more rounds of messages."""
        end = self.count + number
        with self.ticked:
            self.ticked.wait_for(lambda: self.count >= end, timeout=60)

    def mute(self, topic):
        """Stops publishing on `topic`."""
        self.muted.add(topic)

    def unmute(self, topic):
        """Goes on publishing on `topic`."""
        self.muted.discard(topic)

    def pause(self):
        """Stops publishing altogether; everything published so far is in the file."""
        self.paused = True
        self.log.flush()

    def send(self, topic, message, stamp):
        if topic in self.muted:
            return
        cdr = serialize_message(message)
        digest = hashlib.sha256(cdr).hexdigest()
        self.log.write(json.dumps({'topic': topic, 'stamp': str(stamp), 'bytes': len(cdr), 'sha256': digest}) + '\n')
        self.topics[topic].publish(message)

    def call(self, name):
        """Calls the std_srvs/Trigger service `name`, once it is there."""
        client = self.create_client(Trigger, name)
        if not client.wait_for_service(timeout_sec=60):
            return {'success': False, 'message': f'no service {name}'}
        done = threading.Event()
        future = client.call_async(Trigger.Request())
        future.add_done_callback(lambda _: done.set())
        done.wait(60)
        response = future.result()
        return {'success': response.success, 'message': response.message}


rclpy.init()
with open(sys.argv[1], 'w') as log:
    robot = Robot(log)
    serve(robot, robot)
