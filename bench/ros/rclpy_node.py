"""The rival: what `saccade node` does, as a rclpy + numpy + onnxruntime node that is written with care.

    rclpy_node.py CONTRACT POLICY TRACE

Images are taken as views (np.frombuffer) and resized by area, vectorised; inference has a thread of its own, as the
commands must go on meanwhile (onnxruntime lets go of the interpreter lock); chunks are ensembled by time, as in ACT;
a timer publishes commands at the contract's rate. It has no lifecycle, no safety stage but clipping, no diagnostics, and of
synchronising no more than that a set's images are of one instant. TRACE gets what `trace.mjs` writes of Saccade.
"""

import signal
import sys
import threading
from collections import deque
from time import monotonic_ns

import numpy as np
import onnxruntime
import rclpy
import yaml
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState


class AreaResize:
    """[H, W, 3] uint8 to [height, width, 3]: every output pixel is the mean of the area it covers."""

    def __init__(self, source, target):
        # Whole rows are added up; along a row a product of matrices is faster.
        shares = self.shares(source[0], target[0])
        first = (shares > 0).argmax(axis=1)
        most = (shares > 0).sum(axis=1).max()
        index = first[:, None] + np.arange(most)
        weight = np.take_along_axis(np.pad(shares, [(0, 0), (0, most)]), index, axis=1)
        index = np.minimum(index, source[0] - 1)
        self.rows = [(index[:, k], weight[:, k, None]) for k in range(most)]
        self.columns = self.shares(source[1], target[1])

    @staticmethod
    def shares(source, target):
        """[target, source]: each source pixel's share of each output pixel."""
        edges = np.arange(target + 1)[:, None] * (source / target)
        pixel = np.arange(source)
        covered = np.minimum(pixel + 1, edges[1:]) - np.maximum(pixel, edges[:-1])
        return (np.clip(covered, 0, None) * (target / source)).astype(np.float32)

    def __call__(self, image):
        flat = image.reshape(len(image), -1)
        rows = sum(flat[index] * weight for index, weight in self.rows)
        return (self.columns @ rows.reshape(len(rows), -1, 3) + 0.5).astype(np.uint8)


class Ensemble:
    """ACT's temporal ensembling over chunks that know their times: weight exp(-m·i), i = 0 the oldest."""

    def __init__(self, m, length, dt):
        self.m, self.length, self.dt = m, length, dt
        self.chunks = deque(maxlen=length)

    def add(self, time, actions):
        self.chunks.append((time, actions))

    def action_at(self, time):
        found = []
        for start, actions in list(self.chunks):
            row = (time - start) / self.dt
            if 0 <= row <= self.length - 1:
                below = min(int(row), self.length - 2)
                found.append(actions[below] + (row - below) * (actions[below + 1] - actions[below]))
        if not found:
            return None
        weights = np.exp(-self.m * np.arange(len(found)))
        return weights @ np.stack(found) / weights.sum()


class PolicyNode(Node):
    def __init__(self, contract, policy, folder):
        super().__init__('rclpy_policy')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        self.session = onnxruntime.InferenceSession(f'{folder}/policy.onnx', options, ['CPUExecutionProvider'])
        self.trace = []
        self.cameras = policy['cameras']
        self.joints = policy['action']['joints']
        self.low = np.array([joint['min'] for joint in contract['joints']])
        self.high = np.array([joint['max'] for joint in contract['joints']])
        self.resize = {
            camera['name']: AreaResize((view['height'], view['width']), (camera['height'], camera['width']))
            for camera in self.cameras
            for view in contract['cameras']
            if view['name'] == camera['name']
        }
        self.ensemble = Ensemble(policy['strategy']['m'], policy['action']['chunk'], 1 / policy['rate_hz'])
        self.tolerance = 0.5 / policy['rate_hz']
        self.images = {}
        self.state = None
        self.previous = {}
        self.complete = threading.Condition()
        self.observation = None
        self.warm_up()

        for index, camera in enumerate(contract['cameras']):
            self.subscribe(index, camera)
        self.create_subscription(JointState, '/joint_states', self.on_joints, qos_profile_sensor_data)
        self.commands = self.create_publisher(JointState, contract['command']['topic'], 10)
        self.create_timer(1 / contract.get('command_rate_hz', contract['rate_hz']), self.on_timer)
        self.stopped = False
        self.inference = threading.Thread(target=self.infer)
        self.inference.start()

    def warm_up(self):
        feeds = {
            tensor.name: np.zeros(tensor.shape, np.uint8 if tensor.type == 'tensor(uint8)' else np.float32)
            for tensor in self.session.get_inputs()
        }
        for _ in range(3):
            self.session.run(['action'], feeds)

    def subscribe(self, index, camera):
        def on_image(message):
            began = monotonic_ns()
            pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
            stamp = message.header.stamp
            self.on_image(camera['name'], stamp.sec + 1e-9 * stamp.nanosec, pixels)
            self.trace.append(f'image,{index},{pixels[1, 1, 0]},{began},{monotonic_ns()}')

        self.create_subscription(Image, camera['topic'], on_image, qos_profile_sensor_data)

    def on_image(self, name, time, pixels):
        self.images[name] = (time, pixels)
        times = [time for time, _ in self.images.values()]
        if self.state is None or len(times) < len(self.cameras) or max(times) - min(times) > self.tolerance:
            return
        with self.complete:
            self.observation = (max(times), self.images, self.state)
            self.complete.notify()
        self.images = {}

    def on_joints(self, message):
        position = dict(zip(message.name, message.position))
        self.state = np.array([[position[joint] for joint in self.joints]], np.float32)

    def infer(self):
        while True:
            with self.complete:
                self.complete.wait_for(lambda: self.stopped or self.observation is not None)
                if self.stopped:
                    return
                time, images, state = self.observation
                self.observation = None
            feeds = {'state': state}
            for camera in self.cameras:
                name = camera['name']
                current = self.resize[name](images[name][1])[None]
                feeds[camera['inputs']['current']] = current
                feeds[camera['inputs']['previous']] = self.previous.get(name, current)
                self.previous[name] = current
            began = monotonic_ns()
            (actions,) = self.session.run(['action'], feeds)
            ended = monotonic_ns()
            self.ensemble.add(time, actions[0])
            self.trace.append(f'run,{",".join(f"{mark:.0f}" for mark in actions[0, 0, :3])},{began},{ended}')

    def stop(self):
        with self.complete:
            self.stopped = True
            self.complete.notify()
        self.inference.join()

    def on_timer(self):
        now = self.get_clock().now()
        action = self.ensemble.action_at(1e-9 * now.nanoseconds)
        if action is None:
            return
        began = monotonic_ns()
        message = JointState(name=self.joints, position=np.clip(action, self.low, self.high).tolist())
        message.header.stamp = now.to_msg()
        self.commands.publish(message)
        self.trace.append(f'publish,{began},{monotonic_ns()}')


def main():
    contract_file, folder, trace_file = sys.argv[1:]
    with open(contract_file) as contract, open(f'{folder}/policy.yaml') as manifest:
        contract, policy = yaml.safe_load(contract), yaml.safe_load(manifest)
    rclpy.init()
    node = PolicyNode(contract, policy, folder)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    print('Active', flush=True)
    while not stopped.is_set():  # rclpy.spin, but for its end.
        executor.spin_once(timeout_sec=0.5)
    node.stop()
    with open(trace_file, 'w') as trace:
        trace.write('\n'.join(node.trace) + '\n')


main()
