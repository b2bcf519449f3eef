"""Listens to a robot's commands as a controller would, and keeps when each came and what it said.

    meter.py TOPIC LOG

LOG gets, a command: when DDS sent it and when it was here (both ns since 1970), when that was on the monotonic clock
(ns; all processes of a machine share it), the message's length, and the message (CDR). On stdin it takes a line,
`call NAME`, and calls that std_srvs/Trigger service of the node under test; it answers with a line of JSON.
"""

import json
import struct
import sys
import threading
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

RECORD = struct.Struct('<qqqI')
SERVICE_TIMEOUT_S = 30


class Meter(Node):
    def __init__(self, topic, log):
        super().__init__('bench_meter')
        self.log = log
        self.create_subscription(JointState, topic, self.on_command, 100, raw=True)

    def on_command(self, cdr, info):
        now, monotonic = time.time_ns(), time.monotonic_ns()
        self.log.write(RECORD.pack(info['source_timestamp'], now, monotonic, len(cdr)))
        self.log.write(cdr)

    def call(self, name):
        client = self.create_client(Trigger, name)
        try:
            if not client.wait_for_service(timeout_sec=SERVICE_TIMEOUT_S):
                return {'success': False, 'message': f'nobody offers {name}'}
            done = threading.Event()
            future = client.call_async(Trigger.Request())
            future.add_done_callback(lambda _: done.set())
            if not done.wait(SERVICE_TIMEOUT_S):
                return {'success': False, 'message': f'{name} did not answer'}
            response = future.result()
            return {'success': response.success, 'message': response.message}
        finally:
            self.destroy_client(client)


def spin(node):
    try:
        rclpy.spin(node)
    except ExternalShutdownException:
        pass


def main():
    topic, file = sys.argv[1:]
    rclpy.init()
    with open(file, 'wb') as log:
        meter = Meter(topic, log)
        spinning = threading.Thread(target=spin, args=[meter])
        spinning.start()
        for line in sys.stdin:
            _, name = line.split()
            print(json.dumps(meter.call(name)), flush=True)
        rclpy.shutdown()
        spinning.join()


main()
