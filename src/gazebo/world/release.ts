/** What the two releases of Gazebo call the same things. */

/** Fortress (ign gazebo 6) and Harmonic (gz sim 8): the releases that ROS 2 Humble and Jazzy come with. */
export const RELEASES = ['fortress', 'harmonic'] as const;
export type Release = (typeof RELEASES)[number];

interface Words {
  /** What the file names of systems begin with, and their classes' namespace. */
  readonly library: string;
  readonly namespace: string;
  /** Package of the messages. */
  readonly messages: string;
}

const WORDS: Readonly<Record<Release, Words>> = {
  fortress: {
    library: 'ignition-gazebo',
    namespace: 'ignition::gazebo::systems',
    messages: 'ignition.msgs',
  },
  harmonic: { library: 'gz-sim', namespace: 'gz::sim::systems', messages: 'gz.msgs' },
};

/** A system as `<plugin>` names it: `JointStatePublisher` is in `…-joint-state-publisher-system`. */
export function system(release: Release, name: string): { filename: string; name: string } {
  const { library, namespace } = WORDS[release];
  const words = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
  return { filename: `${library}-${words}-system`, name: `${namespace}::${name}` };
}

/** A type of message: `Pose_V` is `gz.msgs.Pose_V`. */
export function messageType(release: Release, name: string): string {
  return `${WORDS[release].messages}.${name}`;
}
