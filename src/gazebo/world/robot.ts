/**
 * The robot of a contract, in SDF: its links, joints, cameras, and what moves and measures them.
 *
 * SDF knows no inertia of rotors, and a link's own inertia has no room for it: it is left out. So is dry friction: DART
 * finds its force as if there were no damping, which multiplies it by 1 + damping · step / inertia, at the last wrist
 * joint by more than 20. `npm run bench:gazebo-servos` says how little the two move the joints in MuJoCo.
 */
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import type { BodyDescription, JointDescription, SceneDescription } from '../../robots/sim/description.js';
import { gz } from '../names.js';
import { type Axis, axesOf, linkName, maxEffort } from './axes.js';
import type { Contacts } from './contacts.js';
import { cameras, collision, inertial, plugin, pose, visual } from './parts.js';
import { type Release, system } from './release.js';
import { positionGain } from './ros2Control.js';
import { type Element, numbers, xml } from './xml.js';

/** What moves the joints: a JointPositionController each, or ros2_control with these parameters (a file's path). */
export type Control =
  | { readonly kind: 'plain' }
  | { readonly kind: 'ros2_control'; readonly parameters: string };

export interface RobotOptions {
  readonly contract: RobotContract;
  readonly scene: SceneDescription;
  /** Indices of its bodies, parents first. */
  readonly bodies: readonly number[];
  readonly contacts: Contacts;
  /** Where the joints of the contract are held at first. */
  readonly home: readonly number[];
  readonly release: Release;
  readonly control: Control;
}

export function robot(options: RobotOptions): Element {
  const { contract, scene, bodies, release, control } = options;
  const axes = axesOf(scene, contract);
  const { name } = contract;
  return xml('model', { name }, [
    xml('self_collide', false),
    ...bodies.flatMap((index) => [link(options, index), joint(options, index, axes)]),
    ...(control.kind === 'plain'
      ? [
          ...axes.map((axis) => controller(axis, options)),
          plugin(
            system(release, 'JointStatePublisher'),
            xml('topic', gz.jointStates(name)),
            // The second finger, too: it is not coupled to the first.
            ...axes.map(({ joint }) => xml('joint_name', joint.name)),
          ),
        ]
      : [
          plugin(
            { filename: 'gz_ros2_control-system', name: 'gz_ros2_control::GazeboSimROS2ControlPlugin' },
            xml('parameters', control.parameters),
            xml('position_proportional_gain', positionGain(scene.servos)),
          ),
        ]),
  ]);
}

function link({ contract, scene, contacts }: RobotOptions, index: number): Element {
  const body = scene.bodies[index];
  const parent = body.parent ? linkName(scene.bodies[body.parent]) : undefined;
  return xml('link', { name: linkName(body) }, [
    pose(body.pose, parent),
    // What the scene gives no mass cannot move: any will do.
    body.mass > 0 ? inertial(body) : undefined,
    body.weightless ? xml('gravity', false) : undefined,
    ...body.geoms.map((geom) => collision(geom, contacts)),
    ...body.geoms.map((geom) => visual(geom)),
    ...cameras(body.cameras, contract),
  ]);
}

function joint({ scene, contract }: RobotOptions, index: number, axes: readonly Axis[]): Element {
  const body = scene.bodies[index];
  const parent = body.parent ? linkName(scene.bodies[body.parent]) : 'world';
  const ends = [xml('parent', parent), xml('child', linkName(body))];
  if (body.motion === 'fixed') return xml('joint', { name: `${body.name}_fixed`, type: 'fixed' }, ends);
  const own = onlyJoint(body, contract);
  const axis = axes.find((each) => each.joint === own);
  return xml('joint', { name: own.name, type: own.kind === 'hinge' ? 'revolute' : 'prismatic' }, [
    ...ends,
    xml('pose', numbers([...own.position, 0, 0, 0])),
    xml('axis', [
      xml('xyz', numbers(own.axis)),
      xml('limit', [
        xml('lower', own.range?.[0] ?? '-inf'),
        xml('upper', own.range?.[1] ?? 'inf'),
        ...(axis ? [xml('effort', maxEffort(axis, contract))] : []),
      ]),
      xml('dynamics', [xml('damping', own.damping + (axis?.servo.kv ?? 0))]),
    ]),
  ]);
}

function onlyJoint({ name, joints }: BodyDescription, { file }: RobotContract): JointDescription {
  if (joints.length !== 1)
    throw new UserError(
      `${file}: body '${name}' of the scene has ${joints.length} joints; Gazebo's links have one`,
    );
  return joints[0];
}

function controller(axis: Axis, { contract, home, release }: RobotOptions): Element {
  const { joint, leader, servo } = axis;
  const effort = maxEffort(axis, contract);
  return plugin(
    system(release, 'JointPositionController'),
    xml('joint_name', joint.name),
    xml('topic', gz.command(contract.name, leader)),
    xml('p_gain', servo.kp),
    xml('i_gain', 0),
    xml('d_gain', 0),
    xml('cmd_max', effort),
    xml('cmd_min', -effort),
    xml('initial_position', home[contract.joints.findIndex(({ name }) => name === leader)]),
  );
}
