/** A world for Gazebo, in SDF: the robot of a contract, its cell, and what a task puts there. */
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import type { BodyDescription, SceneDescription } from '../../robots/sim/description.js';
import type { Surroundings } from '../../robots/sim/surroundings.js';
import { type Contacts, contactsOf, modelOf } from './contacts.js';
import { meanLight } from './light.js';
import { cameras, collision, plugin, visual } from './parts.js';
import { type Release, system } from './release.js';
import { type Control, robot } from './robot.js';
import { thing, things } from './thing.js';
import { document, type Element, numbers, xml } from './xml.js';

export interface WorldOptions {
  readonly contract: RobotContract;
  readonly scene: SceneDescription;
  /** What a seed decides: the light has its means. */
  readonly randomise: Surroundings;
  /** Where the joints of the contract are held at first. */
  readonly home: readonly number[];
  readonly release: Release;
  readonly control: Control;
  /** The world's name. */
  readonly name: string;
  /** Simulated seconds a second; 0: as many as the machine can. */
  readonly realTimeFactor: number;
}

/** SDF 1.9: the newest that Fortress knows. */
export function worldSdf(options: WorldOptions): string {
  const { contract, release } = options;
  return document(
    xml('sdf', { version: '1.9' }, [world(options)]),
    `Made by \`saccade gazebo-world\` for Gazebo ${release}, from ${contract.file} and the MJCF files it names.`,
  );
}

export function world(options: WorldOptions): Element {
  const { contract, scene, name } = options;
  const contacts = contactsOf(scene);
  return xml('world', { name }, [
    ...physics(options),
    ...systems(options.release),
    ...light(options.randomise),
    ...scenery(scene, contract, contacts),
    robot({ ...options, contacts, bodies: robotBodies(scene.bodies, contract) }),
    ...things(scene).map((name) => thing(scene, name, options.release)),
  ]);
}

/** The bodies that the contract's joints move, and those these hang on. */
export function robotBodies(bodies: readonly BodyDescription[], { joints, file }: RobotContract): number[] {
  const own = new Set(joints.map(({ name }) => name));
  const roots = new Set(
    bodies.flatMap((body, index) =>
      body.joints.some(({ name }) => own.has(name)) ? [modelOf(bodies, index)] : [],
    ),
  );
  if (roots.size === 0) throw new UserError(`${file}: the scene has none of the contract's joints`);
  return bodies.flatMap((_, index) => (roots.has(modelOf(bodies, index)) ? [index] : []));
}

function physics({ scene, realTimeFactor }: WorldOptions): Element[] {
  return [
    xml('physics', { name: 'dart', type: 'dart' }, [
      xml('max_step_size', scene.timestep),
      xml('real_time_factor', realTimeFactor),
      // DART's own choice, Dantzig's, now and then finds no forces for a moment: what the fingers hold then drops.
      xml('dart', [xml('solver', [xml('solver_type', 'pgs')])]),
    ]),
    xml('gravity', numbers(scene.gravity)),
  ];
}

function systems(release: Release): Element[] {
  return [
    plugin(system(release, 'Physics')),
    plugin(system(release, 'UserCommands')),
    plugin(system(release, 'SceneBroadcaster')),
    plugin(system(release, 'Sensors'), xml('render_engine', 'ogre2')),
  ];
}

function light(randomise: Surroundings): Element[] {
  const { ambient, diffuse, direction, background } = meanLight(randomise);
  return [
    xml('scene', [
      xml('ambient', numbers([...ambient, 1])),
      xml('background', numbers([...background, 1])),
      xml('shadows', false),
      xml('grid', false),
    ]),
    xml('light', { name: 'lamp', type: 'directional' }, [
      xml('pose', '0 0 2 0 0 0'),
      xml('cast_shadows', false),
      xml('diffuse', '1 1 1 1'),
      xml('specular', '0 0 0 1'),
      xml('intensity', diffuse),
      xml('direction', numbers(direction)),
    ]),
  ];
}

/** The world's own geoms and cameras: a model that does not move. */
function scenery({ bodies }: SceneDescription, contract: RobotContract, contacts: Contacts): Element[] {
  const [{ geoms, cameras: mounted }] = bodies;
  return [
    xml('model', { name: 'cell' }, [
      xml('static', true),
      xml('link', { name: 'cell' }, [
        ...geoms.map((geom) => collision(geom, contacts)),
        ...geoms.map((geom) => visual(geom)),
        ...cameras(mounted, contract),
      ]),
    ]),
  ];
}
