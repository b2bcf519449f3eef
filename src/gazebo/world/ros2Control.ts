/** The robot for gz_ros2_control: its description and its controllers. */
import { stringify } from 'yaml';
import type { RobotContract } from '../../contract/contract.js';
import type { JointDescription, SceneDescription, ServoDescription } from '../../robots/sim/description.js';
import { CONTROLLER } from '../names.js';
import { axesOf, linkName } from './axes.js';
import { document, type Element, numbers, xml } from './xml.js';

/** Of the controller manager, Hz. */
const UPDATE_HZ = 100;

/**
 * gz_ros2_control moves a position joint at the speed gain · error · update rate. A servo with kp and kv, whose load is
 * light, moves at kp / kv · error: the gain that comes nearest to all of them.
 */
export function positionGain(servos: readonly ServoDescription[]): number {
  const rates = servos.map(({ kp, kv }) => kp / kv);
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length / UPDATE_HZ;
}

/** Parameters of the controller manager and of its two controllers. */
export function controllersYaml(contract: RobotContract): string {
  const joints = contract.joints.map((joint) => joint.name);
  return stringify({
    controller_manager: {
      ros__parameters: {
        update_rate: UPDATE_HZ,
        use_sim_time: true,
        joint_state_broadcaster: { type: 'joint_state_broadcaster/JointStateBroadcaster' },
        [CONTROLLER]: { type: 'forward_command_controller/ForwardCommandController' },
      },
    },
    joint_state_broadcaster: { ros__parameters: { joints, interfaces: ['position', 'velocity', 'effort'] } },
    [CONTROLLER]: { ros__parameters: { joints, interface_name: 'position' } },
  });
}

/**
 * As much as ros2_control has to know: links without shape, joints, what can be commanded and measured. What is
 * simulated is the SDF's robot.
 */
export function robotUrdf(
  contract: RobotContract,
  scene: SceneDescription,
  bodies: readonly number[],
  home: readonly number[],
): string {
  const axes = axesOf(scene, contract);
  const start = (leader: string): number => home[contract.joints.findIndex(({ name }) => name === leader)];
  return document(
    xml('robot', { name: contract.name }, [
      xml('link', { name: 'world' }),
      ...bodies.flatMap((index) => {
        const body = scene.bodies[index];
        const ends = [
          xml('parent', { link: body.parent ? linkName(scene.bodies[body.parent]) : 'world' }),
          xml('child', { link: linkName(body) }),
          xml('origin', {
            xyz: numbers(body.pose.position),
            rpy: numbers(rollPitchYaw(body.pose.orientation)),
          }),
        ];
        const [joint] = body.joints;
        return [
          xml('link', { name: linkName(body) }),
          joint
            ? xml('joint', { name: joint.name, type: joint.kind === 'hinge' ? 'revolute' : 'prismatic' }, [
                ...ends,
                ...motion(joint, contract, scene),
              ])
            : xml('joint', { name: `${body.name}_fixed`, type: 'fixed' }, ends),
        ];
      }),
      xml('ros2_control', { name: 'gazebo', type: 'system' }, [
        xml('hardware', [xml('plugin', 'gz_ros2_control/GazeboSimSystem')]),
        ...axes.map(({ joint, leader }) =>
          xml('joint', { name: joint.name }, [
            joint.name === leader ? xml('command_interface', { name: 'position' }) : undefined,
            xml('state_interface', { name: 'position' }, [
              xml('param', { name: 'initial_value' }, start(leader)),
            ]),
            xml('state_interface', { name: 'velocity' }),
            xml('state_interface', { name: 'effort' }),
          ]),
        ),
      ]),
    ]),
    'Made by `saccade gazebo-world`, for gz_ros2_control.',
  );
}

function motion(joint: JointDescription, contract: RobotContract, scene: SceneDescription): Element[] {
  const axis = axesOf(scene, contract).find((each) => each.joint.name === joint.name);
  const velocity = contract.joints.find(({ name }) => name === axis?.leader)?.velocity ?? 0;
  const [lower, upper] = joint.range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return [
    xml('axis', { xyz: numbers(joint.axis) }),
    xml('limit', {
      ...(joint.range && { lower: String(lower), upper: String(upper) }),
      velocity: String(velocity),
      effort: String(axis?.servo.maxForce ?? 0),
    }),
    ...(axis && axis.leader !== joint.name
      ? [xml('mimic', { joint: axis.leader, multiplier: '1', offset: '0' })]
      : []),
  ];
}

/** URDF's: about the fixed axes x, y, z, one after the other. */
export function rollPitchYaw([x, y, z, w]: readonly [number, number, number, number]): [
  number,
  number,
  number,
] {
  const sin = Math.max(-1, Math.min(1, 2 * (w * y - z * x)));
  return [
    Math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y)),
    Math.asin(sin),
    Math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)),
  ];
}
