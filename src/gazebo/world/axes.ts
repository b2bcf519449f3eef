/** The joints that are moved, and by what. */
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import type {
  BodyDescription,
  JointDescription,
  SceneDescription,
  ServoDescription,
} from '../../robots/sim/description.js';

/** A joint, and the servo that moves it. */
export interface Axis {
  readonly joint: JointDescription;
  /** Contract joint that it does as. */
  readonly leader: string;
  readonly servo: ServoDescription;
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

/**
 * The servo's force is kp · (target − q) − kv · q̇. The first part is the controller's; the second is joint damping,
 * which is integrated implicitly, in MuJoCo and in DART. MuJoCo limits their sum: a limit of the first alone must leave
 * room for the second at the speeds that are allowed, or it would limit the speed.
 */
export function maxEffort({ leader, servo }: Axis, { joints }: RobotContract): number {
  const { velocity } = joints.find(({ name }) => name === leader) as { velocity: number };
  return servo.maxForce + servo.kv * velocity;
}

/** In SDF a link and a joint cannot have one name. */
export const linkName = ({ name }: Pick<BodyDescription, 'name'>): string => `${name}_link`;
