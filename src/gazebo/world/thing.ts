/** What lies about on the table, or is drawn on it: models of one link, which say where they are. */
import type { GeomDescription, SceneDescription } from '../../robots/sim/description.js';
import { contactsOf } from './contacts.js';
import { collision, inertial, type LookFiles, lookFiles, plugin, pose, visual } from './parts.js';
import { type Release, system } from './release.js';
import { document, type Element, xml } from './xml.js';

/** Models that lie about, by name: those whose poses are published. */
export function things({ bodies }: SceneDescription): string[] {
  return bodies.filter(({ motion }) => motion === 'free' || motion === 'mocap').map(({ name }) => name);
}

/** @param files of the looks of its geoms */
export function thing(
  scene: SceneDescription,
  name: string,
  release: Release,
  files: (geom: GeomDescription) => LookFiles = lookFiles,
): Element {
  const body = scene.bodies.find((each) => each.name === name);
  if (!body) throw new Error(`the scene has no body '${name}'`);
  const { motion, geoms } = body;
  const contacts = contactsOf(scene);
  const loose = motion === 'free';
  return xml('model', { name }, [
    pose(body.pose),
    xml('static', !loose),
    xml('link', { name }, [
      loose ? inertial(body) : undefined,
      ...geoms.map((geom) => collision(geom, contacts)),
      ...geoms.map((geom) => visual(geom, files)),
    ]),
    // At every step of the physics, where it is not told how often: what begins later than the world, a copy that a reset
    // makes, would count its periods from then on, and never be seen at the instants of control ticks.
    plugin(
      system(release, 'PosePublisher'),
      xml('publish_link_pose', false),
      // Without the second, the first does not hold for models that are in no other.
      xml('publish_model_pose', true),
      xml('publish_nested_model_pose', true),
      xml('use_pose_vector_msg', true),
    ),
  ]);
}

/** A description of the model alone, for a world that is running. */
export function thingSdf(
  scene: SceneDescription,
  name: string,
  release: Release,
  files: (geom: GeomDescription) => LookFiles,
): string {
  return document(
    xml('sdf', { version: '1.9' }, [thing(scene, name, release, files)]),
    'Made by saccade gazebo-peer.',
  );
}
