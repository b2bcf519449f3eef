"""What the programs beside this one have in common: a node that spins while they are told on stdin what to do.

A line is a JSON list, a method's name and its arguments: ["mute", "/joint_states"]. Each is answered with one line
of JSON on stdout, what the method returns. The end of stdin is the program's end.
"""

import json
import sys
import threading

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node


def serve(node: Node, peer: object) -> None:
    """Spins `node`, on a thread of its own, and calls the methods of `peer` that are asked for."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=_spin, args=[executor], daemon=True)
    spinning.start()
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        print(json.dumps(getattr(peer, method)(*arguments)), flush=True)
    rclpy.shutdown()
    spinning.join()


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        pass
