import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  at,
  children,
  mjcf,
  numbersAt,
  numbersIn,
  poseAt,
  simulated,
  textAt,
} from '../../../test/support/gazebo.js';
import type { Vector } from '../../robots/sim/description.js';
import type { SimWorld } from '../../robots/sim/simWorld.js';
import { RELEASES } from './release.js';
import { product, rotated } from './rotation.js';
import { cross } from './surface.js';
import { type WorldOptions, world, worldSdf } from './world.js';
import type { Element } from './xml.js';

const close = (actual: readonly number[], wanted: readonly number[], digits = 6): void => {
  expect(actual.length).toBe(wanted.length);
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i], digits);
  });
};

describe.each(RELEASES)('the world for %s', (release) => {
  let sim: SimWorld;
  let options: WorldOptions;
  let root: Element;
  let robot: Element;
  beforeAll(async () => {
    ({ sim, options } = await simulated(release, { seed: 3 }));
    root = world(options);
    robot = at(root, 'model:gazebo_arm');
  });
  afterAll(() => sim.free());

  /** Of all systems in it, by class. */
  const plugins = (of: Element, name: string): Element[] =>
    children(of, 'plugin').filter(({ attributes }) => attributes.name.endsWith(`::${name}`));

  it('has the joints of the MJCF: names, kinds, axes, limits', () => {
    const joints = mjcf('arm.xml', 'joint').filter(({ axis }) => axis !== undefined);
    expect(joints).toHaveLength(8);
    for (const { name, axis, range, type = 'hinge' } of joints) {
      const joint = at(robot, `joint:${name}`);
      expect(joint.attributes.type).toBe(type === 'hinge' ? 'revolute' : 'prismatic');
      expect(numbersAt(joint, 'axis/xyz')).toEqual(numbersIn(axis));
      const limits = [textAt(joint, 'axis/limit/lower'), textAt(joint, 'axis/limit/upper')];
      expect(limits.map(Number)).toEqual(numbersIn(range));
    }
    // The base stands on the table; nothing else is fixed.
    const kinds = children(robot, 'joint').map(({ attributes }) => attributes.type);
    expect(kinds.filter((kind) => kind === 'fixed')).toHaveLength(1);
    expect(kinds).toHaveLength(9);
  });

  it('has limits as wide as the contract’s, but for what a command may press the gripper', () => {
    for (const { name, min, max } of options.contract.joints) {
      const limits = [
        numbersAt(robot, `joint:${name}/axis/limit/lower`),
        numbersAt(robot, `joint:${name}/axis/limit/upper`),
      ];
      expect(limits.flat()).toEqual(name === 'gripper' ? [0, 0.04] : [min, max]);
    }
  });

  it('has the servos of the MJCF, which two fingers share', () => {
    const damping: Record<string, number> = {
      wrist_1: 0.5,
      wrist_2: 0.5,
      wrist_3: 0.4,
      gripper: 4,
      gripper_mimic: 4,
    };
    const servos = mjcf('arm.xml', 'position');
    expect(servos).toHaveLength(7);
    const controllers = plugins(robot, 'JointPositionController');
    expect(controllers).toHaveLength(8);
    for (const { name, kp, kv, forcerange } of servos) {
      const moved = name === 'gripper' ? ['gripper', 'gripper_mimic'] : [name];
      const velocity = name === 'gripper' ? 0.2 : 4;
      for (const joint of moved) {
        const controller = controllers.find((each) => textAt(each, 'joint_name') === joint) as Element;
        expect(numbersAt(controller, 'p_gain')).toEqual([Number(kp) / moved.length]);
        expect(numbersAt(controller, 'i_gain')).toEqual([0]);
        expect(numbersAt(controller, 'd_gain')).toEqual([0]);
        const share = Number(kv) / moved.length;
        const most = numbersIn(forcerange)[1] / moved.length + share * velocity;
        close(numbersAt(controller, 'cmd_max'), [most]);
        close(numbersAt(controller, 'cmd_min'), [-most]);
        close(numbersAt(robot, `joint:${joint}/axis/limit/effort`), [most]);
        close(numbersAt(robot, `joint:${joint}/axis/dynamics/damping`), [(damping[joint] ?? 1) + share]);
        expect(children(at(robot, `joint:${joint}/axis/dynamics`), 'friction')).toEqual([]);
        // One command moves both fingers.
        expect(textAt(controller, 'topic')).toBe(`/model/gazebo_arm/joint/${name}/cmd_pos`);
        const index = options.contract.joints.findIndex((each) => each.name === name);
        close(numbersAt(controller, 'initial_position'), [options.home[index]]);
      }
    }
  });

  it('has the links of the MJCF: masses, inertias, no weight', () => {
    const inertials = mjcf('arm.xml', 'inertial');
    const links = children(robot, 'link').filter(({ attributes }) => attributes.name !== 'base_link');
    expect(links).toHaveLength(inertials.length);
    links.forEach((link, i) => {
      const { mass, pos, diaginertia } = inertials[i];
      expect(numbersAt(link, 'inertial/mass')).toEqual([Number(mass)]);
      close(numbersAt(link, 'inertial/pose'), [...numbersIn(pos), 0, 0, 0]);
      const inertia = ['ixx', 'iyy', 'izz', 'ixy', 'ixz', 'iyz'].flatMap((key) =>
        numbersAt(link, `inertial/inertia/${key}`),
      );
      close(inertia, [...numbersIn(diaginertia), 0, 0, 0], 9);
      expect(textAt(link, 'gravity')).toBe('false');
    });
  });

  it('has every link where MuJoCo has its body when all joints are 0', () => {
    const { scene } = sim;
    const state = scene.scratch();
    try {
      state.data.qpos.fill(0);
      state.forward();
      const placed = new Map<string, [Vector, readonly [number, number, number, number]]>();
      for (const link of children(robot, 'link')) {
        const [position, orientation] = poseAt(link, 'pose');
        const parent = at(link, 'pose').attributes.relative_to;
        const [origin, turn] =
          parent === undefined ? [[0, 0, 0] as Vector, [0, 0, 0, 1] as const] : (placed.get(parent) ?? []);
        if (!origin || !turn) throw new Error(`${parent} comes after its child`);
        const moved = rotated(position, turn);
        const here: Vector = [origin[0] + moved[0], origin[1] + moved[1], origin[2] + moved[2]];
        placed.set(link.attributes.name, [here, product(turn, orientation)]);
        const body = scene.id('body', link.attributes.name.replace(/_link$/, ''));
        close(here, [...state.data.xpos.subarray(3 * body, 3 * body + 3)]);
      }
      expect(placed.size).toBe(9);
    } finally {
      state.free();
    }
  });

  it.each([
    ['head', 'model:cell/link:cell'],
    ['wrist_detail', 'model:gazebo_arm/link:hand_link'],
    ['wrist_context', 'model:gazebo_arm/link:hand_link'],
  ])('has the camera %s of the MJCF, in the contract’s size', (name, link) => {
    const wanted = [...mjcf('arm.xml', 'camera'), ...mjcf('tabletop.xml', 'camera')].find(
      (each) => each.name === name,
    );
    const sensor = at(root, `${link}/sensor:${name}`);
    const [position, orientation] = poseAt(sensor, 'pose');
    close(position, numbersIn(wanted?.pos ?? ''));
    const axes = numbersIn(wanted?.xyaxes ?? '');
    const unit = (v: readonly number[]): Vector => v.map((c) => c / Math.hypot(...v)) as unknown as Vector;
    const right = unit(axes.slice(0, 3));
    const up = unit(axes.slice(3));
    // Gazebo's cameras look along x with z up; MuJoCo's along −z with y up and x to the right.
    close(rotated([1, 0, 0], orientation), cross(up, right));
    close(rotated([0, 0, 1], orientation), up);
    close(rotated([0, -1, 0], orientation), right);
    close(numbersAt(sensor, 'camera/horizontal_fov'), [(Number(wanted?.fovy) * Math.PI) / 180]);
    expect([...numbersAt(sensor, 'camera/image/width'), ...numbersAt(sensor, 'camera/image/height')]).toEqual(
      [96, 96],
    );
    expect(textAt(sensor, 'topic')).toBe(`/${name}/image_raw`);
    expect(numbersAt(sensor, 'update_rate')).toEqual([20]);
  });

  it('turns the vertical field of view into the horizontal one', () => {
    const wide = options.contract.cameras.map((camera) => ({ ...camera, width: 640, height: 480 }));
    const contract = { ...options.contract, cameras: wide };
    const fov = numbersAt(
      world({ ...options, contract }),
      'model:cell/link/sensor:head/camera/horizontal_fov',
    );
    const half = Math.tan((21 * Math.PI) / 180) * (640 / 480);
    close(fov, [2 * Math.atan(half)]);
  });

  it('has the solid boxes and rounds of the MJCF, in its places', () => {
    const geoms = [
      ...mjcf('arm.xml', 'geom'),
      ...mjcf('tabletop.xml', 'geom'),
      ...mjcf('pick_lift.xml', 'geom'),
    ];
    const solid = children(root, 'model')
      .flatMap((model) => children(model, 'link'))
      .flatMap((link) => children(link, 'collision'));
    const expected = geoms.filter(
      ({ name }) => name !== undefined && name !== 'floor' && name !== 'backdrop',
    );
    expect(solid.map(({ attributes }) => attributes.name).sort()).toEqual(
      expected.map(({ name }) => name).sort(),
    );
    for (const { name, type, size, pos = '0 0 0', fromto } of expected) {
      const collision = solid.find(({ attributes }) => attributes.name === name) as Element;
      const [a, b, c] = numbersIn(size);
      const geometry = at(collision, 'geometry');
      if (type === 'box') close(numbersAt(geometry, 'box/size'), [2 * a, 2 * b, 2 * c]);
      else if (fromto === undefined)
        close(
          [...numbersAt(geometry, `${type}/radius`), ...numbersAt(geometry, `${type}/length`)],
          [a, 2 * b],
        );
      else {
        const ends = numbersIn(fromto);
        const length = Math.hypot(ends[3] - ends[0], ends[4] - ends[1], ends[5] - ends[2]);
        close(
          [...numbersAt(geometry, 'capsule/radius'), ...numbersAt(geometry, 'capsule/length')],
          [a, length],
        );
      }
      if (fromto === undefined) close(poseAt(collision, 'pose')[0], numbersIn(pos));
    }
  });

  it('has everything that is to be seen, with a mesh and a picture of its own', () => {
    const visuals = children(root, 'model')
      .flatMap((model) => children(model, 'link'))
      .flatMap((link) => children(link, 'visual'));
    expect(visuals).toHaveLength(options.scene.bodies.flatMap(({ geoms }) => geoms).length);
    const files = visuals.map((each) => [
      textAt(each, 'geometry/mesh/uri'),
      textAt(each, 'material/pbr/metal/albedo_map'),
    ]);
    expect(new Set(files.flat()).size).toBe(2 * visuals.length);
  });

  it('rubs as in MuJoCo, though DART takes the lesser friction of two and MuJoCo the greater', () => {
    const friction = (path: string): number => {
      const [mu, mu2] = ['mu', 'mu2'].flatMap((key) =>
        numbersAt(root, `${path}/surface/friction/ode/${key}`),
      );
      expect(mu2).toBe(mu);
      return mu;
    };
    const cube = friction('model:cube/link/collision:cube');
    const finger = friction('model:gazebo_arm/link:finger_left_link/collision:finger_left');
    expect(Math.min(cube, finger)).toBe(1.5);
    expect(Math.min(cube, friction('model:cell/link/collision:table'))).toBe(1);
    expect(Math.min(cube, friction('model:gazebo_arm/link:hand_link/collision:palm'))).toBe(1);
  });

  it('has the cube as the seed lays it out, and says where it is', () => {
    const cube = at(root, 'model:cube');
    const body = sim.scene.id('body', 'cube');
    const { xpos, xquat } = sim.scene.data;
    const [position, [x, y, z, w]] = poseAt(cube, 'pose');
    close(position, [...xpos.subarray(3 * body, 3 * body + 3)]);
    close([w, x, y, z], [...xquat.subarray(4 * body, 4 * body + 4)]);
    expect(numbersAt(cube, 'link/inertial/mass')).toEqual([0.06]);
    close(numbersAt(cube, 'link/inertial/inertia/ixx'), [(0.06 * 2 * 0.036 ** 2) / 12], 12);
    expect(plugins(cube, 'PosePublisher')).toHaveLength(1);
  });

  it('steps as the MJCF does, without shadows', () => {
    expect(numbersAt(root, 'physics/max_step_size')).toEqual([0.002]);
    expect(textAt(root, 'physics/dart/solver/solver_type')).toBe('pgs');
    expect(numbersAt(root, 'gravity')).toEqual([0, 0, -9.81]);
    expect(textAt(root, 'scene/shadows')).toBe('false');
    expect(textAt(root, 'light/cast_shadows')).toBe('false');
  });

  it('names the systems as this release does', () => {
    const [library, space] = {
      fortress: ['ignition-gazebo', 'ignition::gazebo'],
      harmonic: ['gz-sim', 'gz::sim'],
    }[release];
    const all = [...children(root, 'plugin'), ...children(robot, 'plugin')].map(
      ({ attributes }) => attributes,
    );
    expect(all).toContainEqual({ filename: `${library}-physics-system`, name: `${space}::systems::Physics` });
    expect(all).toContainEqual({
      filename: `${library}-joint-position-controller-system`,
      name: `${space}::systems::JointPositionController`,
    });
    for (const { filename, name } of all) {
      expect(filename.startsWith(`${library}-`)).toBe(true);
      expect(name.startsWith(`${space}::systems::`)).toBe(true);
    }
  });
});

describe('the world of other tasks', () => {
  it('has what is drawn on the table where it lies, touching nothing', async () => {
    const { sim, options } = await simulated('harmonic', { task: 'pick_at_xy', seed: 2 });
    try {
      const root = world(options);
      for (const name of ['plate', 'target']) {
        const mark = at(root, `model:${name}`);
        expect(textAt(mark, 'static')).toBe('true');
        expect(children(at(mark, 'link'), 'collision')).toEqual([]);
        const body = 3 * sim.scene.id('body', name);
        close(poseAt(mark, 'pose')[0], [...sim.scene.data.xpos.subarray(body, body + 3)]);
      }
      expect(
        ['block_1', 'block_2', 'block_3'].map((name) => textAt(at(root, `model:${name}`), 'static')),
      ).toEqual(Array(3).fill('false'));
    } finally {
      sim.free();
    }
  });

  it('has two arms in one model', async () => {
    const { sim, options } = await simulated('harmonic', { robot: 'sim_bimanual', task: 'transfer_cube' });
    try {
      const robot = at(world(options), 'model:sim_bimanual');
      expect(children(robot, 'link')).toHaveLength(18);
      expect(
        children(robot, 'plugin').filter(({ attributes }) => /PositionController/.test(attributes.name)),
      ).toHaveLength(16);
      close(poseAt(robot, 'link:left_base_link/pose')[0], [-0.5, 0, 0]);
    } finally {
      sim.free();
    }
  });
});

describe('with ros2_control', () => {
  it('has its system in place of the joint controllers', async () => {
    const { sim, options } = await simulated('harmonic');
    try {
      const robot = at(
        world({ ...options, control: { kind: 'ros2_control', parameters: '/tmp/c.yaml' } }),
        'model:gazebo_arm',
      );
      const [plugin, ...others] = children(robot, 'plugin');
      expect(others).toEqual([]);
      expect(plugin.attributes.name).toBe('gz_ros2_control::GazeboSimROS2ControlPlugin');
      expect(textAt(plugin, 'parameters')).toBe('/tmp/c.yaml');
      // Servos that follow within 1/15 or 1/20 s, at 100 Hz.
      const [gain] = numbersAt(plugin, 'position_proportional_gain');
      expect(gain).toBeGreaterThan(0.15);
      expect(gain).toBeLessThan(0.2);
    } finally {
      sim.free();
    }
  });
});

describe('worldSdf', () => {
  it('escapes what the contract says', async () => {
    const { sim, options } = await simulated('harmonic');
    try {
      const text = worldSdf({
        ...options,
        contract: { ...options.contract, name: 'a<"&b', file: '/tmp/a--b.yaml' },
      });
      expect(text).toContain('<model name="a&lt;&quot;&amp;b">');
      expect(text.split('-->')[0]).not.toMatch(/<!--[\s\S]*--/);
    } finally {
      sim.free();
    }
  });
});
