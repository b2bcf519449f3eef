/** A policy's chunk out of the message that recorded it. */
import type { ActionChunk } from '../act/chunk.js';
import { fromStamp } from '../messages/time.js';
import type { JointTrajectory } from '../messages/types.js';

/** A chunk as `TOPICS.chunk` has it; `rateHz` is the contract's, which nanoseconds cannot hold exactly. */
export function chunkOf({ header, joint_names, points }: JointTrajectory, rateHz: number): ActionChunk {
  const width = joint_names.length;
  const actions = new Float32Array(points.length * width);
  points.forEach(({ positions }, row) => {
    if (positions.length !== width) throw new Error(`row ${row} has ${positions.length} of ${width} joints`);
    actions.set(positions, row * width);
  });
  const last = points.at(-1);
  const measured =
    last && points.length > 1 ? fromStamp(last.time_from_start) / (points.length - 1) : 1 / rateHz;
  const dt = Math.abs(measured - 1 / rateHz) < 1e-6 ? 1 / rateHz : measured;
  return { time: fromStamp(header.stamp), dt, length: points.length, width, actions };
}
