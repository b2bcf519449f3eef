import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode } from '../../messages/cdr.js';
import { fromStamp } from '../../messages/time.js';
import { commandMessage } from './commandMessage.js';

const PERIOD = 0.05;
const JOINTS = {
  indices: [2, 0],
  ros: [
    { name: 'finger', scale: 0.5, offset: 1 },
    { name: 'pan_joint', scale: 1, offset: 0 },
  ],
};
const command = { time: 12.5, positions: Float32Array.of(0.25, 99, 3) };

const TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory';

describe('commandMessage', () => {
  it('names joints as the robot does, in the controller’s order and units', () => {
    const message = decode(
      'sensor_msgs/msg/JointState',
      commandMessage('sensor_msgs/msg/JointState', JOINTS, command, { period: PERIOD }),
    );
    expect(message.name).toEqual(['finger', 'pan_joint']);
    expect([...message.position]).toEqual([4, 0.25]);
    expect(message.header.stamp).toEqual({ sec: 12, nanosec: 500_000_000 });
  });

  it('gives a forward controller the positions alone', () => {
    const type = 'std_msgs/msg/Float64MultiArray';
    const { data, layout } = decode(type, commandMessage(type, JOINTS, command, { period: PERIOD }));
    expect([...data]).toEqual([4, 0.25]);
    expect(layout.dim).toEqual([]);
  });

  it('asks for no velocity at a single point: the arm must not stop there', () => {
    const { header, points } = decode(
      TRAJECTORY,
      commandMessage(TRAJECTORY, JOINTS, command, { period: PERIOD }),
    );
    expect(header.stamp).toEqual({ sec: 0, nanosec: 0 });
    expect(points.map(({ positions, velocities }) => [[...positions], velocities.length])).toEqual([
      [[4, 0.25], 0],
    ]);
    expect(fromStamp(points[0].time_from_start)).toBe(PERIOD);
  });

  it('stops where the horizon says that the arm is at rest', () => {
    const horizon = { dt: PERIOD, positions: [] };
    const { points } = decode(
      TRAJECTORY,
      commandMessage(TRAJECTORY, JOINTS, { ...command, horizon }, { period: PERIOD }),
    );
    expect(points.map(({ velocities }) => [...velocities])).toEqual([[0, 0]]);
  });

  it('has velocities that fit its positions, within those of its steps, and ends at rest', () => {
    const value = fc.float({ min: -3, max: 3, noNaN: true });
    const row = fc.tuple(value, value, value).map((values) => Float32Array.from(values));
    const cases = fc.record({
      previous: row,
      now: row,
      ahead: fc.array(row, { minLength: 1, maxLength: 12 }),
    });
    fc.assert(
      fc.property(cases, ({ previous, now, ahead }) => {
        const sent = { time: 0, positions: now, horizon: { dt: PERIOD, positions: ahead } };
        const { points } = decode(
          TRAJECTORY,
          commandMessage(TRAJECTORY, JOINTS, sent, { period: PERIOD, previous }),
        );
        const rows = [previous, now, ...ahead];
        expect(points.map((point) => fromStamp(point.time_from_start))).toEqual(
          points.map((_, k) => expect.closeTo((k + 1) * PERIOD, 8)),
        );
        JOINTS.indices.forEach((index, j) => {
          const { scale, offset } = JOINTS.ros[j];
          const at = (k: number) => (rows[k][index] - offset) / scale;
          points.forEach(({ positions, velocities }, k) => {
            expect(positions[j]).toBe(at(k + 1));
            if (k === points.length - 1) {
              expect(velocities[j]).toBe(0);
              return;
            }
            expect(velocities[j]).toBeCloseTo((at(k + 2) - at(k)) / (2 * PERIOD), 9);
            // The mean of the two steps about the point: no faster than the faster of them.
            const steps = [at(k + 1) - at(k), at(k + 2) - at(k + 1)].map((step) => Math.abs(step) / PERIOD);
            expect(Math.abs(velocities[j])).toBeLessThanOrEqual(Math.max(...steps) + 1e-9);
          });
        });
      }),
    );
  });
});
