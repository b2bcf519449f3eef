import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../../test/support/cli.js';
import { FakeGraph } from '../../../test/support/fakeGraph.js';
import { loadContract } from '../../contract/load.js';
import { nsToStamp } from '../../messages/time.js';
import type { Scenery } from '../../robots/sim/referee.js';
import { POSES_TOPIC } from '../names.js';
import { Sightings } from './sightings.js';

const contract = await loadContract(join(ROOT, 'config/robots/gazebo_arm.yaml'));
const MS = 1_000_000n;
const UPRIGHT = { x: 0, y: 0, z: 0, w: 1 };

let graph: FakeGraph;
let sightings: Sightings;
let seen: { readonly ms: number; readonly scenery: Scenery }[];

beforeEach(() => {
  graph = new FakeGraph();
  seen = [];
  sightings = new Sightings({
    graph,
    contract,
    objects: ['red_block', 'blue_block'],
    onScenery: (scenery, timeNs) => seen.push({ ms: Number(timeNs / MS), scenery }),
  });
});

const joints = (ms: number, elbow = ms / 1000) =>
  graph.joints('/joint_states', { elbow, gripper_mimic: 0.01 }, BigInt(ms) * MS);

function poses(ms: number, places: Readonly<Record<string, number>>): void {
  graph.publish('tf2_msgs/msg/TFMessage', POSES_TOPIC, {
    transforms: Object.entries(places).map(([name, x]) => ({
      header: { stamp: nsToStamp(BigInt(ms) * MS), frame_id: 'saccade' },
      child_frame_id: name,
      transform: { translation: { x, y: 0, z: 0.018 }, rotation: UPRIGHT },
    })),
  });
}

describe('Sightings', () => {
  it('puts together what was there at one time, whatever comes first', () => {
    joints(10);
    joints(12);
    poses(12, { red_block: 0.3 });
    expect(seen).toEqual([]);
    poses(12, { blue_block: 0.4 });
    expect(seen.map(({ ms }) => ms)).toEqual([12]);
    expect(seen[0].scenery.joints.get('elbow')).toBe(0.012);
    expect(seen[0].scenery.joints.get('gripper_mimic')).toBe(0.01);
    expect(seen[0].scenery.objects.get('blue_block')?.position).toEqual([0.4, 0, 0.018]);
    // Poses that are ahead of the joints wait for them.
    poses(22, { red_block: 0.3, blue_block: 0.4 });
    joints(20);
    expect(seen).toHaveLength(1);
    joints(22);
    expect(seen.map(({ ms }) => ms)).toEqual([12, 22]);
    expect(seen[1].scenery.joints.get('elbow')).toBe(0.022);
  });

  it('tells of each time once, and of nothing that is no object of the task', () => {
    joints(12);
    poses(12, { red_block: 0.3, blue_block: 0.4, gazebo_arm: 0 });
    poses(12, { red_block: 0.3, blue_block: 0.4 });
    joints(14);
    expect(seen).toHaveLength(1);
    expect([...seen[0].scenery.objects.keys()]).toEqual(['red_block', 'blue_block']);
  });

  it('knows how fast objects move', () => {
    joints(20);
    poses(10, { red_block: 0.3, blue_block: 0.4 });
    poses(20, { red_block: 0.302, blue_block: 0.4 });
    const [x, y, z] = seen[1].scenery.objects.get('red_block')?.velocity ?? [];
    expect(x).toBeCloseTo(0.2, 9);
    expect([y, z]).toEqual([0, 0]);
    expect(seen[1].scenery.objects.get('blue_block')?.velocity).toEqual([0, 0, 0]);
    // From one step of the physics to the next there is more noise than motion.
    joints(22);
    poses(22, { red_block: 0.302001, blue_block: 0.4 });
    expect(seen[2].scenery.objects.get('red_block')?.velocity[0]).toBeCloseTo(0.2, 9);
  });

  it('follows a world whose time begins anew', () => {
    joints(5000);
    poses(5000, { red_block: 0.3, blue_block: 0.4 });
    joints(2);
    poses(2, { red_block: 0.3, blue_block: 0.4 });
    expect(seen.map(({ ms }) => ms)).toEqual([5000, 2]);
  });

  it('names what is silent, and whether anybody would say it', () => {
    expect(sightings.silent(1)).toEqual([
      "nobody publishes /joint_states: is Gazebo running, and the topic in the bridge's YAML?",
      "nobody publishes /gazebo/poses: is Gazebo running, and the topic in the bridge's YAML?",
    ]);
    graph.offer('/joint_states', 'sensor_msgs/msg/JointState', '/bridge');
    graph.offer(POSES_TOPIC, 'tf2_msgs/msg/TFMessage', '/bridge');
    poses(2, { red_block: 0.3 });
    expect(sightings.silent(1)).toEqual(['nothing comes on /joint_states: is Gazebo running?']);
  });
});
