/** What each camera of a recorded episode shows at its start, against the embedded renderer's image of the same scene. */

import { join } from 'node:path';
import type { RobotContract } from '../../src/contract/contract.js';
import { decodeImage } from '../../src/messages/image.js';
import { openEpisode } from '../../src/record/openEpisode.js';
import { Referee } from '../../src/robots/sim/referee.js';
import { loadTask, type TaskSpec } from '../../src/robots/sim/task.js';
import type { Example } from './picture.js';

export const TASKS = join(import.meta.dirname, '../../config/tasks');

export interface ImageGap {
  readonly camera: string;
  /** Mean absolute difference of red, green and blue, 0 … 255. */
  readonly difference: readonly [number, number, number];
  /** Images a simulated second. */
  readonly rateHz: number;
}

export interface ImageGaps {
  readonly cameras: readonly ImageGap[];
  /** Compared, of each camera. */
  readonly images: number;
  /** Of the first episode. */
  readonly examples: readonly Example[];
}

/** @param bags of runs whose images were recorded raw */
export async function imageGap(bags: readonly string[], task: string): Promise<ImageGaps> {
  const spec = steady(await loadTask(task, TASKS));
  const sums = new Map<string, { readonly channels: [number, number, number]; pixels: number }>();
  const seen = new Map<string, { images: number; seconds: number }>();
  const examples: Example[] = [];
  let images = 0;
  let referee: Referee | undefined;
  for (const path of bags) {
    const bag = await openEpisode(path);
    referee ??= await Referee.create(withScene(bag.contract), spec);
    const first = await firstImages(path);
    if (!first) continue;
    const { home, objects } = referee.layOut(bag.info?.seed ?? 0);
    const names = bag.contract.joints.map(({ name }) => name);
    const placed = objects
      .filter(({ moves }) => moves)
      .map((object) => [object.name, { ...object, velocity: [0, 0, 0] }] as const);
    referee.judge(
      {
        joints: new Map(names.map((name, j) => [name, first.joints[j] ?? home[j]])),
        objects: new Map(placed),
      },
      0,
    );
    bag.contract.cameras.forEach(({ name, width, height }, c) => {
      const there = first.images.get(name);
      if (!there) return;
      const here = (referee as Referee).world.picture(c);
      const sum = sums.get(name) ?? { channels: [0, 0, 0], pixels: 0 };
      for (let i = 0; i < here.length; i++) sum.channels[i % 3] += Math.abs(here[i] - there[i]);
      sum.pixels += here.length / 3;
      sums.set(name, sum);
      if (images === 0) examples.push({ camera: name, width, height, here, there });
      const rate = seen.get(name) ?? { images: 0, seconds: 0 };
      rate.images += (first.counts.get(name) ?? 1) - 1;
      rate.seconds += first.spans.get(name) ?? 0;
      seen.set(name, rate);
    });
    images++;
    await bag.close();
  }
  referee?.free();
  const cameras = [...sums].map(([camera, { channels, pixels }]): ImageGap => {
    const { images = 0, seconds = 0 } = seen.get(camera) ?? {};
    const [r, g, b] = channels.map((sum) => sum / pixels);
    return { camera, difference: [r, g, b], rateHz: images / seconds };
  });
  return { cameras, images, examples };
}

interface FirstImages {
  /** rgb8, by camera. */
  readonly images: ReadonlyMap<string, Uint8Array>;
  /** Measured nearest to them. */
  readonly joints: Float32Array;
  /** How many images there are in all of each camera, and from the first to the last, s. */
  readonly counts: ReadonlyMap<string, number>;
  readonly spans: ReadonlyMap<string, number>;
}

async function firstImages(path: string): Promise<FirstImages | undefined> {
  const bag = await openEpisode(path);
  try {
    const [images, times, last, counts] = [
      new Map<string, Uint8Array>(),
      new Map<string, number>(),
      new Map<string, number>(),
      new Map<string, number>(),
    ];
    const states: { readonly time: number; readonly positions: Float32Array }[] = [];
    for await (const event of bag.events(new Set(['frame', 'joints']))) {
      if (event.kind === 'joints') {
        if (states.length < 200) states.push(event);
      } else if (event.kind === 'frame') {
        const { camera, time, image } = event;
        if (!images.has(camera)) {
          images.set(camera, (await decodeImage(image.type, image.data)).data);
          times.set(camera, time);
        }
        last.set(camera, time);
        counts.set(camera, (counts.get(camera) ?? 0) + 1);
      }
    }
    const [at] = times.values();
    if (at === undefined || states.length === 0) return undefined;
    const nearest = states.reduce((best, state) =>
      Math.abs(state.time - at) < Math.abs(best.time - at) ? state : best,
    );
    const spans = new Map([...times].map(([camera, first]) => [camera, (last.get(camera) ?? first) - first]));
    return { images, joints: nearest.positions, counts, spans };
  } finally {
    await bag.close();
  }
}

/** The task with light and cameras as Gazebo has them: at the mean of their ranges. */
function steady(task: TaskSpec): TaskSpec {
  const { randomise } = task;
  const middle = ([low, high]: readonly [number, number]): [number, number] => [
    (low + high) / 2,
    (low + high) / 2,
  ];
  return {
    ...task,
    randomise: {
      ...randomise,
      light_azimuth_rad: middle(randomise.light_azimuth_rad),
      light_elevation_rad: middle(randomise.light_elevation_rad),
      light_diffuse: middle(randomise.light_diffuse),
      light_ambient: middle(randomise.light_ambient),
      light_tint: middle(randomise.light_tint),
      head_camera_offset_m: 0,
      head_camera_rotation_rad: 0,
      wrist_camera_offset_m: 0,
      wrist_camera_rotation_rad: 0,
    },
  } as TaskSpec;
}

/** A contract as a bag holds it, with the scene where this checkout has it. */
export function withScene(contract: RobotContract): RobotContract {
  const scene = new URL('../../config/scenes/tabletop.xml', import.meta.url).pathname;
  return { ...contract, sim: { scene } };
}
