/** The robot for gz_ros2_control: its description and its controllers. */
import { stringify } from 'yaml';
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import type { JointDescription, SceneDescription } from '../../robots/sim/description.js';
import { axesOf, linkName } from './robot.js';
import { document, type Element, numbers, xml } from './xml.js';

/** Of the controller manager, Hz: every fifth step of the physics. */
const UPDATE_HZ = 100;

/** The controller of the contract's command topic: `/NAME/commands`. @throws UserError where the topic is not of this form */
export function controllerName({ file, commands }: RobotContract): string {
  const [{ topic }] = commands;
  const name = /^\/(\w+)\/commands$/.exec(topic)?.[1];
  if (commands.length !== 1 || name === undefined)
    throw new UserError(
      `${file}: for ros2_control the contract must have one command, its topic of the form /controller/commands`,
    );
  return name;
}

/** Parameters of the controller manager and of its two controllers. */
export function controllersYaml(contract: RobotContract): string {
  const name = controllerName(contract);
  const joints = contract.joints.map((joint) => joint.name);
  const [{ joints: commanded }] = contract.commands;
  return stringify({
    controller_manager: {
      ros__parameters: {
        update_rate: UPDATE_HZ,
        use_sim_time: true,
        joint_state_broadcaster: { type: 'joint_state_broadcaster/JointStateBroadcaster' },
        [name]: { type: 'forward_command_controller/ForwardCommandController' },
      },
    },
    joint_state_broadcaster: { ros__parameters: { joints, interfaces: ['position', 'velocity', 'effort'] } },
    [name]: { ros__parameters: { joints: [...commanded], interface_name: 'position' } },
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
): string {
  const axes = axesOf(scene, contract);
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
            ...['position', 'velocity', 'effort'].map((name) => xml('state_interface', { name })),
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
