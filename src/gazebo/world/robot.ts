/**
 * The robot of a contract, in SDF: its links, joints, cameras, and what moves and measures them.
 *
 * SDF knows no inertia of rotors, and a link's own inertia has no room for it. It is left out: `npm run bench:gazebo-arm`
 * says how little that moves the joints.
 */
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import type {
  BodyDescription,
  JointDescription,
  SceneDescription,
  ServoDescription,
} from '../../robots/sim/description.js';
import { gz } from '../names.js';
import type { Contacts } from './contacts.js';
import { cameras, collision, inertial, plugin, pose, visual } from './parts.js';
import { type Release, system } from './release.js';
import { type Element, numbers, xml } from './xml.js';

/** A joint, and the servo that moves it. */
export interface Axis {
  readonly joint: JointDescription;
  /** Contract joint that it does as. */
  readonly leader: string;
  readonly servo: ServoDescription;
}

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
  const { name, joints } = contract;
  return xml('model', { name }, [
    xml('self_collide', false),
    ...bodies.flatMap((index) => [link(options, index), joint(options, index, axes)]),
    ...(control.kind === 'plain'
      ? [
          ...axes.map((axis) => controller(axis, options)),
          plugin(
            system(release, 'JointStatePublisher'),
            xml('topic', gz.jointStates(name)),
            ...joints.map((joint) => xml('joint_name', joint.name)),
          ),
        ]
      : [
          plugin(
            { filename: 'gz_ros2_control-system', name: 'gz_ros2_control::GazeboSimROS2ControlPlugin' },
            xml('parameters', control.parameters),
          ),
        ]),
  ]);
}

/**
 * The moved joints with their servos. Joints that move as one share what their leader's servo has: Gazebo couples none.
 * @throws UserError when a joint of the contract has no servo
 */
export function axesOf(
  { bodies, servos, coupled }: SceneDescription,
  { joints, file }: RobotContract,
): Axis[] {
  const all = new Map(bodies.flatMap((body) => body.joints.map((joint) => [joint.name, joint] as const)));
  return joints.flatMap(({ name }) => {
    const whole = servos.find(({ joint }) => joint === name);
    if (!whole) throw new UserError(`${file}: joint '${name}' has no position servo in the scene`);
    const together = [name, ...coupled.filter(([leader]) => leader === name).map(([, follower]) => follower)];
    const share = 1 / together.length;
    return together.map((each) => ({
      joint: all.get(each) as JointDescription,
      leader: name,
      servo: { joint: each, kp: whole.kp * share, kv: whole.kv * share, maxForce: whole.maxForce * share },
    }));
  });
}

/** In SDF a link and a joint cannot have one name. */
export const linkName = ({ name }: Pick<BodyDescription, 'name'>): string => `${name}_link`;

function link({ contract, scene, contacts }: RobotOptions, index: number): Element {
  const body = scene.bodies[index];
  const parent = body.parent ? linkName(scene.bodies[body.parent]) : undefined;
  return xml('link', { name: linkName(body) }, [
    pose(body.pose, parent),
    // What the scene gives no mass cannot move: any will do.
    body.mass > 0 ? inertial(body) : undefined,
    body.weightless ? xml('gravity', false) : undefined,
    ...body.geoms.map((geom) => collision(geom, contacts)),
    ...body.geoms.map(visual),
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
      xml('dynamics', [xml('damping', own.damping + (axis?.servo.kv ?? 0)), xml('friction', own.friction)]),
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

/**
 * The servo's force is kp · (target − q) − kv · q̇. The first part is the controller's; the second is joint damping,
 * which is integrated implicitly, in MuJoCo and in DART. MuJoCo limits their sum: a limit of the first alone must leave
 * room for the second at the speeds that are allowed, or it would limit the speed.
 */
function maxEffort({ leader, servo }: Axis, { joints }: RobotContract): number {
  const { velocity } = joints.find(({ name }) => name === leader) as { velocity: number };
  return servo.maxForce + servo.kv * velocity;
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
