/** What the simulated robot publishes. */
import { type RobotContract, rosJoint } from '../contract/contract.js';
import { encode } from '../messages/cdr.js';
import type { Messages, MessageType, Time } from '../messages/types.js';
import { MAX_REWARD } from '../robots/sim/simTask.js';
import type { SimWorld } from '../robots/sim/simWorld.js';
import type { Graph, Qos } from './graph.js';
import { markers } from './markers.js';

/** Where success is published when the contract does not say. */
const SUCCESS_TOPIC = '/success';

export class Sensors {
  readonly #world: SimWorld;
  readonly #out: ReturnType<typeof advertiseAll>;

  constructor(graph: Graph, world: SimWorld) {
    this.#world = world;
    this.#out = advertiseAll(graph, world.contract);
  }

  publishImages(stamp: Time): void {
    this.#out.images.forEach((image, index) => {
      // Rendering is most of the time: done only while somebody looks.
      if (image.listeners() === 0) return;
      const { name, width, height } = this.#world.contract.cameras[index];
      image.publish({
        header: { stamp, frame_id: name },
        height,
        width,
        encoding: 'rgb8',
        is_bigendian: 0,
        step: 3 * width,
        data: this.#world.picture(index),
      });
    });
  }

  /** The world in three dimensions, for RViz and Foxglove. */
  publishScene(stamp: Time): void {
    const { scene } = this.#out;
    if (scene.listeners() > 0) scene.publish({ markers: markers(this.#world.shapes(), stamp) });
  }

  publishJoints(stamp: Time): void {
    const measured = this.#world.measured();
    for (const { joints, states } of this.#out.joints)
      states.publish({
        header: { stamp, frame_id: '' },
        name: joints.map(({ name }) => name),
        position: Float64Array.from(joints, ({ index, scale, offset }) => (measured[index] - offset) / scale),
        velocity: new Float64Array(),
        effort: new Float64Array(),
      });
  }

  publishReward(reward: number): void {
    this.#out.reward.publish({ data: reward });
    this.#out.success.publish({ data: reward >= MAX_REWARD });
  }

  publishClock(clock: Time): void {
    this.#out.clock.publish({ clock });
  }
}

function advertiseAll(graph: Graph, contract: RobotContract) {
  const { cameras, jointStates, reward, success } = contract;
  const typed = <T extends MessageType>(type: T, topic: string, qos: Qos) => {
    const publication = graph.advertise(type, topic, qos);
    return {
      publish: (message: Messages[T]) => publication.publish(encode(type, message)),
      listeners: () => publication.listeners,
    };
  };
  // A joint that any topic may have is on the first.
  const joints = contract.joints.map((joint, index) => ({
    index,
    topic: jointStates.topics[0],
    ...rosJoint(joint),
  }));
  return {
    images: cameras.map(({ topic, qos }) => typed('sensor_msgs/msg/Image', topic, qos)),
    joints: jointStates.topics.map((topic) => ({
      joints: joints.filter((joint) => joint.topic === topic),
      states: typed('sensor_msgs/msg/JointState', topic, 'reliable'),
    })),
    reward: typed('std_msgs/msg/Float32', reward.topic, 'reliable'),
    success: typed('std_msgs/msg/Bool', success?.topic ?? SUCCESS_TOPIC, 'reliable'),
    scene: typed('visualization_msgs/msg/MarkerArray', '~/scene', 'reliable'),
    clock: typed('rosgraph_msgs/msg/Clock', '/clock', 'reliable'),
  };
}
