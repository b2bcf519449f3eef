/** Worlds for Gazebo to look into, and the MJCF files they come from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { loadContract } from '../../src/contract/load.js';
import type { Release } from '../../src/gazebo/world/release.js';
import type { WorldOptions } from '../../src/gazebo/world/world.js';
import type { Element } from '../../src/gazebo/world/xml.js';
import type { Quaternion, Vector } from '../../src/robots/sim/description.js';
import { SimWorld } from '../../src/robots/sim/simWorld.js';
import { loadTask } from '../../src/robots/sim/task.js';
import { ROOT } from './cli.js';

/** The arm's world with what a task puts there, as a seed lays it out; free `sim`. */
export async function simulated(
  release: Release,
  { robot = 'gazebo_arm', task = 'pick_lift', seed = 1 } = {},
): Promise<{ sim: SimWorld; options: WorldOptions }> {
  const contract = await loadContract(join(ROOT, `config/robots/${robot}.yaml`));
  const spec = await loadTask(task, join(ROOT, 'config/tasks'));
  const sim = await SimWorld.create(contract, spec);
  const home = sim.reset(seed);
  return {
    sim,
    options: {
      contract,
      scene: sim.describe(),
      randomise: spec.randomise,
      home,
      release,
      control: { kind: 'plain' },
      name: 'saccade',
      realTimeFactor: 1,
    },
  };
}

/** Elements of a kind in an MJCF file, as their attributes are written there. */
export function mjcf(file: string, tag: string): Record<string, string>[] {
  const text = readFileSync(join(ROOT, 'config/scenes', file), 'utf8');
  return [...text.matchAll(new RegExp(`<${tag}\\s([^>]*?)/?>`, 'g'))].map(([, attributes]) =>
    Object.fromEntries([...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value])),
  );
}

export function children(element: Element, tag: string): Element[] {
  return typeof element.content === 'string' ? [] : element.content.filter((child) => child.tag === tag);
}

/** The descendant that a path of tags leads to, each with a name where it says so: `model:cube/link/pose`. */
export function at(element: Element, path: string): Element {
  return path.split('/').reduce((here, step) => {
    const [tag, name] = step.split(':');
    const found = children(here, tag).filter(
      ({ attributes }) => name === undefined || attributes.name === name,
    );
    expect(found.length, `${step} of ${path}`).toBeGreaterThan(0);
    return found[0];
  }, element);
}

export const textAt = (element: Element, path: string): string => String(at(element, path).content);
export const numbersAt = (element: Element, path: string): number[] => numbersIn(textAt(element, path));
export const numbersIn = (text: string): number[] => text.trim().split(/\s+/).map(Number);

/** Position and orientation of a `<pose>`. */
export function poseAt(element: Element, path: string): [Vector, Quaternion] {
  expect(at(element, path).attributes.rotation_format).toBe('quat_xyzw');
  const [x, y, z, ...orientation] = numbersAt(element, path);
  return [[x, y, z], orientation as unknown as Quaternion];
}
